#include "longwave/ops/masked_series.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/masked_series.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Pair = std::tuple<Tensor, Tensor>;
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // dx, dscale, dmask_weight, dmask_bias

// The inputs of the operator's schema, and the one place that maps them.
#define LONGWAVE_SERIES_INPUTS \
  const Tensor &x, const Tensor &scale, const Tensor &mask_weight, const Tensor &mask_bias, const Tensor &ramp
#define LONGWAVE_SERIES_INPUT_NAMES x, scale, mask_weight, mask_bias, ramp

Pair call_series(LONGWAVE_SERIES_INPUTS) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::masked_series", "")
                             .typed<Pair(LONGWAVE_SERIES_INPUTS)>();
  return op.call(LONGWAVE_SERIES_INPUT_NAMES);
}

Gradients call_grad(const Tensor& dz, const Tensor& dloss, LONGWAVE_SERIES_INPUTS) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::masked_series_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, LONGWAVE_SERIES_INPUTS)>();
  return op.call(dz, dloss, LONGWAVE_SERIES_INPUT_NAMES);
}

void check_inputs(LONGWAVE_SERIES_INPUTS) {
  check(x.dim() == 3 && x.size(2) > 1, "masked_series: x is ", x.sizes(), "; expected [b, f, l] with l > 1");
  const auto shape = [](const char* name, const Tensor& other, std::vector<std::int64_t> expected) {
    check(other.sizes() == at::IntArrayRef(expected), "masked_series: ", name, " is ", other.sizes(), "; expected ",
          at::IntArrayRef(expected));
  };
  shape("scale", scale, {x.size(0), x.size(1), 1});
  shape("mask_weight", mask_weight, {x.size(1), x.size(2)});
  shape("mask_bias", mask_bias, {x.size(1)});
  shape("ramp", ramp, {x.size(2)});
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "masked_series: x is ", type, "; expected float or double");
  for (const auto& other : {scale, mask_weight, mask_bias, ramp})
    check(other.scalar_type() == type, "masked_series: an input is ", other.scalar_type(), "; expected ", type,
          " like x");
}

/// The definition, in differentiable ATen operators; what double runs.
Pair composed(LONGWAVE_SERIES_INPUTS) {
  check_inputs(LONGWAVE_SERIES_INPUT_NAMES);
  const auto y = x * scale;
  const auto spread = y.std(/*dim=*/2, /*unbiased=*/true, /*keepdim=*/true) + 1e-6;
  const auto line = 1 - ramp * ((y * mask_weight).sum(2, /*keepdim=*/true) + mask_bias.unsqueeze(1));
  const auto keep = (line.detach() > 0).to(y.scalar_type());
  return {y * (keep + (line - line.detach())), (at::diff(y, 1, 2) / spread).square().mean()};
}

// --- CPU

/// All tensors contiguous.
kernels::MaskedSeries make_kernel(LONGWAVE_SERIES_INPUTS) {
  return {.x = x.data_ptr<float>(),
          .scale = scale.data_ptr<float>(),
          .mask_weight = mask_weight.data_ptr<float>(),
          .mask_bias = mask_bias.data_ptr<float>(),
          .ramp = ramp.data_ptr<float>(),
          .b = x.size(0),
          .f = x.size(1),
          .l = x.size(2)};
}

Pair series_cpu(const Tensor& x_, const Tensor& scale_, const Tensor& weight_, const Tensor& bias_,
                const Tensor& ramp_) {
  if (x_.scalar_type() == at::kDouble) return composed(x_, scale_, weight_, bias_, ramp_);
  check_inputs(x_, scale_, weight_, bias_, ramp_);
  const auto x = x_.contiguous(), scale = scale_.contiguous(), mask_weight = weight_.contiguous(),
             mask_bias = bias_.contiguous(), ramp = ramp_.contiguous();
  const auto z = at::empty(x.sizes(), x.options());
  const double changes = kernels::masked_series(make_kernel(LONGWAVE_SERIES_INPUT_NAMES), z.data_ptr<float>());
  return {z, at::full({}, changes, x.options())};
}

Gradients grad_cpu(const Tensor& dz_, const Tensor& dloss, const Tensor& x_, const Tensor& scale_,
                   const Tensor& weight_, const Tensor& bias_, const Tensor& ramp_) {
  check_inputs(x_, scale_, weight_, bias_, ramp_);
  check(x_.scalar_type() == at::kFloat, "masked_series_grad: x is ", x_.scalar_type(), "; expected float");
  const auto dz = dz_.contiguous(), x = x_.contiguous(), scale = scale_.contiguous(),
             mask_weight = weight_.contiguous(), mask_bias = bias_.contiguous(), ramp = ramp_.contiguous();
  const auto like = [](const Tensor& other) { return at::empty(other.sizes(), other.options()); };
  const Gradients out{like(x), like(scale), like(mask_weight), like(mask_bias)};
  const auto& [dx, dscale, dmask_weight, dmask_bias] = out;
  kernels::masked_series_grad(make_kernel(LONGWAVE_SERIES_INPUT_NAMES), {.dz = dz.data_ptr<float>(),
                                                                         .dloss = dloss.item<float>(),
                                                                         .dx = dx.data_ptr<float>(),
                                                                         .dscale = dscale.data_ptr<float>(),
                                                                         .dmask_weight = dmask_weight.data_ptr<float>(),
                                                                         .dmask_bias = dmask_bias.data_ptr<float>()});
  return out;
}

// --- Meta: shapes and types only

Pair series_meta(LONGWAVE_SERIES_INPUTS) {
  check_inputs(LONGWAVE_SERIES_INPUT_NAMES);
  return {at::empty(x.sizes(), x.options()), at::empty({}, x.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& x, const Tensor& scale, const Tensor& mask_weight,
                    const Tensor& mask_bias, const Tensor&) {
  const auto like = [](const Tensor& other) { return at::empty(other.sizes(), other.options()); };
  return {like(x), like(scale), like(mask_weight), like(mask_bias)};
}

// --- Autograd

struct Series : torch::autograd::Function<Series> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, LONGWAVE_SERIES_INPUTS) {
    ctx->save_for_backward({LONGWAVE_SERIES_INPUT_NAMES});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [z, changes] = call_series(LONGWAVE_SERIES_INPUT_NAMES);
    return {z, changes};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "masked_series: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dscale, dmask_weight, dmask_bias] = call_grad(grads[0], grads[1], s[0], s[1], s[2], s[3], s[4]);
    return {dx, dscale, dmask_weight, dmask_bias, Tensor()};
  }
};

Pair series_autograd(LONGWAVE_SERIES_INPUTS) {
  if (x.scalar_type() == at::kDouble) return composed(LONGWAVE_SERIES_INPUT_NAMES);
  const auto out = Series::apply(LONGWAVE_SERIES_INPUT_NAMES);
  return {out[0], out[1]};
}

}  // namespace

std::pair<Tensor, Tensor> masked_series(LONGWAVE_SERIES_INPUTS) {
  const auto [z, changes] = call_series(LONGWAVE_SERIES_INPUT_NAMES);
  return {z, changes};
}

#define LONGWAVE_SERIES_SCHEMA "Tensor x, Tensor scale, Tensor mask_weight, Tensor mask_bias, Tensor ramp"

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("masked_series(" LONGWAVE_SERIES_SCHEMA ") -> (Tensor, Tensor)");
  library.def("masked_series_grad(Tensor dz, Tensor dloss, " LONGWAVE_SERIES_SCHEMA
              ") -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("masked_series", &series_cpu);
  library.impl("masked_series_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("masked_series", &series_meta);
  library.impl("masked_series_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("masked_series", &series_autograd); }

}  // namespace longwave::ops
