#include "longwave/mixers/cross_attention.h"

#include <ATen/ATen.h>

#include "longwave/base/check.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/lengths.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

using at::Tensor;

constexpr auto kName = "cross_attention";

AttentionShape shape_of(const CrossAttentionOptions& o) {
  check(o.d > 0 && o.d_context >= 0, kName, ": d is ", o.d, " and d_context ", o.d_context,
        "; expected positive widths");
  return attention_heads(kName, o.d, o.heads, o.key_heads);
}

}  // namespace

CrossAttention::CrossAttention(const CrossAttentionOptions& options, std::uint64_t seed)
    : CrossAttention(options, SeededInit(seed)) {}

CrossAttention::CrossAttention(const CrossAttentionOptions& options, const SeededInit&)
    : d_(options.d),
      d_context_(options.d_context ? options.d_context : options.d),
      shape_(shape_of(options)),
      maps_(*this, shape_, d_, d_context_, options.bias) {}

State CrossAttention::read(const Tensor& context, const Lengths& lengths) const {
  check_sequences("cross_attention: context", context, d_context_, lengths);
  const auto valid = valid_steps(lengths, context);
  const auto steps = zero_padding(context, valid);
  const auto w = maps_.weights();
  return {{"k", split_heads(at::linear(steps, w.k, w.k_bias), shape_.key_heads)},
          {"v", split_heads(at::linear(steps, w.v, w.v_bias), shape_.key_heads)},
          {"exists", valid.defined() ? valid.squeeze(-1)
                                     : at::ones(context.sizes().slice(0, 2), context.options().dtype(at::kBool))}};
}

Tensor CrossAttention::forward(const Tensor& x, const State& context, const Lengths& lengths) const {
  check_sequences("cross_attention: x", x, d_, lengths);
  check_context(context, x);
  const auto valid = valid_steps(lengths, x);
  const auto w = maps_.weights();
  const auto q = split_heads(at::linear(zero_padding(x, valid), w.q, w.q_bias), shape_.heads);
  const auto y = std::get<0>(
      ops::softmax_attention(q, context.at("k"), context.at("v"), {.causal = false, .key_mask = context.at("exists")}));
  return zero_padding(at::linear(merge_heads(y), w.o, w.o_bias), valid);
}

Tensor CrossAttention::forward(const Tensor& x, const Tensor& context, const Lengths& lengths,
                               const Lengths& context_lengths) const {
  return forward(x, read(context, context_lengths), lengths);
}

void CrossAttention::check_sequences(const char* what, const Tensor& x, std::int64_t width,
                                     const Lengths& lengths) const {
  check(x.dim() == 3 && x.size(2) == width, what, " is ", x.sizes(), "; expected [b, t, ", width, "]");
  check(x.size(0) > 0 && x.size(1) > 0, what, " is ", x.sizes(), "; expected at least one sequence and one step");
  const auto& weight = maps_.q->weight;
  check(x.scalar_type() == weight.scalar_type(), what, " is ", x.scalar_type(), "; expected ", weight.scalar_type(),
        " like the weights");
  check(x.device() == weight.device(), what, " is on ", x.device().str(), "; expected ", weight.device().str(),
        ", where the weights are");
  if (lengths.defined()) ops::check_lengths(what, lengths, x);
}

void CrossAttention::check_context(const State& context, const Tensor& x) const {
  for (const auto* name : {"exists", "k", "v"})
    check(context.count(name) > 0, kName, ": the context has no '", name, "'; expected what this layer read");
  const auto& exists = context.at("exists");
  const auto b = x.size(0), s = exists.dim() == 2 ? exists.size(1) : 0;
  check(exists.dim() == 2 && exists.size(0) == b && exists.scalar_type() == at::kBool, kName, ": context exists is ",
        exists.scalar_type(), " ", exists.sizes(), "; expected Bool [b, s] for the ", b, " sequences of x");
  const std::vector<std::int64_t> sizes = {b, s, shape_.key_heads, d_ / shape_.heads};
  for (const auto* name : {"k", "v"}) {
    const auto& part = context.at(name);
    check(part.sizes() == sizes && part.scalar_type() == x.scalar_type(), kName, ": context ", name, " is ",
          part.scalar_type(), " ", part.sizes(), "; expected ", x.scalar_type(), " ", at::IntArrayRef(sizes));
  }
}

}  // namespace longwave
