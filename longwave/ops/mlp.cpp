#include "longwave/ops/mlp.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/ops/dropout.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using OutputAndProduct = std::tuple<Tensor, Tensor>;
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;  // dx, dnorm, dw1, db1, dw2, db2

// The operator's schema has the options one by one; here is the one place that maps them.
#define LONGWAVE_MLP_OPTIONS                                                                                         \
  std::int64_t activation, std::int64_t place, double p, std::int64_t key, double output_p, std::int64_t output_key, \
      bool residual, double eps
#define LONGWAVE_MLP_OPTION_NAMES activation, place, p, key, output_p, output_key, residual, eps

MlpOptions make_options(LONGWAVE_MLP_OPTIONS) {
  check(activation >= 0 && activation <= 1, "mlp: activation is ", activation, "; expected 0 (gelu) or 1 (relu)");
  check(place >= 0 && place <= 1, "mlp: place is ", place,
        "; expected 0 (dropout after the activation) or 1 (before it)");
  check(p >= 0 && p < 1 && output_p >= 0 && output_p < 1, "mlp: p is ", p, " and output_p ", output_p,
        "; expected in [0, 1)");
  check_not_negative("mlp", "eps", eps);
  return {static_cast<Activation>(activation),
          static_cast<DropoutPlace>(place),
          p,
          key,
          output_p,
          output_key,
          residual,
          eps};
}

OutputAndProduct call_mlp(const Tensor& x, const Tensor& norm, const Tensor& w1, const Tensor& b1, const Tensor& w2,
                          const Tensor& b2, LONGWAVE_MLP_OPTIONS, bool keep) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::mlp", "")
                             .typed<OutputAndProduct(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                                     const Tensor&, const Tensor&, LONGWAVE_MLP_OPTIONS, bool)>();
  return op.call(x, norm, w1, b1, w2, b2, LONGWAVE_MLP_OPTION_NAMES, keep);
}

Gradients call_grad(const Tensor& dy, const Tensor& product, const Tensor& x, const Tensor& norm, const Tensor& w1,
                    const Tensor& b1, const Tensor& w2, const Tensor& b2, LONGWAVE_MLP_OPTIONS) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::mlp_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, const Tensor&, LONGWAVE_MLP_OPTIONS)>();
  return op.call(dy, product, x, norm, w1, b1, w2, b2, LONGWAVE_MLP_OPTION_NAMES);
}

/// `norm` is empty when there is none: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& x, const Tensor& norm, const Tensor& w1, const Tensor& b1, const Tensor& w2,
                  const Tensor& b2, bool residual) {
  check(w1.dim() == 2, "mlp: w1 is ", w1.sizes(), "; expected [d_hidden, d_in]");
  const auto hidden = w1.size(0), in = w1.size(1);
  check(x.dim() >= 1 && x.size(-1) == in, "mlp: x is ", x.sizes(), "; expected [..., ", in, "] (d_in of w1)");
  check(w2.dim() == 2 && w2.size(1) == hidden, "mlp: w2 is ", w2.sizes(), "; expected [d_out, ", hidden,
        "] (d_hidden of w1)");
  check(b1.dim() == 1 && b1.size(0) == hidden, "mlp: b1 is ", b1.sizes(), "; expected [", hidden, "]");
  check(b2.dim() == 1 && b2.size(0) == w2.size(0), "mlp: b2 is ", b2.sizes(), "; expected [", w2.size(0), "]");
  check(norm.numel() == 0 || (norm.dim() == 1 && norm.size(0) == in), "mlp: norm_weight is ", norm.sizes(),
        "; expected [", in, "]");
  check(!residual || w2.size(0) == in, "mlp: d_out is ", w2.size(0), "; expected ", in, " = d_in for the residual");
  const auto type = x.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "mlp: x is ", type, "; expected float or double");
  for (const auto& [name, other] : {std::pair{"norm_weight", norm}, {"w1", w1}, {"b1", b1}, {"w2", w2}, {"b2", b2}})
    check(other.scalar_type() == type, "mlp: ", name, " is ", other.scalar_type(), "; expected ", type, " like x");
}

/// Shape of the kept product w1 n, flat because the kernel chooses the order; of nothing when it is not kept.
std::int64_t product_size(const Tensor& x, const Tensor& w1, bool keep) {
  return keep ? x.numel() / std::max<std::int64_t>(1, w1.size(1)) * w1.size(0) : 0;
}

std::vector<std::int64_t> output_shape(const Tensor& x, const Tensor& w2) {
  auto shape = x.sizes().vec();
  shape.back() = w2.size(0);
  return shape;
}

/// The definition, in differentiable ATen operators; what double runs.
Tensor composed(const Tensor& x, const Tensor& norm, const Tensor& w1, const Tensor& b1, const Tensor& w2,
                const Tensor& b2, LONGWAVE_MLP_OPTIONS) {
  const auto o = make_options(LONGWAVE_MLP_OPTION_NAMES);
  check_inputs(x, norm, w1, b1, w2, b2, residual);
  const auto drop = [](const Tensor& v, double rate, std::int64_t k) { return rate == 0 ? v : dropout(v, rate, k); };
  const bool before = o.place == DropoutPlace::before_activation;
  const auto n = norm.numel() == 0 ? x : x * (x.square().mean(-1, true) + eps).rsqrt() * norm;
  auto h = at::linear(n, w1, b1);
  if (before) h = drop(h, p, key);
  h = o.activation == Activation::gelu ? at::gelu(h) : at::relu(h);
  if (!before) h = drop(h, p, key);
  const auto y = drop(at::linear(h, w2, b2), output_p, output_key);
  return residual ? x + y : y;
}

// --- CPU

kernels::Mlp make_kernel(const Tensor& product, const Tensor& x, const Tensor& norm, const Tensor& w1, const Tensor& b1,
                         const Tensor& w2, const Tensor& b2, LONGWAVE_MLP_OPTIONS) {
  const auto o = make_options(LONGWAVE_MLP_OPTION_NAMES);
  return {.x = x.data_ptr<float>(),
          .norm_weight = norm.numel() == 0 ? nullptr : norm.data_ptr<float>(),
          .w1 = w1.data_ptr<float>(),
          .b1 = b1.data_ptr<float>(),
          .w2 = w2.data_ptr<float>(),
          .b2 = b2.data_ptr<float>(),
          .rows = x.numel() / std::max<std::int64_t>(1, w1.size(1)),
          .d_in = w1.size(1),
          .d_hidden = w1.size(0),
          .d_out = w2.size(0),
          .activation = o.activation,
          .place = o.place,
          .hidden_dropout = kernels::DropoutMask(p, key),
          .output_dropout = kernels::DropoutMask(output_p, output_key),
          .eps = static_cast<float>(eps),
          .residual = residual,
          .product = product.numel() == 0 ? nullptr : product.data_ptr<float>()};
}

OutputAndProduct mlp_cpu(const Tensor& x_, const Tensor& norm_, const Tensor& w1_, const Tensor& b1_, const Tensor& w2_,
                         const Tensor& b2_, LONGWAVE_MLP_OPTIONS, bool keep) {
  if (x_.scalar_type() == at::kDouble)
    return {composed(x_, norm_, w1_, b1_, w2_, b2_, LONGWAVE_MLP_OPTION_NAMES), at::empty({0}, x_.options())};
  check_inputs(x_, norm_, w1_, b1_, w2_, b2_, residual);
  const auto x = x_.contiguous(), norm = norm_.contiguous(), w1 = w1_.contiguous(), b1 = b1_.contiguous(),
             w2 = w2_.contiguous(), b2 = b2_.contiguous();
  const auto product = at::empty({product_size(x, w1, keep)}, x.options());
  const auto kernel = make_kernel(product, x, norm, w1, b1, w2, b2, LONGWAVE_MLP_OPTION_NAMES);
  const auto y = at::empty(output_shape(x, w2), x.options());
  const auto workspace = at::empty({kernels::mlp_workspace(kernel)}, x.options());
  kernels::mlp(kernel, y.data_ptr<float>(), workspace.data_ptr<float>());
  return {y, product};
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& product, const Tensor& x_, const Tensor& norm_, const Tensor& w1_,
                   const Tensor& b1_, const Tensor& w2_, const Tensor& b2_, LONGWAVE_MLP_OPTIONS) {
  check_inputs(x_, norm_, w1_, b1_, w2_, b2_, residual);
  check(x_.scalar_type() == at::kFloat, "mlp_grad: x is ", x_.scalar_type(), "; expected float");
  check(dy_.sizes() == at::IntArrayRef(output_shape(x_, w2_)) && dy_.scalar_type() == at::kFloat, "mlp_grad: dy is ",
        dy_.sizes(), " ", dy_.scalar_type(), "; expected ", at::IntArrayRef(output_shape(x_, w2_)), " float");
  check(product.numel() == 0 || (product.numel() == product_size(x_, w1_, true) && product.is_contiguous()),
        "mlp_grad: product has ", product.numel(), " elements; expected 0 or ", product_size(x_, w1_, true));
  const auto x = x_.contiguous(), norm = norm_.contiguous(), w1 = w1_.contiguous(), b1 = b1_.contiguous(),
             w2 = w2_.contiguous(), b2 = b2_.contiguous(), dy = dy_.contiguous();
  const auto like = [](const Tensor& v) { return at::empty(v.sizes(), v.options()); };
  const Gradients d{like(x), like(norm), like(w1), like(b1), like(w2), like(b2)};
  const auto& [dx, dnorm, dw1, db1, dw2, db2] = d;
  const auto kernel = make_kernel(product, x, norm, w1, b1, w2, b2, LONGWAVE_MLP_OPTION_NAMES);
  if (kernel.rows == 0) {
    for (const auto& sum : {dnorm, dw1, db1, dw2, db2}) sum.zero_();
    return d;
  }
  const auto workspace = at::empty({kernels::mlp_grad_workspace(kernel)}, x.options());
  kernels::mlp_grad(kernel,
                    {.dy = dy.data_ptr<float>(),
                     .dx = dx.data_ptr<float>(),
                     .dnorm_weight = kernel.norm_weight ? dnorm.data_ptr<float>() : nullptr,
                     .dw1 = dw1.data_ptr<float>(),
                     .db1 = db1.data_ptr<float>(),
                     .dw2 = dw2.data_ptr<float>(),
                     .db2 = db2.data_ptr<float>()},
                    workspace.data_ptr<float>());
  return d;
}

// --- Meta: shapes and types only

OutputAndProduct mlp_meta(const Tensor& x, const Tensor& norm, const Tensor& w1, const Tensor& b1, const Tensor& w2,
                          const Tensor& b2, LONGWAVE_MLP_OPTIONS, bool keep) {
  make_options(LONGWAVE_MLP_OPTION_NAMES);
  check_inputs(x, norm, w1, b1, w2, b2, residual);
  return {at::empty(output_shape(x, w2), x.options()), at::empty({product_size(x, w1, keep)}, x.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& x, const Tensor& norm, const Tensor& w1,
                    const Tensor& b1, const Tensor& w2, const Tensor& b2, std::int64_t, std::int64_t, double,
                    std::int64_t, double, std::int64_t, bool, double) {
  const auto like = [](const Tensor& v) { return at::empty(v.sizes(), v.options()); };
  return {like(x), like(norm), like(w1), like(b1), like(w2), like(b2)};
}

// --- Autograd

struct MlpFunction : torch::autograd::Function<MlpFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& x,
                                                const Tensor& norm, const Tensor& w1, const Tensor& b1,
                                                const Tensor& w2, const Tensor& b2, LONGWAVE_MLP_OPTIONS, bool keep) {
    ctx->set_materialize_grads(false);  // the product has none, and is large
    ctx->saved_data["options"] =
        c10::ivalue::Tuple::create({activation, place, p, key, output_p, output_key, residual, eps});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, product] = call_mlp(x, norm, w1, b1, w2, b2, LONGWAVE_MLP_OPTION_NAMES, keep);
    ctx->save_for_backward({x, norm, w1, b1, w2, b2, product});
    ctx->mark_non_differentiable({product});
    return {y, product};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "mlp: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto o = ctx->saved_data["options"].toTuple()->elements().vec();
    const auto [dx, dnorm, dw1, db1, dw2, db2] =
        call_grad(grads[0], s[6], s[0], s[1], s[2], s[3], s[4], s[5], o[0].toInt(), o[1].toInt(), o[2].toDouble(),
                  o[3].toInt(), o[4].toDouble(), o[5].toInt(), o[6].toBool(), o[7].toDouble());
    const Tensor none;
    return {dx, dnorm, dw1, db1, dw2, db2, none, none, none, none, none, none, none, none, none};
  }
};

OutputAndProduct mlp_autograd(const Tensor& x, const Tensor& norm, const Tensor& w1, const Tensor& b1, const Tensor& w2,
                              const Tensor& b2, LONGWAVE_MLP_OPTIONS, bool keep) {
  if (x.scalar_type() == at::kDouble)
    return {composed(x, norm, w1, b1, w2, b2, LONGWAVE_MLP_OPTION_NAMES), at::empty({0}, x.options())};
  const auto out = MlpFunction::apply(x, norm, w1, b1, w2, b2, LONGWAVE_MLP_OPTION_NAMES, keep);
  return {out[0], out[1]};
}

/// Whether backward reads the product w1 n instead of computing it again: an element costs 2 d_in operations but only
/// four bytes, so that this is quicker for long rows.
bool keeps_product(const Tensor& x, const Tensor& w1, std::initializer_list<Tensor> others) {
  constexpr std::int64_t kLong = 128;
  if (!at::GradMode::is_enabled() || w1.dim() != 2 || w1.size(1) < kLong) return false;
  return x.requires_grad() || w1.requires_grad() ||
         std::any_of(others.begin(), others.end(), [](const Tensor& v) { return v.requires_grad(); });
}

}  // namespace

Tensor mlp(const Tensor& x, const Tensor& norm_weight, const Tensor& w1, const Tensor& b1, const Tensor& w2,
           const Tensor& b2, const MlpOptions& o) {
  const auto or_zeros = [&](const Tensor& bias, std::int64_t n) {
    return bias.defined() ? bias : at::zeros({n}, x.options());
  };
  const auto norm = norm_weight.defined() ? norm_weight : at::empty({0}, x.options());
  const auto in_bias = or_zeros(b1, w1.size(0)), out_bias = or_zeros(b2, w2.size(0));
  return std::get<0>(call_mlp(x, norm, w1, in_bias, w2, out_bias, static_cast<std::int64_t>(o.activation),
                              static_cast<std::int64_t>(o.place), o.p, o.key, o.output_p, o.output_key, o.residual,
                              o.eps, keeps_product(x, w1, {norm, in_bias, w2, out_bias})));
}

Tensor mlp(const Tensor& x, const Tensor& w1, const Tensor& b1, const Tensor& w2, const Tensor& b2,
           Activation activation, DropoutPlace place, double p, std::int64_t key) {
  return mlp(x, {}, w1, b1, w2, b2, {.activation = activation, .place = place, .p = p, .key = key});
}

Tensor residual_mlp(const Tensor& x, const Tensor& norm_weight, const Tensor& w1, const Tensor& b1, const Tensor& w2,
                    const Tensor& b2, double p, std::int64_t key) {
  return mlp(x, norm_weight, w1, b1, w2, b2, {.output_p = p, .output_key = key, .residual = true});
}

#define LONGWAVE_MLP_SCHEMA                                                                               \
  "Tensor x, Tensor norm_weight, Tensor w1, Tensor b1, Tensor w2, Tensor b2, int activation, int place, " \
  "float p, int key, float output_p, int output_key, bool residual, float eps"

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("mlp(" LONGWAVE_MLP_SCHEMA ", bool keep) -> (Tensor, Tensor)");
  library.def("mlp_grad(Tensor dy, Tensor product, " LONGWAVE_MLP_SCHEMA
              ") -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("mlp", &mlp_cpu);
  library.impl("mlp_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("mlp", &mlp_meta);
  library.impl("mlp_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("mlp", &mlp_autograd); }

}  // namespace longwave::ops
