#include "longwave/ops/batch_norm.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/batch_norm.h"
#include "longwave/ops/given.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Triple = std::tuple<Tensor, Tensor, Tensor>;

Triple call_forward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid, double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::batch_norm", "")
                             .typed<Triple(const Tensor&, const Tensor&, const Tensor&, const Tensor&, double)>();
  return op.call(x, weight, bias, valid, eps);
}

Triple call_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& valid, const Tensor& mean,
                 const Tensor& variance, double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::batch_norm_grad", "")
                             .typed<Triple(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                           const Tensor&, double)>();
  return op.call(dy, x, weight, valid, mean, variance, eps);
}

/// valid is empty where all vectors are: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid, double eps) {
  check_not_negative("batch_norm", "eps", eps);
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "batch_norm: x is ", type, "; expected float or double");
  check(x.dim() >= 2 && x.numel() > 0, "batch_norm: x is ", x.sizes(), "; expected [..., d] and not empty");
  for (const auto& [name, other] : {std::pair{"weight", weight}, {"bias", bias}}) {
    check(other.sizes() == at::IntArrayRef({x.size(-1)}), "batch_norm: ", name, " is ", other.sizes(), "; expected [",
          x.size(-1), "] to fit x ", x.sizes());
    check(other.scalar_type() == type, "batch_norm: ", name, " is ", other.scalar_type(), "; expected ", type,
          " like x");
  }
  if (valid.numel() == 0) return;
  auto sizes = x.sizes().vec();
  sizes.back() = 1;
  check(valid.sizes() == at::IntArrayRef(sizes) && valid.scalar_type() == at::kBool, "batch_norm: valid is ",
        valid.scalar_type(), " ", valid.sizes(), "; expected Bool ", at::IntArrayRef(sizes));
}

/// The definition, in differentiable ATen operators; what double runs.
Triple composed(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid, double eps) {
  check_inputs(x, weight, bias, valid, eps);
  const auto all = x.reshape({-1, x.size(-1)});
  const auto real = valid.numel() ? valid.reshape({-1}).nonzero().squeeze(1) : Tensor();
  const auto rows = real.defined() ? all.index_select(0, real) : all;
  check(rows.size(0) > 0, "batch_norm: no vector of x ", x.sizes(), " is valid; expected at least one");
  const auto mean = rows.mean(0), variance = rows.var(0, /*unbiased=*/false);
  const auto y = (rows - mean) * at::rsqrt(variance + eps) * weight + bias;
  const auto full = real.defined() ? at::zeros_like(all).index_copy(0, real, y) : y;
  return {full.view(x.sizes()), mean.detach(), variance.detach()};
}

// --- CPU

/// Of contiguous tensors.
kernels::BatchNorm make_kernel(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid,
                               double eps) {
  const auto rows = x.numel() / x.size(-1);
  return {.x = x.data_ptr<float>(),
          .counts = valid.numel() ? valid.data_ptr<bool>() : nullptr,
          .weight = weight.data_ptr<float>(),
          .bias = bias.numel() ? bias.data_ptr<float>() : nullptr,
          .rows = rows,
          .counted = valid.numel() ? valid.sum().item<std::int64_t>() : rows,
          .d = x.size(-1),
          .eps = static_cast<float>(eps)};
}

Triple forward_cpu(const Tensor& x_, const Tensor& weight_, const Tensor& bias_, const Tensor& valid_, double eps) {
  if (x_.scalar_type() == at::kDouble) return composed(x_, weight_, bias_, valid_, eps);
  check_inputs(x_, weight_, bias_, valid_, eps);
  const auto x = x_.contiguous(), weight = weight_.contiguous(), bias = bias_.contiguous(), valid = valid_.contiguous();
  const auto kernel = make_kernel(x, weight, bias, valid, eps);
  check(kernel.counted > 0, "batch_norm: no vector of x ", x.sizes(), " is valid; expected at least one");
  const auto y = at::empty(x.sizes(), x.options()), statistics = at::empty({2, x.size(-1)}, x.options());
  const auto mean = statistics[0], variance = statistics[1];
  const auto workspace = at::empty({kernels::batch_norm_workspace(kernel)}, x.options());
  kernels::batch_norm(kernel, y.data_ptr<float>(), mean.data_ptr<float>(), variance.data_ptr<float>(),
                      workspace.data_ptr<float>());
  return {y, mean, variance};
}

Triple like_inputs(const Tensor& x, const Tensor& weight) {
  return {at::empty(x.sizes(), x.options()), at::empty(weight.sizes(), x.options()),
          at::empty(weight.sizes(), x.options())};
}

Triple grad_cpu(const Tensor& dy_, const Tensor& x_, const Tensor& weight_, const Tensor& valid_, const Tensor& mean,
                const Tensor& variance, double eps) {
  check_inputs(x_, weight_, weight_, valid_, eps);
  check(x_.scalar_type() == at::kFloat, "batch_norm_grad: x is ", x_.scalar_type(), "; expected float");
  check_given("batch_norm_grad", "dy", dy_, x_.sizes(), x_);
  check_given("batch_norm_grad", "mean", mean, {x_.size(-1)}, x_);
  check_given("batch_norm_grad", "variance", variance, {x_.size(-1)}, x_);
  const auto dy = dy_.contiguous(), x = x_.contiguous(), weight = weight_.contiguous(), valid = valid_.contiguous();
  const auto gradients = like_inputs(x, weight);
  const auto& [dx, dweight, dbias] = gradients;
  const auto kernel = make_kernel(x, weight, {}, valid, eps);
  const auto workspace = at::empty({kernels::batch_norm_workspace(kernel)}, x.options());
  kernels::batch_norm_grad(kernel, mean.contiguous().data_ptr<float>(), variance.contiguous().data_ptr<float>(),
                           dy.data_ptr<float>(), dx.data_ptr<float>(), dweight.data_ptr<float>(),
                           dbias.data_ptr<float>(), workspace.data_ptr<float>());
  return gradients;
}

// --- Meta: shapes and types only

Triple forward_meta(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid, double eps) {
  check_inputs(x, weight, bias, valid, eps);
  return like_inputs(x, weight);
}

Triple grad_meta(const Tensor&, const Tensor& x, const Tensor& weight, const Tensor&, const Tensor&, const Tensor&,
                 double) {
  return like_inputs(x, weight);
}

// --- Autograd

struct BatchNormFunction : torch::autograd::Function<BatchNormFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& x,
                                                const Tensor& weight, const Tensor& bias, const Tensor& valid,
                                                double eps) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, mean, variance] = call_forward(x, weight, bias, valid, eps);
    ctx->save_for_backward({x, weight, valid, mean, variance});
    ctx->saved_data["eps"] = eps;
    ctx->mark_non_differentiable({mean, variance});
    return {y, mean, variance};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "batch_norm: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dweight, dbias] =
        call_grad(grads[0], s[0], s[1], s[2], s[3], s[4], ctx->saved_data["eps"].toDouble());
    return {dx, dweight, dbias, Tensor(), Tensor()};
  }
};

Triple forward_autograd(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid, double eps) {
  if (x.scalar_type() == at::kDouble) return composed(x, weight, bias, valid, eps);
  const auto results = BatchNormFunction::apply(x, weight, bias, valid, eps);
  return {results[0], results[1], results[2]};
}

}  // namespace

BatchNormResult batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid, double eps) {
  const auto or_empty = valid.defined() ? valid : at::empty({0}, x.options().dtype(at::kBool).requires_grad(false));
  const auto [y, mean, variance] = x.is_cpu() || x.is_meta() ? call_forward(x, weight, bias, or_empty, eps)
                                                             : composed(x, weight, bias, or_empty, eps);
  return {y, mean, variance};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("batch_norm(Tensor x, Tensor weight, Tensor bias, Tensor valid, float eps) -> (Tensor, Tensor, Tensor)");
  library.def(
      "batch_norm_grad(Tensor dy, Tensor x, Tensor weight, Tensor valid, Tensor mean, Tensor variance, float eps) -> "
      "(Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("batch_norm", &forward_cpu);
  library.impl("batch_norm_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("batch_norm", &forward_meta);
  library.impl("batch_norm_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("batch_norm", &forward_autograd); }

}  // namespace longwave::ops
