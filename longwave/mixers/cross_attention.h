#pragma once

#include "longwave/mixers/mixer.h"
#include "longwave/nn/multihead_attention.h"

namespace longwave {

struct CrossAttentionOptions {
  std::int64_t d = 0;          // width of x and y
  std::int64_t d_context = 0;  // of the context; 0: d
  std::int64_t heads = 0;      // of queries, which divide d; 0: as many as make them 64 wide
  std::int64_t key_heads = 0;  // of keys and values, shared by groups of query heads; 0: one for each
  bool bias = true;            // of the four linear maps
};

/// Softmax attention of a sequence to another one, as a decoder looks at what its encoder made:
/// y = o(softmax(q k' / sqrt(e)) v) in heads, q from x [b, t, d], k and v from the context [b, s, d_context]. Every
/// step of x is by itself, so that any split of it gives the whole. Weights q.weight, q.bias, k.*, v.*, o.*.
class CrossAttention final : public Module {
 public:
  /// Draws fresh weights from `seed`. UserError if the widths and heads do not fit.
  CrossAttention(const CrossAttentionOptions& options, std::uint64_t seed);

  /// What forward reads of a context, projected once for all steps: keys and values "k", "v" [b, s, key_heads, e], and
  /// "exists" [b, s]. Rows may be chosen and repeated as those of a mixer's state. lengths: true ones of the context's
  /// rows; what is beyond influences nothing.
  State read(const at::Tensor& context, const Lengths& lengths = {}) const;

  /// [b, t, d] from x [b, t, d] and a context that was read. Outputs beyond a row's length are zero, and so is, before
  /// the output map, what a row with an empty context gets. UserError if anything does not fit.
  at::Tensor forward(const at::Tensor& x, const State& context, const Lengths& lengths = {}) const;

  /// The same for a context [b, s, d_context] that is read for this call alone.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& context, const Lengths& lengths = {},
                     const Lengths& context_lengths = {}) const;

 private:
  CrossAttention(const CrossAttentionOptions& options, const SeededInit& drawn);
  void check_sequences(const char* what, const at::Tensor& x, std::int64_t width, const Lengths& lengths) const;
  void check_context(const State& context, const at::Tensor& x) const;

  std::int64_t d_, d_context_;
  AttentionShape shape_;
  AttentionMaps maps_;
};

}  // namespace longwave
