#include "longwave/ops/gated_map.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/gated_map.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using OutputAndProduct = std::tuple<Tensor, Tensor>;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dx, dweight, dbias

OutputAndProduct call_forward(const Tensor& x, const Tensor& weight, const Tensor& bias, bool gelu, const Tensor& valid,
                              bool keep) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::gated_map", "")
          .typed<OutputAndProduct(const Tensor&, const Tensor&, const Tensor&, bool, const Tensor&, bool)>();
  return op.call(x, weight, bias, gelu, valid, keep);
}

Gradients call_grad(const Tensor& dy, const Tensor& product, const Tensor& x, const Tensor& weight, const Tensor& bias,
                    bool gelu, const Tensor& valid) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::gated_map_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              bool, const Tensor&)>();
  return op.call(dy, product, x, weight, bias, gelu, valid);
}

/// bias and valid are empty where there are none: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& valid) {
  check(weight.dim() == 2 && weight.size(0) % 2 == 0 && weight.numel() > 0, "gated_map: weight is ", weight.sizes(),
        "; expected [2 d_out, d_in]");
  const auto outputs = weight.size(0), in = weight.size(1);
  check(x.dim() >= 1 && x.size(-1) == in, "gated_map: x is ", x.sizes(), "; expected [..., ", in, "] (d_in of weight)");
  check(bias.numel() == 0 || bias.sizes() == at::IntArrayRef({outputs}), "gated_map: bias is ", bias.sizes(),
        "; expected [", outputs, "] to fit weight ", weight.sizes());
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "gated_map: x is ", type, "; expected float or double");
  for (const auto& [name, other] : {std::pair{"weight", weight}, {"bias", bias}})
    check(other.scalar_type() == type, "gated_map: ", name, " is ", other.scalar_type(), "; expected ", type,
          " like x");
  if (valid.numel() == 0) return;
  auto rows = x.sizes().vec();
  rows.back() = 1;
  check(valid.sizes() == at::IntArrayRef(rows) && valid.scalar_type() == at::kBool, "gated_map: valid is ",
        valid.scalar_type(), " ", valid.sizes(), "; expected Bool ", at::IntArrayRef(rows));
}

std::vector<std::int64_t> with_last(const Tensor& x, std::int64_t last) {
  auto sizes = x.sizes().vec();
  sizes.back() = last;
  return sizes;
}

/// The definition, in differentiable ATen operators; what double runs.
Tensor composed(const Tensor& x, const Tensor& weight, const Tensor& bias, bool gelu, const Tensor& valid) {
  check_inputs(x, weight, bias, valid);
  const auto y = at::glu(at::linear(gelu ? at::gelu(x) : x, weight, bias.numel() ? bias : Tensor()), -1);
  return valid.numel() ? at::where(valid, y, at::zeros({}, y.options())) : y;
}

// --- CPU

/// product may be empty: none.
kernels::GatedMap make_kernel(const Tensor& x, const Tensor& weight, const Tensor& bias, bool gelu, const Tensor& valid,
                              const Tensor& product) {
  return {.x = x.data_ptr<float>(),
          .weight = weight.data_ptr<float>(),
          .bias = bias.numel() ? bias.data_ptr<float>() : nullptr,
          .rows = x.numel() / weight.size(1),
          .d_in = weight.size(1),
          .d_out = weight.size(0) / 2,
          .gelu = gelu,
          .valid = valid.numel() ? valid.data_ptr<bool>() : nullptr,
          .product = product.numel() ? product.data_ptr<float>() : nullptr};
}

OutputAndProduct forward_cpu(const Tensor& x_, const Tensor& weight_, const Tensor& bias_, bool gelu,
                             const Tensor& valid_, bool keep) {
  if (x_.scalar_type() == at::kDouble)
    return {composed(x_, weight_, bias_, gelu, valid_), at::empty({0}, x_.options())};
  check_inputs(x_, weight_, bias_, valid_);
  const auto x = x_.contiguous(), weight = weight_.contiguous(), bias = bias_.contiguous(), valid = valid_.contiguous();
  const auto y = at::empty(with_last(x, weight.size(0) / 2), x.options());
  const auto product = at::empty(keep ? with_last(x, weight.size(0)) : std::vector<std::int64_t>{0}, x.options());
  const auto kernel = make_kernel(x, weight, bias, gelu, valid, product);
  const auto workspace = at::empty({kernels::gated_map_workspace(kernel)}, x.options());
  kernels::gated_map(kernel, y.data_ptr<float>(), workspace.data_ptr<float>());
  return {y, product};
}

Gradients like_inputs(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto like = [](const Tensor& v) { return at::empty(v.sizes(), v.options()); };
  return {like(x), like(weight), like(bias)};
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& product, const Tensor& x_, const Tensor& weight_,
                   const Tensor& bias_, bool gelu, const Tensor& valid_) {
  check_inputs(x_, weight_, bias_, valid_);
  check(x_.scalar_type() == at::kFloat, "gated_map_grad: x is ", x_.scalar_type(), "; expected float");
  const auto outputs = weight_.size(0);
  check(dy_.sizes() == at::IntArrayRef(with_last(x_, outputs / 2)) && dy_.scalar_type() == at::kFloat,
        "gated_map_grad: dy is ", dy_.sizes(), " ", dy_.scalar_type(), "; expected ",
        at::IntArrayRef(with_last(x_, outputs / 2)), " float");
  check(product.sizes() == at::IntArrayRef(with_last(x_, outputs)) && product.scalar_type() == at::kFloat &&
            product.is_contiguous(),
        "gated_map_grad: product is ", product.sizes(), "; expected ", at::IntArrayRef(with_last(x_, outputs)),
        " float, contiguous");
  const auto dy = dy_.contiguous(), x = x_.contiguous(), weight = weight_.contiguous(), bias = bias_.contiguous(),
             valid = valid_.contiguous();
  const auto gradients = like_inputs(x, weight, bias);
  const auto& [dx, dweight, dbias] = gradients;
  const auto kernel = make_kernel(x, weight, bias, gelu, valid, product);
  if (kernel.rows == 0) {
    dweight.zero_(), dbias.zero_();
    return gradients;
  }
  const auto workspace = at::empty({kernels::gated_map_grad_workspace(kernel)}, x.options());
  kernels::gated_map_grad(kernel,
                          {.dy = dy.data_ptr<float>(),
                           .dx = dx.data_ptr<float>(),
                           .dweight = dweight.data_ptr<float>(),
                           .dbias = kernel.bias ? dbias.data_ptr<float>() : nullptr},
                          workspace.data_ptr<float>());
  return gradients;
}

// --- Meta: shapes and types only

OutputAndProduct forward_meta(const Tensor& x, const Tensor& weight, const Tensor& bias, bool, const Tensor& valid,
                              bool keep) {
  check_inputs(x, weight, bias, valid);
  return {at::empty(with_last(x, weight.size(0) / 2), x.options()),
          at::empty(keep ? with_last(x, weight.size(0)) : std::vector<std::int64_t>{0}, x.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& x, const Tensor& weight, const Tensor& bias, bool,
                    const Tensor&) {
  return like_inputs(x, weight, bias);
}

// --- Autograd

struct GatedMapFunction : torch::autograd::Function<GatedMapFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& x,
                                                const Tensor& weight, const Tensor& bias, bool gelu,
                                                const Tensor& valid, bool keep) {
    ctx->set_materialize_grads(false);  // the product has none, and is large
    ctx->saved_data["gelu"] = gelu;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, product] = call_forward(x, weight, bias, gelu, valid, keep);
    ctx->save_for_backward({x, weight, bias, product, valid});
    ctx->mark_non_differentiable({product});
    return {y, product};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "gated_map: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dweight, dbias] =
        call_grad(grads[0], s[3], s[0], s[1], s[2], ctx->saved_data["gelu"].toBool(), s[4]);
    const Tensor none;
    return {dx, dweight, s[2].numel() ? dbias : none, none, none, none};
  }
};

OutputAndProduct forward_autograd(const Tensor& x, const Tensor& weight, const Tensor& bias, bool gelu,
                                  const Tensor& valid, bool keep) {
  if (x.scalar_type() == at::kDouble) return {composed(x, weight, bias, gelu, valid), at::empty({0}, x.options())};
  const auto out = GatedMapFunction::apply(x, weight, bias, gelu, valid, keep);
  return {out[0], out[1]};
}

}  // namespace

Tensor gated_map(const Tensor& x, const Tensor& weight, const Tensor& bias, bool gelu, const Tensor& valid) {
  const auto rows = valid.defined() ? valid : at::empty({0}, x.options().dtype(at::kBool).requires_grad(false));
  const auto or_empty = bias.defined() ? bias : at::empty({0}, x.options().requires_grad(false));
  if (!x.is_cpu() && !x.is_meta()) return composed(x, weight, or_empty, gelu, rows);
  const bool keep =
      at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() || or_empty.requires_grad());
  return std::get<0>(call_forward(x, weight, or_empty, gelu, rows, keep));
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "gated_map(Tensor x, Tensor weight, Tensor bias, bool gelu, Tensor valid, bool keep_product) -> (Tensor, "
      "Tensor)");
  library.def(
      "gated_map_grad(Tensor dy, Tensor product, Tensor x, Tensor weight, Tensor bias, bool gelu, Tensor valid) -> "
      "(Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("gated_map", &forward_cpu);
  library.impl("gated_map_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("gated_map", &forward_meta);
  library.impl("gated_map_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("gated_map", &forward_autograd); }

}  // namespace longwave::ops
