#include "longwave/ops/joined_kernel.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave::ops {
namespace {

using at::Tensor;

/// Where the parts lie: `origin` entries of the reversed kernel, the last of them first, then `later` of the other one.
struct Layout {
  std::int64_t lag, origin, later;

  Tensor before(const Tensor& joined) const { return joined.slice(2, 0, origin); }
  Tensor behind(const Tensor& joined) const { return joined.slice(2, origin); }
  Tensor present(const Tensor& joined) const { return joined.select(2, origin); }
  Tensor part_of_reverse(const Tensor& reverse) const { return reverse.slice(2, 1 - lag, 1 - lag + origin); }
};

Tensor composed(const Tensor& k, const Tensor& reverse, const Tensor& skip, const Layout& layout) {
  auto later = k.slice(2, 0, layout.later);
  const auto add_to_first = [&](const Tensor& x) {
    later = later + at::constant_pad_nd(x.unsqueeze(2), {0, layout.later - 1});
  };
  if (skip.defined()) add_to_first(skip);
  if (!reverse.defined()) return later;
  if (layout.lag == 0) add_to_first(reverse.select(2, 0));
  return at::cat({layout.part_of_reverse(reverse).flip(2), later}, 2);
}

/// The same without padded copies, forward or back. Parts that are not there are empty.
struct Join : torch::autograd::Function<Join> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& k, const Tensor& reverse,
                        const Tensor& skip, const Layout& layout) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const bool both = reverse.numel() > 0, skips = skip.numel() > 0;
    ctx->saved_data["layout"] = std::vector<std::int64_t>{layout.lag, layout.origin, layout.later};
    ctx->saved_data["sizes"] = std::vector<std::int64_t>{k.size(2), both ? reverse.size(2) : 0, skips ? 1 : 0};
    const auto joined = at::empty({k.size(0), k.size(1), layout.origin + layout.later}, k.options());
    layout.behind(joined).copy_(k.slice(2, 0, layout.later));
    if (both) {
      layout.before(joined).copy_(layout.part_of_reverse(reverse).flip(2));
      if (layout.lag == 0) layout.present(joined).add_(reverse.select(2, 0));
    }
    if (skips) layout.present(joined).add_(skip);
    return joined;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "fft_convolution: second derivatives are not implemented for float; use double");
    const auto places = ctx->saved_data["layout"].toIntVector(), sizes = ctx->saved_data["sizes"].toIntVector();
    const Layout layout{places[0], places[1], places[2]};
    const auto& d = grads[0];
    const auto behind = layout.behind(d);
    const auto dk = sizes[0] == layout.later ? behind : at::constant_pad_nd(behind, {0, sizes[0] - layout.later});
    Tensor dreverse;
    if (sizes[1] > 0) {
      dreverse = at::zeros({d.size(0), d.size(1), sizes[1]}, d.options());
      layout.part_of_reverse(dreverse).copy_(layout.before(d).flip(2));
      if (layout.lag == 0) dreverse.select(2, 0).copy_(layout.present(d));
    }
    return {dk, dreverse, sizes[2] > 0 ? layout.present(d).clone() : Tensor(), Tensor()};
  }
};

}  // namespace

JoinedKernel join_kernels(const Tensor& k, const ConvolutionParts& parts, std::int64_t t) {
  const auto &reverse = parts.reverse, &skip = parts.skip;
  Layout layout{parts.lag, 0, std::min(k.size(2), t)};
  if (reverse.defined()) {
    check(parts.lag == 0 || parts.lag == 1, "fft_convolution: lag is ", parts.lag, "; expected 0 or 1");
    check(reverse.scalar_type() == k.scalar_type(), "fft_convolution: reverse is ", reverse.scalar_type(),
          "; expected ", k.scalar_type(), " like k");
    check(reverse.dim() == 3 && reverse.size(0) == k.size(0) && reverse.size(1) == k.size(1) && reverse.size(2) > 0,
          "fft_convolution: reverse is ", reverse.sizes(), "; expected [c, h, l] = [", k.size(0), ", ", k.size(1),
          ", *]");
    layout.origin = std::min(reverse.size(2) - 1 + parts.lag, t - 1);
  }
  if (skip.defined()) {
    check(skip.scalar_type() == k.scalar_type(), "fft_convolution: skip is ", skip.scalar_type(), "; expected ",
          k.scalar_type(), " like k");
    check(skip.dim() == 2 && skip.size(0) == k.size(0) && skip.size(1) == k.size(1), "fft_convolution: skip is ",
          skip.sizes(), "; expected [c, h] = [", k.size(0), ", ", k.size(1), "]");
  }
  const bool only_k = !reverse.defined() && !skip.defined();
  if (only_k || k.scalar_type() == at::kDouble) return {composed(k, reverse, skip, layout), layout.origin};
  const auto or_empty = [&](const Tensor& x) { return x.defined() ? x : at::empty({0}, k.options()); };
  return {Join::apply(k, or_empty(reverse), or_empty(skip), layout), layout.origin};
}

}  // namespace longwave::ops
