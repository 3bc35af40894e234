#pragma once

#include <torch/nn/modules/linear.h>

#include <optional>
#include <string>

#include "longwave/nn/module.h"
#include "longwave/ops/rotary.h"

namespace longwave {

/// Heads of a softmax attention layer and how its queries see its keys.
struct AttentionShape {
  std::int64_t heads = 1, key_heads = 1;
  bool causal = true;
  std::optional<ops::RotaryPairs> rotary = {};
  double rotary_base = 10000;
  bool alibi = false;  // scores fall with the distance, by the slopes of nn/alibi.h
  double scale = 0;    // of the scores; 0: 1 / sqrt(width of a head)
};

/// The heads of a layer of width d. `heads` 0: as many as make them 64 wide; `key_heads` 0: one for each query head.
/// UserError, in the name of `layer`, if they do not divide.
AttentionShape attention_heads(const char* layer, std::int64_t d, std::int64_t heads, std::int64_t key_heads);

/// Its linear maps: q, k, v, o as [out, in] and [out]; undefined biases mean none.
struct AttentionWeights {
  at::Tensor q, q_bias, k, k_bias, v, v_bias, o, o_bias;
};

/// The same as parameters of `owner`, registered as q, k, v and o: queries and outputs of width d, keys and values from
/// steps of width d_context.
struct AttentionMaps {
  torch::nn::Linear q, k, v, o;

  AttentionMaps(torch::nn::Module& owner, const AttentionShape& shape, std::int64_t d, std::int64_t d_context,
                bool bias);
  AttentionWeights weights() const;
};

/// The same from maps by name: q.weight, q.bias, k.weight, ..., or as torch.nn.MultiheadAttention joins them:
/// in_proj_weight [3 d, d] (or q_proj_weight, k_proj_weight, v_proj_weight, where keys and values have widths of their
/// own), in_proj_bias, out_proj.weight, out_proj.bias. UserError if a weight is missing.
AttentionWeights attention_weights(const TensorMap& weights);

/// The names q.weight, q.bias, k.weight, ... for any of these forms.
TensorMap split_joint_projection(TensorMap weights);

/// Queries, keys and values of the attention, by head: [b, t, heads, e]. `first`: position of a row's first step,
/// int64 [b], or undefined for 0.
struct Projections {
  at::Tensor q, k, v;
};
Projections project(const AttentionShape& shape, const AttentionWeights& w, const at::Tensor& x,
                    const at::Tensor& context, const at::Tensor& first);

/// Whole layer: queries from x [b, t, d], keys and values from context [b, s, d] (x itself where undefined). key_mask:
/// bool [b, s], true at keys that exist, or undefined. Returns [b, t, d].
at::Tensor multihead_attention(const AttentionShape& shape, const AttentionWeights& w, const at::Tensor& x,
                               const at::Tensor& context = {}, const at::Tensor& key_mask = {});

}  // namespace longwave
