#include "longwave/ops/rotary.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/rotary.h"

namespace longwave::ops {
namespace {

using at::Tensor;

Tensor call_rotary(const Tensor& x, const Tensor& first, double ratio, bool half, bool backwards) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::rotary", "")
                             .typed<Tensor(const Tensor&, const Tensor&, double, bool, bool)>();
  return op.call(x, first, ratio, half, backwards);
}

/// first is empty where there is none.
void check_inputs(const Tensor& x, const Tensor& first, double ratio) {
  check(x.dim() == 4 && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble), "rotary: x is ",
        x.scalar_type(), " ", x.sizes(), "; expected float or double [b, t, h, d]");
  check(x.size(3) % 2 == 0, "rotary: x is ", x.sizes(), "; expected an even last size, since channels turn in pairs");
  check(std::isfinite(ratio) && ratio > 0, "rotary: ratio is ", ratio, "; expected a positive number");
  if (first.numel() == 0) return;
  check(first.scalar_type() == at::kLong && first.sizes() == at::IntArrayRef({x.size(0)}), "rotary: first is ",
        first.scalar_type(), " ", first.sizes(), "; expected int64 [b] = [", x.size(0), "]");
  check(first.device() == x.device(), "rotary: first is on ", first.device().str(), "; expected ", x.device().str(),
        " like x");
}

Tensor rotary_cpu(const Tensor& x_any, const Tensor& first_any, double ratio, bool half, bool backwards) {
  check_inputs(x_any, first_any, ratio);
  const auto x = x_any.contiguous(), first = first_any.contiguous();
  const auto* offsets = first.numel() ? first.data_ptr<std::int64_t>() : nullptr;
  for (std::int64_t i = 0; i < first.numel(); ++i)
    check(offsets[i] >= 0, "rotary: first[", i, "] is ", offsets[i], "; expected a position, 0 or more");
  const auto y = at::empty_like(x);
  const kernels::Rotary r{x.size(0), x.size(1), x.size(2), x.size(3), ratio, offsets, half, backwards};
  if (x.scalar_type() == at::kFloat)
    kernels::rotary(r, x.data_ptr<float>(), y.data_ptr<float>());
  else
    kernels::rotary_reference(r, x.data_ptr<double>(), y.data_ptr<double>());
  return y;
}

Tensor rotary_composed(const Tensor& x, const Tensor& first, double ratio, bool half, bool backwards) {
  check_inputs(x, first, ratio);
  const auto exact = x.options().dtype(at::kDouble);
  auto positions = at::arange(x.size(1), exact).unsqueeze(0);
  if (first.numel()) positions = positions + first.unsqueeze(1);
  const auto rates = at::pow(ratio, at::arange(x.size(3) / 2, exact));
  const auto angles = (positions.unsqueeze(-1) * rates).unsqueeze(2);  // [b or 1, t, 1, d / 2]
  const auto cosine = angles.cos().to(x.scalar_type()), sine = (backwards ? -angles : angles).sin().to(x.scalar_type());
  const auto pairs = half ? x.unflatten(-1, {2, x.size(3) / 2}) : x.unflatten(-1, {x.size(3) / 2, 2});
  const auto axis = half ? -2 : -1;
  const auto a = pairs.select(axis, 0), b = pairs.select(axis, 1);
  return at::stack({a * cosine - b * sine, b * cosine + a * sine}, axis).flatten(-2);
}

Tensor rotary_meta(const Tensor& x, const Tensor& first, double ratio, bool, bool) {
  check_inputs(x, first, ratio);
  return at::empty_like(x, x.options(), at::MemoryFormat::Contiguous);
}

// Turning back is the gradient, and differentiable in turn.
struct RotaryFunction : torch::autograd::Function<RotaryFunction> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& first, double ratio,
                        bool half, bool backwards) {
    ctx->save_for_backward({first});
    ctx->saved_data["ratio"] = ratio;
    ctx->saved_data["half"] = half;
    ctx->saved_data["backwards"] = backwards;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_rotary(x, first, ratio, half, backwards);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto dx = call_rotary(grads[0], ctx->get_saved_variables()[0], ctx->saved_data["ratio"].toDouble(),
                                ctx->saved_data["half"].toBool(), !ctx->saved_data["backwards"].toBool());
    return {dx, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

Tensor rotary_autograd(const Tensor& x, const Tensor& first, double ratio, bool half, bool backwards) {
  return RotaryFunction::apply(x, first, ratio, half, backwards);
}

}  // namespace

Tensor rotary(const Tensor& x, double ratio, RotaryPairs pairs, const Tensor& first) {
  const auto given = first.defined() ? first : at::empty({0}, x.options().dtype(at::kLong).requires_grad(false));
  return call_rotary(x, given, ratio, pairs == RotaryPairs::half, false);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("rotary(Tensor x, Tensor first, float ratio, bool half, bool backwards) -> Tensor");
}
TORCH_LIBRARY_IMPL(longwave, CPU, library) { library.impl("rotary", &rotary_cpu); }
TORCH_LIBRARY_IMPL(longwave, CompositeExplicitAutograd, library) { library.impl("rotary", &rotary_composed); }
TORCH_LIBRARY_IMPL(longwave, Meta, library) { library.impl("rotary", &rotary_meta); }
TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("rotary", &rotary_autograd); }

}  // namespace longwave::ops
