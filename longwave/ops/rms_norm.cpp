#include "longwave/ops/rms_norm.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/rms_norm.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor>;  // dx, dweight

Tensor call_norm(const Tensor& x, const Tensor& weight, double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::rms_norm", "")
                             .typed<Tensor(const Tensor&, const Tensor&, double)>();
  return op.call(x, weight, eps);
}

Gradients call_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::rms_norm_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, double)>();
  return op.call(dy, x, weight, eps);
}

void check_inputs(const Tensor& x, const Tensor& weight, double eps) {
  check_not_negative("rms_norm", "eps", eps);
  check(weight.dim() == 1 || weight.dim() == 2, "rms_norm: weight is ", weight.sizes(), "; expected [d] or [g, e]");
  check(x.dim() >= 1 && x.size(-1) == weight.numel(), "rms_norm: x is ", x.sizes(), "; expected [..., ", weight.numel(),
        "] (size of weight)");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "rms_norm: x is ", x.scalar_type(),
        "; expected float or double");
  check(weight.scalar_type() == x.scalar_type(), "rms_norm: weight is ", weight.scalar_type(), "; expected ",
        x.scalar_type(), " like x");
}

/// The definition, in differentiable ATen operators; what double runs.
Tensor composed(const Tensor& x, const Tensor& weight, double eps) {
  check_inputs(x, weight, eps);
  const auto blocks = weight.dim() == 2 ? x.unflatten(-1, weight.sizes()) : x;
  return (blocks * (blocks.square().mean(-1, true) + eps).rsqrt() * weight).reshape(x.sizes());
}

kernels::RmsNorm make_kernel(const Tensor& x, const Tensor& weight, double eps) {
  const auto groups = weight.dim() == 2 ? weight.size(0) : 1;
  const auto all = std::max<std::int64_t>(1, weight.numel());
  return {x.data_ptr<float>(), weight.data_ptr<float>(), x.numel() / all, groups,
          weight.size(-1),     static_cast<float>(eps)};
}

Tensor norm_cpu(const Tensor& x_any, const Tensor& weight_any, double eps) {
  if (x_any.scalar_type() == at::kDouble) return composed(x_any, weight_any, eps);
  check_inputs(x_any, weight_any, eps);
  const auto x = x_any.contiguous(), weight = weight_any.contiguous();
  const auto y = at::empty(x.sizes(), x.options());
  kernels::rms_norm(make_kernel(x, weight, eps), y.data_ptr<float>());
  return y;
}

Gradients grad_cpu(const Tensor& dy_any, const Tensor& x_any, const Tensor& weight_any, double eps) {
  check_inputs(x_any, weight_any, eps);
  check(x_any.scalar_type() == at::kFloat, "rms_norm_grad: x is ", x_any.scalar_type(), "; expected float");
  check(dy_any.sizes() == x_any.sizes() && dy_any.scalar_type() == at::kFloat, "rms_norm_grad: dy is ", dy_any.sizes(),
        "; expected ", x_any.sizes(), " like x");
  const auto dy = dy_any.contiguous(), x = x_any.contiguous(), weight = weight_any.contiguous();
  const auto dx = at::empty(x.sizes(), x.options()), dw = at::empty(weight.sizes(), weight.options());
  const auto kernel = make_kernel(x, weight, eps);
  const auto workspace = at::empty({kernels::rms_norm_grad_workspace(kernel)}, x.options());
  kernels::rms_norm_grad(kernel, dy.data_ptr<float>(), dx.data_ptr<float>(), dw.data_ptr<float>(),
                         workspace.data_ptr<float>());
  return {dx, dw};
}

Tensor norm_meta(const Tensor& x, const Tensor& weight, double eps) {
  check_inputs(x, weight, eps);
  return at::empty(x.sizes(), x.options());
}

Gradients grad_meta(const Tensor&, const Tensor& x, const Tensor& weight, double) {
  return {at::empty(x.sizes(), x.options()), at::empty(weight.sizes(), weight.options())};
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& weight, double eps) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["eps"] = eps;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_norm(x, weight, eps);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "rms_norm: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dw] = call_grad(grads[0], s[0], s[1], ctx->saved_data["eps"].toDouble());
    return {dx, dw, Tensor()};
  }
};

Tensor norm_autograd(const Tensor& x, const Tensor& weight, double eps) {
  return x.scalar_type() == at::kDouble ? composed(x, weight, eps) : RmsNormFunction::apply(x, weight, eps);
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) { return call_norm(x, weight, eps); }

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("rms_norm(Tensor x, Tensor weight, float eps) -> Tensor");
  library.def("rms_norm_grad(Tensor dy, Tensor x, Tensor weight, float eps) -> (Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("rms_norm", &norm_cpu);
  library.impl("rms_norm_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("rms_norm", &norm_meta);
  library.impl("rms_norm_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("rms_norm", &norm_autograd); }

}  // namespace longwave::ops
