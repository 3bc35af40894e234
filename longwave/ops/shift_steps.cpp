#include "longwave/ops/shift_steps.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/kernels/shift_steps.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor>;  // y, state

void check_inputs(const Tensor& x, const Tensor& b, const Tensor& c, const Tensor& skip, const Tensor& state,
                  const Tensor& lengths) {
  check(x.dim() == 3 && x.size(1) > 0, "shift_steps: x is ", x.sizes(), "; expected [b, t, d] with t > 0");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "shift_steps: x is ", x.scalar_type(),
        "; expected float or double");
  const auto d = x.size(2);
  check(b.dim() == 2 && b.size(0) == d && b.size(1) > 0, "shift_steps: b is ", b.sizes(), "; expected [", d, ", n]");
  const auto expect = [&](const char* name, const Tensor& v, const std::vector<std::int64_t>& sizes) {
    check(v.sizes() == at::IntArrayRef(sizes) && v.scalar_type() == x.scalar_type(), "shift_steps: ", name, " is ",
          v.scalar_type(), " ", v.sizes(), "; expected ", x.scalar_type(), " ", at::IntArrayRef(sizes));
  };
  expect("b", b, {d, b.size(1)});
  expect("c", c, {d, b.size(1)});
  expect("skip", skip, {d});
  expect("state", state, {x.size(0), d, b.size(1)});
  if (lengths.numel() > 0) check_lengths("shift_steps", lengths, x);
}

/// The definition, in differentiable ATen operators.
Outputs composed(const Tensor& x, const Tensor& b, const Tensor& c, const Tensor& skip, Tensor s,
                 const Tensor& lengths) {
  std::vector<Tensor> y;
  for (std::int64_t i = 0; i < x.size(1); ++i) {
    const auto input = x.select(1, i);
    const auto next = at::addcmul(at::constant_pad_nd(s.narrow(2, 0, s.size(2) - 1), {1, 0}), b, input.unsqueeze(-1));
    const auto out = at::addcmul((c * next).sum(-1), skip, input);
    const auto real = lengths.numel() ? (lengths > i).view({-1, 1}) : Tensor();
    y.push_back(real.defined() ? at::where(real, out, at::zeros({}, out.options())) : out);
    s = real.defined() ? at::where(real.unsqueeze(-1), next, s) : next;
  }
  return {at::stack(y, 1), s};
}

Outputs steps_cpu(const Tensor& x_any, const Tensor& b_any, const Tensor& c_any, const Tensor& skip_any,
                  const Tensor& state_any, const Tensor& lengths_any) {
  check_inputs(x_any, b_any, c_any, skip_any, state_any, lengths_any);
  if (x_any.scalar_type() == at::kDouble) return composed(x_any, b_any, c_any, skip_any, state_any, lengths_any);
  const auto x = x_any.contiguous(), b = b_any.contiguous(), c = c_any.contiguous(), skip = skip_any.contiguous(),
             state = state_any.contiguous(), lengths = lengths_any.contiguous();
  const Outputs out{at::empty(x.sizes(), x.options()), at::empty(state.sizes(), state.options())};
  kernels::shift_steps({.x = x.data_ptr<float>(),
                        .b = b.data_ptr<float>(),
                        .c = c.data_ptr<float>(),
                        .skip = skip.data_ptr<float>(),
                        .before = state.data_ptr<float>(),
                        .lengths = lengths.numel() ? lengths.data_ptr<std::int64_t>() : nullptr,
                        .y = std::get<0>(out).data_ptr<float>(),
                        .behind = std::get<1>(out).data_ptr<float>(),
                        .rows = x.size(0),
                        .t = x.size(1),
                        .d = x.size(2),
                        .n = b.size(1)});
  return out;
}

Outputs steps_meta(const Tensor& x, const Tensor& b, const Tensor& c, const Tensor& skip, const Tensor& state,
                   const Tensor& lengths) {
  check_inputs(x, b, c, skip, state, lengths);
  return {at::empty(x.sizes(), x.options()), at::empty(state.sizes(), state.options())};
}

bool asks_for_gradients(at::ArrayRef<Tensor> inputs) {
  return at::GradMode::is_enabled() &&
         std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) { return input.requires_grad(); });
}

Outputs call(const Tensor& x, const Tensor& b, const Tensor& c, const Tensor& skip, const Tensor& state,
             const Tensor& lengths) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::shift_steps", "")
          .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(x, b, c, skip, state, lengths);
}

Outputs steps_autograd(const Tensor& x, const Tensor& b, const Tensor& c, const Tensor& skip, const Tensor& state,
                       const Tensor& lengths) {
  if (asks_for_gradients({x, b, c, skip, state})) {
    check_inputs(x, b, c, skip, state, lengths);
    return composed(x, b, c, skip, state, lengths);
  }
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  return call(x, b, c, skip, state, lengths);
}

}  // namespace

ShiftStepsResult shift_steps(const Tensor& x, const Tensor& b, const Tensor& c, const Tensor& skip, const Tensor& state,
                             const Tensor& any_lengths) {
  const auto lengths = any_lengths.defined() ? any_lengths : at::empty({0}, x.options().dtype(at::kLong));
  const auto [y, behind] = call(x, b, c, skip, state, lengths);
  return {y, behind};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "shift_steps(Tensor x, Tensor b, Tensor c, Tensor skip, Tensor state, Tensor lengths) -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(longwave, CPU, library) { library.impl("shift_steps", &steps_cpu); }
TORCH_LIBRARY_IMPL(longwave, Meta, library) { library.impl("shift_steps", &steps_meta); }
TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("shift_steps", &steps_autograd); }

}  // namespace longwave::ops
