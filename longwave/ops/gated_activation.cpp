#include "longwave/ops/gated_activation.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dx, dbias, dup

Tensor call_forward(const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t function) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::gated_activation", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, std::int64_t)>();
  return op.call(x, bias, up, function);
}

Gradients call_grad(const Tensor& dy, const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t function) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::gated_activation_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, std::int64_t)>();
  return op.call(dy, x, bias, up, function);
}

/// bias and up are empty where there are none: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t function) {
  check(function >= 0 && function <= 4, "gated_activation: function is ", function,
        "; expected 0 (gelu), 1 (relu), 2 (silu), 3 (sigmoid) or 4 (identity)");
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "gated_activation: x is ", type, "; expected float or double");
  check(x.dim() >= 1, "gated_activation: x is ", x.sizes(), "; expected [..., d]");
  check(bias.numel() == 0 || bias.sizes() == at::IntArrayRef({x.size(-1)}), "gated_activation: bias is ", bias.sizes(),
        "; expected [", x.size(-1), "] to fit x ", x.sizes());
  check(up.numel() == 0 || up.sizes() == x.sizes(), "gated_activation: up is ", up.sizes(), "; expected ", x.sizes(),
        " like x");
  for (const auto& [name, other] : {std::pair{"bias", bias}, {"up", up}})
    check(other.scalar_type() == type, "gated_activation: ", name, " is ", other.scalar_type(), "; expected ", type,
          " like x");
}

/// The definition, in differentiable ATen operators; what double runs.
Tensor composed(const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t function) {
  check_inputs(x, bias, up, function);
  const auto z = bias.numel() ? x + bias : x;
  const auto apply = [&] {
    switch (static_cast<HiddenFunction>(function)) {
      case HiddenFunction::gelu:
        return at::gelu(z);
      case HiddenFunction::relu:
        return at::relu(z);
      case HiddenFunction::silu:
        return at::silu(z);
      case HiddenFunction::sigmoid:
        return at::sigmoid(z);
      default:
        return z;
    }
  };
  return up.numel() ? apply() * up : apply().clone();
}

// --- CPU

/// x as rows [.., d], itself where they are equally far apart and the numbers of one contiguous, else a copy.
Tensor rows_of(const Tensor& x) {
  const auto width = x.size(-1);
  const auto rows = x.reshape({x.numel() / std::max<std::int64_t>(1, width), width});
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

/// x as rows_of gives it.
kernels::GatedActivation make_kernel(const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t function) {
  return {.x = x.data_ptr<float>(),
          .bias = bias.numel() ? bias.data_ptr<float>() : nullptr,
          .up = up.numel() ? up.data_ptr<float>() : nullptr,
          .rows = x.size(0),
          .width = x.size(1),
          .stride = x.stride(0),
          .function = static_cast<HiddenFunction>(function)};
}

Tensor forward_cpu(const Tensor& x_, const Tensor& bias_, const Tensor& up_, std::int64_t function) {
  if (x_.scalar_type() == at::kDouble) return composed(x_, bias_, up_, function);
  check_inputs(x_, bias_, up_, function);
  const auto x = rows_of(x_), bias = bias_.contiguous(), up = up_.contiguous();
  const auto y = at::empty(x_.sizes(), x.options());
  kernels::gated_activation(make_kernel(x, bias, up, function), y.data_ptr<float>());
  return y;
}

Gradients like_inputs(const Tensor& x, const Tensor& bias, const Tensor& up) {
  return {at::empty(x.sizes(), x.options()), at::empty(bias.sizes(), bias.options()),
          at::empty(up.sizes(), up.options())};
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& x_, const Tensor& bias_, const Tensor& up_, std::int64_t function) {
  check_inputs(x_, bias_, up_, function);
  check(x_.scalar_type() == at::kFloat, "gated_activation_grad: x is ", x_.scalar_type(), "; expected float");
  check(dy_.sizes() == x_.sizes() && dy_.scalar_type() == at::kFloat, "gated_activation_grad: dy is ", dy_.sizes(),
        "; expected ", x_.sizes(), " like x");
  const auto dy = dy_.contiguous(), x = rows_of(x_), bias = bias_.contiguous(), up = up_.contiguous();
  const auto gradients = like_inputs(x_, bias, up);
  const auto& [dx, dbias, dup] = gradients;
  const auto kernel = make_kernel(x, bias, up, function);
  const auto workspace = at::empty({kernels::gated_activation_grad_workspace(kernel)}, x.options());
  kernels::gated_activation_grad(kernel, dy.data_ptr<float>(), dx.data_ptr<float>(), dbias.data_ptr<float>(),
                                 dup.data_ptr<float>(), workspace.data_ptr<float>());
  return gradients;
}

// --- Meta: shapes and types only

Tensor forward_meta(const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t function) {
  check_inputs(x, bias, up, function);
  return at::empty(x.sizes(), x.options());
}

Gradients grad_meta(const Tensor&, const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t) {
  return like_inputs(x, bias, up);
}

// --- Autograd

struct GatedActivationFunction : torch::autograd::Function<GatedActivationFunction> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& bias, const Tensor& up,
                        std::int64_t function) {
    ctx->save_for_backward({x, bias, up});
    ctx->saved_data["function"] = function;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_forward(x, bias, up, function);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(),
          "gated_activation: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dbias, dup] = call_grad(grads[0], s[0], s[1], s[2], ctx->saved_data["function"].toInt());
    return {dx, s[1].numel() ? dbias : Tensor(), s[2].numel() ? dup : Tensor(), Tensor()};
  }
};

Tensor forward_autograd(const Tensor& x, const Tensor& bias, const Tensor& up, std::int64_t function) {
  if (x.scalar_type() == at::kDouble) return composed(x, bias, up, function);
  return GatedActivationFunction::apply(x, bias, up, function);
}

}  // namespace

Tensor gated_activation(const Tensor& x, const Tensor& bias, const Tensor& up, HiddenFunction function) {
  const auto or_empty = [&](const Tensor& v) {
    return v.defined() ? v : at::empty({0}, x.options().requires_grad(false));
  };
  return call_forward(x, or_empty(bias), or_empty(up), static_cast<std::int64_t>(function));
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("gated_activation(Tensor x, Tensor bias, Tensor up, int function) -> Tensor");
  library.def(
      "gated_activation_grad(Tensor dy, Tensor x, Tensor bias, Tensor up, int function) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("gated_activation", &forward_cpu);
  library.impl("gated_activation_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("gated_activation", &forward_meta);
  library.impl("gated_activation_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("gated_activation", &forward_autograd); }

}  // namespace longwave::ops
