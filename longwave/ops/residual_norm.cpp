#include "longwave/ops/residual_norm.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/layer_norm.h"
#include "longwave/ops/given.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor>;            // y, sum; empty without residual, where it would be x
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dsum, dweight, dbias

Outputs call_norm(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias, double eps,
                  bool centered) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::residual_norm", "")
          .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, double, bool)>();
  return op.call(x, residual, weight, bias, eps, centered);
}

Gradients call_grad(const Tensor& dy, const Tensor& dsum, const Tensor& sum, const Tensor& weight, const Tensor& bias,
                    double eps, bool centered) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::residual_norm_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, double, bool)>();
  return op.call(dy, dsum, sum, weight, bias, eps, centered);
}

bool given(const Tensor& residual) { return residual.dim() != 1 || residual.numel() != 0; }

/// residual and bias are empty where there are none: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias, double eps) {
  check_not_negative("residual_norm", "eps", eps);
  check(weight.dim() == 1, "residual_norm: weight is ", weight.sizes(), "; expected [d]");
  check(x.dim() >= 1 && x.size(-1) == weight.size(0), "residual_norm: x is ", x.sizes(), "; expected [..., ",
        weight.size(0), "] (size of weight)");
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "residual_norm: x is ", type, "; expected float or double");
  check(!given(residual) || residual.sizes() == x.sizes(), "residual_norm: residual is ", residual.sizes(),
        "; expected ", x.sizes(), " like x");
  check(bias.numel() == 0 || bias.sizes() == weight.sizes(), "residual_norm: bias is ", bias.sizes(), "; expected ",
        weight.sizes(), " like weight");
  for (const auto& [name, other] : {std::pair{"residual", residual}, {"weight", weight}, {"bias", bias}})
    check(other.scalar_type() == type, "residual_norm: ", name, " is ", other.scalar_type(), "; expected ", type,
          " like x");
}

/// The definition, in differentiable ATen operators; what double runs.
Outputs composed(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias, double eps,
                 bool centered) {
  check_inputs(x, residual, weight, bias, eps);
  const auto sum = given(residual) ? x + residual : x;
  const auto s = centered ? sum - sum.mean(-1, true) : sum;
  const auto y = s * (s.square().mean(-1, true) + eps).rsqrt() * weight;
  return {bias.numel() ? y + bias : y, given(residual) ? sum : residual.detach()};
}

// --- CPU

kernels::LayerNorm make_kernel(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                               double eps, bool centered) {
  return {.x = x.data_ptr<float>(),
          .residual = given(residual) ? residual.data_ptr<float>() : nullptr,
          .weight = weight.data_ptr<float>(),
          .bias = bias.numel() ? bias.data_ptr<float>() : nullptr,
          .rows = x.numel() / std::max<std::int64_t>(1, weight.size(0)),
          .width = weight.size(0),
          .eps = static_cast<float>(eps),
          .centered = centered};
}

Outputs norm_cpu(const Tensor& x_, const Tensor& residual_, const Tensor& weight_, const Tensor& bias_, double eps,
                 bool centered) {
  if (x_.scalar_type() == at::kDouble) return composed(x_, residual_, weight_, bias_, eps, centered);
  check_inputs(x_, residual_, weight_, bias_, eps);
  const auto x = x_.contiguous(), residual = residual_.contiguous(), weight = weight_.contiguous(),
             bias = bias_.contiguous();
  const auto y = at::empty(x.sizes(), x.options());
  const auto sum = at::empty(residual.sizes(), x.options());
  kernels::layer_norm(make_kernel(x, residual, weight, bias, eps, centered), y.data_ptr<float>(),
                      sum.data_ptr<float>());
  return {y, sum};
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& dsum_, const Tensor& sum_, const Tensor& weight_,
                   const Tensor& bias_, double eps, bool centered) {
  check_inputs(sum_, at::empty({0}, sum_.options()), weight_, bias_, eps);
  check(sum_.scalar_type() == at::kFloat, "residual_norm_grad: sum is ", sum_.scalar_type(), "; expected float");
  check_given("residual_norm_grad", "dy", dy_, sum_.sizes(), sum_);
  check_if_given("residual_norm_grad", "dsum", dsum_, sum_.sizes(), sum_);
  const auto dy = dy_.contiguous(), dsum = dsum_.contiguous(), sum = sum_.contiguous(), weight = weight_.contiguous(),
             bias = bias_.contiguous();
  const auto kernel = make_kernel(sum, at::empty({0}, sum.options()), weight, bias, eps, centered);
  const auto workspace = at::empty({kernels::layer_norm_grad_workspace(kernel)}, sum.options());
  const Gradients d{at::empty(sum.sizes(), sum.options()), at::empty(weight.sizes(), weight.options()),
                    at::empty(bias.sizes(), bias.options())};
  const auto& [ds, dweight, dbias] = d;
  kernels::layer_norm_grad(kernel, dy.data_ptr<float>(), dsum.numel() ? dsum.data_ptr<float>() : nullptr,
                           ds.data_ptr<float>(), dweight.data_ptr<float>(),
                           bias.numel() ? dbias.data_ptr<float>() : nullptr, workspace.data_ptr<float>());
  return d;
}

// --- Meta: shapes and types only

Outputs norm_meta(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias, double eps, bool) {
  check_inputs(x, residual, weight, bias, eps);
  return {at::empty(x.sizes(), x.options()), at::empty(residual.sizes(), x.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& sum, const Tensor& weight, const Tensor& bias, double,
                    bool) {
  const auto like = [](const Tensor& v) { return at::empty(v.sizes(), v.options()); };
  return {like(sum), like(weight), like(bias)};
}

// --- Autograd

struct ResidualNorm : torch::autograd::Function<ResidualNorm> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& x,
                                                const Tensor& residual, const Tensor& weight, const Tensor& bias,
                                                double eps, bool centered) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, sum] = call_norm(x, residual, weight, bias, eps, centered);
    ctx->save_for_backward({given(residual) ? sum : x, weight, bias});
    ctx->saved_data["eps"] = eps;
    ctx->saved_data["centered"] = centered;
    ctx->saved_data["has_residual"] = given(residual);
    ctx->set_materialize_grads(false);
    return {y, sum};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "residual_norm: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const bool has_residual = ctx->saved_data["has_residual"].toBool();
    const auto from_sum = has_residual ? grads[1] : Tensor();
    if (!grads[0].defined()) return {from_sum, from_sum, Tensor(), Tensor(), Tensor(), Tensor()};
    const auto dsum = from_sum.defined() ? from_sum : at::empty({0}, s[0].options());
    const auto [ds, dweight, dbias] = call_grad(grads[0], dsum, s[0], s[1], s[2], ctx->saved_data["eps"].toDouble(),
                                                ctx->saved_data["centered"].toBool());
    return {ds, has_residual ? ds : Tensor(), dweight, s[2].numel() ? dbias : Tensor(), Tensor(), Tensor()};
  }
};

Outputs norm_autograd(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias, double eps,
                      bool centered) {
  if (x.scalar_type() == at::kDouble) return composed(x, residual, weight, bias, eps, centered);
  const auto out = ResidualNorm::apply(x, residual, weight, bias, eps, centered);
  return {out[0], out[1]};
}

Outputs norm(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias, double eps,
             bool centered) {
  const auto or_empty = [&](const Tensor& v) {
    return v.defined() ? v : at::empty({0}, x.options().requires_grad(false));
  };
  const auto [y, sum] = call_norm(x, or_empty(residual), weight, or_empty(bias), eps, centered);
  return {y, residual.defined() ? sum : x};
}

}  // namespace

Outputs residual_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                            double eps) {
  return norm(x, residual, weight, bias, eps, true);
}
Outputs residual_rms_norm(const Tensor& x, const Tensor& residual, const Tensor& weight, double eps) {
  return norm(x, residual, weight, {}, eps, false);
}
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return std::get<0>(norm(x, {}, weight, bias, eps, true));
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "residual_norm(Tensor x, Tensor residual, Tensor weight, Tensor bias, float eps, bool centered) -> (Tensor, "
      "Tensor)");
  library.def(
      "residual_norm_grad(Tensor dy, Tensor dsum, Tensor sum, Tensor weight, Tensor bias, float eps, bool centered) -> "
      "(Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("residual_norm", &norm_cpu);
  library.impl("residual_norm_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("residual_norm", &norm_meta);
  library.impl("residual_norm_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("residual_norm", &norm_autograd); }

}  // namespace longwave::ops
