#pragma once

#include <torch/nn/modules/linear.h>

#include <functional>

#include "longwave/nn/dropout.h"

namespace longwave {

/// Softmax attention of q [b, h, lq, e] over k, v [b, h, lk, e], scale e^-1/2, dropout on the probabilities ->
/// [b, lq, h e]. `causal`: position i sees keys 0..i.
at::Tensor full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal,
                          const Dropout& dropout, bool training);

/// Multi-head attention with projections on both sides; heads are contiguous blocks of the width. What happens between
/// the projections is `inner`. Names: query_projection, key_projection, value_projection, out_projection.
class AttentionLayer final : public torch::nn::Module {
 public:
  /// q [b, h, lq, e], k and v [b, h, lk, e], training -> [b, lq, h e]
  using Inner = std::function<at::Tensor(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool training)>;

  /// `d_model` must be a multiple of `n_heads`: UserError otherwise.
  AttentionLayer(std::int64_t d_model, std::int64_t n_heads, Inner inner);

  /// Queries [b, lq, d], keys and values [b, lk, d] -> [b, lq, d].
  at::Tensor forward(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values);

 private:
  at::Tensor split_heads(const at::Tensor& x) const;  // [b, l, d] -> [b, h, l, e]

  std::int64_t n_heads_;
  Inner inner_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, out_{nullptr};
};

/// The `inner` of ordinary attention.
AttentionLayer::Inner full_attention_inner(bool causal, Dropout dropout);

}  // namespace longwave
