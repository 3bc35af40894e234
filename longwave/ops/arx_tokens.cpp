#include "longwave/ops/arx_tokens.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/arx_tokens.h"
#include "longwave/ops/dropout.h"
#include "longwave/ops/rms_norm.h"
#include "longwave/ops/scalars.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Tensors = std::vector<Tensor>;

/// The weights, in the order of the struct, go through the operator as one list; autograd sees them one by one.
Tensors list_of(const ArxTokenWeights& w) {
  return {w.main_weight, w.main_bias,  w.main_norm, w.exo_weight, w.exo_bias,
          w.exo_norm,    w.mix_weight, w.mix_bias,  w.positions,  w.norm};
}

ArxTokenWeights weights_of(at::TensorList w) {
  check(w.size() == 10, "arx_tokens: ", w.size(), " weights; expected 10");
  return {w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9]};
}

Tensor call_tokens(const Tensor& z, at::TensorList weights, double p, std::int64_t key, double eps) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::arx_tokens", "")
                             .typed<Tensor(const Tensor&, at::TensorList, double, std::int64_t, double)>();
  return op.call(z, weights, p, key, eps);
}

Tensors call_grad(const Tensor& d, const Tensor& z, at::TensorList weights, double p, std::int64_t key, double eps) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::arx_tokens_grad", "")
          .typed<Tensors(const Tensor&, const Tensor&, at::TensorList, double, std::int64_t, double)>();
  return op.call(d, z, weights, p, key, eps);
}

void check_inputs(const Tensor& z, const ArxTokenWeights& w, double p, double eps) {
  check_not_negative("arx_tokens", "eps", eps);
  check(p >= 0 && p < 1, "arx_tokens: p is ", p, "; expected in [0, 1)");
  check(z.dim() == 4, "arx_tokens: z is ", z.sizes(), "; expected [b, c, n, s]");
  check(w.main_weight.dim() == 2 && w.main_weight.size(1) == z.size(3), "arx_tokens: main_weight is ",
        w.main_weight.sizes(), "; expected [d, ", z.size(3), "] for z ", z.sizes());
  check(w.mix_weight.dim() == 2 && w.mix_weight.size(1) == z.size(1) && w.mix_weight.size(0) <= z.size(1),
        "arx_tokens: mix_weight is ", w.mix_weight.sizes(), "; expected [j, ", z.size(1), "] for z ", z.sizes());
  const auto d = w.main_weight.size(0), s = z.size(3), j = w.mix_weight.size(0);
  const auto shape = [](const char* name, const Tensor& x, std::vector<std::int64_t> expected) {
    check(x.sizes() == at::IntArrayRef(expected), "arx_tokens: ", name, " is ", x.sizes(), "; expected ",
          at::IntArrayRef(expected));
  };
  shape("exo_weight", w.exo_weight, {d, s});
  shape("mix_bias", w.mix_bias, {j});
  shape("positions", w.positions, {j, 2 * z.size(2), d});
  for (const auto& [name, x] : {std::pair{"main_bias", w.main_bias},
                                {"main_norm", w.main_norm},
                                {"exo_bias", w.exo_bias},
                                {"exo_norm", w.exo_norm},
                                {"norm", w.norm}})
    shape(name, x, {d});
  const auto type = z.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "arx_tokens: z is ", type, "; expected float or double");
  for (const auto& x : list_of(w))
    check(x.scalar_type() == type, "arx_tokens: a weight is ", x.scalar_type(), "; expected ", type, " like z");
}

std::vector<std::int64_t> output_shape(const Tensor& z, const ArxTokenWeights& w) {
  return {z.size(0), w.mix_weight.size(0), 2 * z.size(2), w.main_weight.size(0)};
}

/// The definition, in the operators named in the header.
Tensor composed(const Tensor& z, at::TensorList list, double p, std::int64_t key, double eps) {
  const auto w = weights_of(list);
  check_inputs(z, w, p, eps);
  const auto b = z.size(0), c = z.size(1), n = z.size(2), s = z.size(3), j = w.mix_weight.size(0);
  const auto main = at::linear(z.narrow(1, c - j, j), w.main_weight, w.main_bias);
  const auto mixed = at::matmul(w.mix_weight, z.reshape({b, c, n * s})) + w.mix_bias.unsqueeze(1);
  const auto exogenous = at::linear(mixed.view({b, j, n, s}), w.exo_weight, w.exo_bias);
  auto tokens =
      at::stack({rms_norm(exogenous, w.exo_norm, eps), rms_norm(main, w.main_norm, eps)}, 3).view(output_shape(z, w));
  if (p > 0) tokens = dropout(tokens, p, key);
  return rms_norm(tokens + w.positions, w.norm, eps);
}

// --- CPU

/// All tensors contiguous.
kernels::ArxTokens make_kernel(const Tensor& z, const Tensors& w, double p, std::int64_t key, double eps) {
  const auto at = [&](int i) { return static_cast<const float*>(w[i].data_ptr<float>()); };
  return {.z = z.data_ptr<float>(),
          .main_weight = at(0),
          .main_bias = at(1),
          .main_norm = at(2),
          .exo_weight = at(3),
          .exo_bias = at(4),
          .exo_norm = at(5),
          .mix_weight = at(6),
          .mix_bias = at(7),
          .positions = at(8),
          .norm = at(9),
          .dropout = kernels::DropoutMask(p, key),
          .b = z.size(0),
          .c = z.size(1),
          .j = w[6].size(0),
          .n = z.size(2),
          .s = z.size(3),
          .d = w[0].size(0),
          .eps = static_cast<float>(eps)};
}

Tensors contiguous(at::TensorList list) {
  Tensors all;
  for (const auto& x : list) all.push_back(x.contiguous());
  return all;
}

Tensor tokens_cpu(const Tensor& z_, at::TensorList weights_, double p, std::int64_t key, double eps) {
  if (z_.scalar_type() == at::kDouble) return composed(z_, weights_, p, key, eps);
  check_inputs(z_, weights_of(weights_), p, eps);
  const auto z = z_.contiguous();
  const auto weights = contiguous(weights_);
  const auto kernel = make_kernel(z, weights, p, key, eps);
  const auto tokens = at::empty(output_shape(z, weights_of(weights)), z.options());
  const auto workspace = at::empty({kernels::arx_tokens_workspace(kernel)}, z.options());
  kernels::arx_tokens(kernel, tokens.data_ptr<float>(), workspace.data_ptr<float>());
  return tokens;
}

Tensors grad_cpu(const Tensor& d_, const Tensor& z_, at::TensorList weights_, double p, std::int64_t key, double eps) {
  check_inputs(z_, weights_of(weights_), p, eps);
  check(z_.scalar_type() == at::kFloat, "arx_tokens_grad: z is ", z_.scalar_type(), "; expected float");
  const auto d = d_.contiguous(), z = z_.contiguous();
  const auto weights = contiguous(weights_);
  check(d.sizes() == at::IntArrayRef(output_shape(z, weights_of(weights))), "arx_tokens_grad: d is ", d.sizes(),
        "; expected ", at::IntArrayRef(output_shape(z, weights_of(weights))));
  Tensors out;
  for (const auto& w : weights) out.push_back(at::zeros(w.sizes(), w.options()));
  if (d.numel() == 0) return out;
  const auto kernel = make_kernel(z, weights, p, key, eps);
  const auto workspace = at::empty({kernels::arx_tokens_grad_workspace(kernel)}, z.options());
  const auto at = [&](int i) { return out[i].data_ptr<float>(); };
  kernels::arx_tokens_grad(kernel,
                           {.dtokens = d.data_ptr<float>(),
                            .main_weight = at(0),
                            .main_bias = at(1),
                            .main_norm = at(2),
                            .exo_weight = at(3),
                            .exo_bias = at(4),
                            .exo_norm = at(5),
                            .mix_weight = at(6),
                            .mix_bias = at(7),
                            .positions = at(8),
                            .norm = at(9)},
                           workspace.data_ptr<float>());
  return out;
}

// --- Meta: shapes and types only

Tensor tokens_meta(const Tensor& z, at::TensorList weights, double p, std::int64_t, double eps) {
  check_inputs(z, weights_of(weights), p, eps);
  return at::empty(output_shape(z, weights_of(weights)), z.options());
}

Tensors grad_meta(const Tensor&, const Tensor&, at::TensorList weights, double, std::int64_t, double) {
  Tensors out;
  for (const auto& w : weights) out.push_back(at::empty(w.sizes(), w.options()));
  return out;
}

// --- Autograd

struct Tokens : torch::autograd::Function<Tokens> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& z, const Tensor& w0, const Tensor& w1,
                        const Tensor& w2, const Tensor& w3, const Tensor& w4, const Tensor& w5, const Tensor& w6,
                        const Tensor& w7, const Tensor& w8, const Tensor& w9, double p, std::int64_t key, double eps) {
    ctx->save_for_backward({z, w0, w1, w2, w3, w4, w5, w6, w7, w8, w9});
    ctx->saved_data["options"] = c10::ivalue::Tuple::create({p, key, eps});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_tokens(z, {w0, w1, w2, w3, w4, w5, w6, w7, w8, w9}, p, key, eps);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "arx_tokens: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto o = ctx->saved_data["options"].toTuple()->elements().vec();
    auto out = call_grad(grads[0], s[0], at::TensorList(s).slice(1), o[0].toDouble(), o[1].toInt(), o[2].toDouble());
    out.insert(out.begin(), Tensor());
    out.resize(out.size() + 3);
    return out;
  }
};

Tensor tokens_autograd(const Tensor& z, at::TensorList w, double p, std::int64_t key, double eps) {
  check_inputs(z, weights_of(w), p, eps);
  if (z.scalar_type() == at::kDouble || z.requires_grad()) return composed(z, w, p, key, eps);
  return Tokens::apply(z, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], p, key, eps);
}

}  // namespace

Tensor arx_tokens(const Tensor& z, const ArxTokenWeights& weights, double p, std::int64_t key, double eps) {
  return call_tokens(z, list_of(weights), p, key, eps);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("arx_tokens(Tensor z, Tensor[] weights, float p, int key, float eps) -> Tensor");
  library.def("arx_tokens_grad(Tensor d, Tensor z, Tensor[] weights, float p, int key, float eps) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("arx_tokens", &tokens_cpu);
  library.impl("arx_tokens_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("arx_tokens", &tokens_meta);
  library.impl("arx_tokens_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("arx_tokens", &tokens_autograd); }

}  // namespace longwave::ops
