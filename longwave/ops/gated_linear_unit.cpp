#include "longwave/ops/gated_linear_unit.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/gated_linear_unit.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor>;  // dx, dbias

Tensor call_forward(const Tensor& x, const Tensor& bias) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::gated_linear_unit", "")
                             .typed<Tensor(const Tensor&, const Tensor&)>();
  return op.call(x, bias);
}

Gradients call_grad(const Tensor& dy, const Tensor& x, const Tensor& bias) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::gated_linear_unit_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(dy, x, bias);
}

std::vector<std::int64_t> output_sizes(const Tensor& x) {
  auto sizes = x.sizes().vec();
  sizes.back() /= 2;
  return sizes;
}

/// bias is empty where there is none: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& x, const Tensor& bias) {
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "gated_linear_unit: x is ", type, "; expected float or double");
  check(x.dim() >= 1 && x.size(-1) > 0 && x.size(-1) % 2 == 0, "gated_linear_unit: x is ", x.sizes(),
        "; expected [..., 2 d]");
  check(bias.numel() == 0 || bias.sizes() == at::IntArrayRef({x.size(-1)}), "gated_linear_unit: bias is ", bias.sizes(),
        "; expected [", x.size(-1), "] to fit x ", x.sizes());
  check(bias.scalar_type() == type, "gated_linear_unit: bias is ", bias.scalar_type(), "; expected ", type, " like x");
}

/// The definition, in differentiable ATen operators; what double runs.
Tensor composed(const Tensor& x, const Tensor& bias) {
  check_inputs(x, bias);
  return at::glu(bias.numel() ? x + bias : x, -1);
}

// --- CPU

kernels::GatedLinearUnit make_kernel(const Tensor& x, const Tensor& bias) {
  return {.x = x.data_ptr<float>(),
          .bias = bias.numel() ? bias.data_ptr<float>() : nullptr,
          .rows = x.numel() / x.size(-1),
          .d = x.size(-1) / 2};
}

Tensor forward_cpu(const Tensor& x_, const Tensor& bias_) {
  if (x_.scalar_type() == at::kDouble) return composed(x_, bias_);
  check_inputs(x_, bias_);
  const auto x = x_.contiguous(), bias = bias_.contiguous();
  const auto y = at::empty(output_sizes(x), x.options());
  kernels::gated_linear_unit(make_kernel(x, bias), y.data_ptr<float>());
  return y;
}

Gradients like_inputs(const Tensor& x, const Tensor& bias) {
  return {at::empty(x.sizes(), x.options()), at::empty(bias.sizes(), bias.options())};
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& x_, const Tensor& bias_) {
  check_inputs(x_, bias_);
  check(x_.scalar_type() == at::kFloat, "gated_linear_unit_grad: x is ", x_.scalar_type(), "; expected float");
  check(dy_.sizes() == at::IntArrayRef(output_sizes(x_)) && dy_.scalar_type() == at::kFloat,
        "gated_linear_unit_grad: dy is ", dy_.sizes(), "; expected half of x ", x_.sizes());
  const auto dy = dy_.contiguous(), x = x_.contiguous(), bias = bias_.contiguous();
  const auto gradients = like_inputs(x, bias);
  const auto& [dx, dbias] = gradients;
  const auto kernel = make_kernel(x, bias);
  const auto workspace = at::empty({kernels::gated_linear_unit_grad_workspace(kernel)}, x.options());
  kernels::gated_linear_unit_grad(kernel, dy.data_ptr<float>(), dx.data_ptr<float>(), dbias.data_ptr<float>(),
                                  workspace.data_ptr<float>());
  return gradients;
}

// --- Meta: shapes and types only

Tensor forward_meta(const Tensor& x, const Tensor& bias) {
  check_inputs(x, bias);
  return at::empty(output_sizes(x), x.options());
}

Gradients grad_meta(const Tensor&, const Tensor& x, const Tensor& bias) { return like_inputs(x, bias); }

// --- Autograd

struct GatedLinearUnitFunction : torch::autograd::Function<GatedLinearUnitFunction> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& bias) {
    ctx->save_for_backward({x, bias});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_forward(x, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(),
          "gated_linear_unit: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dbias] = call_grad(grads[0], s[0], s[1]);
    return {dx, s[1].numel() ? dbias : Tensor()};
  }
};

Tensor forward_autograd(const Tensor& x, const Tensor& bias) {
  return x.scalar_type() == at::kDouble ? composed(x, bias) : GatedLinearUnitFunction::apply(x, bias);
}

}  // namespace

Tensor gated_linear_unit(const Tensor& x, const Tensor& bias) {
  const auto or_empty = bias.defined() ? bias : at::empty({0}, x.options().requires_grad(false));
  return x.is_cpu() || x.is_meta() ? call_forward(x, or_empty) : composed(x, or_empty);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("gated_linear_unit(Tensor x, Tensor bias) -> Tensor");
  library.def("gated_linear_unit_grad(Tensor dy, Tensor x, Tensor bias) -> (Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("gated_linear_unit", &forward_cpu);
  library.impl("gated_linear_unit_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("gated_linear_unit", &forward_meta);
  library.impl("gated_linear_unit_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("gated_linear_unit", &forward_autograd); }

}  // namespace longwave::ops
