#include "longwave/ops/var_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/var_attention.h"
#include "longwave/ops/causal_linear_attention.h"
#include "longwave/ops/dropout.h"
#include "longwave/ops/rms_norm.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Keys = at::IntArrayRef;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dmaps, dnorm_weight, dkeys

Tensor call_attention(const Tensor& maps, const Tensor& norm, const Tensor& keys, double eps, double p, Keys drop) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::var_attention", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, double, double, Keys)>();
  return op.call(maps, norm, keys, eps, p, drop);
}

Gradients call_grad(const Tensor& d, const Tensor& maps, const Tensor& norm, const Tensor& keys, double eps, double p,
                    Keys drop) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::var_attention_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, double, double, Keys)>();
  return op.call(d, maps, norm, keys, eps, p, drop);
}

void check_inputs(const Tensor& maps, const Tensor& norm, const Tensor& keys, double p, Keys drop) {
  const auto layers = static_cast<std::int64_t>(drop.size());
  check(layers > 0, "var_attention: no dropout key; expected one a layer");
  check(p >= 0 && p < 1, "var_attention: p is ", p, "; expected in [0, 1)");
  check(keys.dim() == 3 && keys.size(1) % 2 == 0, "var_attention: keys is ", keys.sizes(),
        "; expected [b, t, h e] with even t");
  check(norm.dim() == 2 && norm.size(1) > 0 && norm.numel() == 2 * layers * keys.size(2),
        "var_attention: norm_weight is ", norm.sizes(), "; expected [2 m h, e] for ", layers, " layers of width ",
        keys.size(2));
  const std::vector<std::int64_t> shape{keys.size(0), keys.size(1), norm.numel()};
  check(maps.sizes() == at::IntArrayRef(shape), "var_attention: maps is ", maps.sizes(), "; expected ",
        at::IntArrayRef(shape));
  check(keys.scalar_type() == at::kFloat || keys.scalar_type() == at::kDouble, "var_attention: keys is ",
        keys.scalar_type(), "; expected float or double");
  check(maps.scalar_type() == keys.scalar_type() && norm.scalar_type() == keys.scalar_type(), "var_attention: maps is ",
        maps.scalar_type(), " and norm_weight ", norm.scalar_type(), "; expected ", keys.scalar_type(), " like keys");
}

std::vector<std::int64_t> output_shape(const Tensor& norm, const Tensor& keys) {
  return {keys.size(0), keys.size(1) / 2, keys.size(2) / norm.size(1), norm.size(1)};
}

/// The definition, in the operators named in the header; what double runs.
Tensor composed(const Tensor& maps, const Tensor& norm, const Tensor& keys, double eps, double p, Keys drop) {
  check_inputs(maps, norm, keys, p, drop);
  const auto b = keys.size(0), t = keys.size(1), e = norm.size(1), h = keys.size(2) / e;
  const auto parts = rms_norm(maps, norm, eps).view({b, t, -1, h, e}).unbind(2);
  auto k = keys.view({b, t, h, e});
  Tensor total;
  for (std::size_t layer = 0; layer < drop.size(); ++layer) {
    k = causal_linear_attention(parts[2 * layer], k, parts[2 * layer + 1]);
    if (p > 0) k = dropout(k, p, drop[layer]);
    const auto odd = k.view({b, t / 2, 2, h, e}).select(2, 1);
    total = total.defined() ? total + odd : odd;
  }
  return total.contiguous();
}

// --- CPU

std::vector<kernels::DropoutMask> masks_of(double p, Keys drop) {
  std::vector<kernels::DropoutMask> masks;
  for (const auto key : drop) masks.emplace_back(p, key);
  return masks;
}

/// All tensors contiguous.
kernels::VarAttention make_kernel(const Tensor& maps, const Tensor& norm, const Tensor& keys, double eps,
                                  const std::vector<kernels::DropoutMask>& masks) {
  return {.maps = maps.data_ptr<float>(),
          .norm_weight = norm.data_ptr<float>(),
          .keys = keys.data_ptr<float>(),
          .dropout = masks.data(),
          .n = keys.size(0),
          .t = keys.size(1),
          .layers = static_cast<std::int64_t>(masks.size()),
          .h = keys.size(2) / norm.size(1),
          .e = norm.size(1),
          .eps = static_cast<float>(eps)};
}

Tensor attention_cpu(const Tensor& maps_any, const Tensor& norm_any, const Tensor& keys_any, double eps, double p,
                     Keys drop) {
  if (keys_any.scalar_type() == at::kDouble) return composed(maps_any, norm_any, keys_any, eps, p, drop);
  check_inputs(maps_any, norm_any, keys_any, p, drop);
  const auto maps = maps_any.contiguous(), norm = norm_any.contiguous(), keys = keys_any.contiguous();
  const auto masks = masks_of(p, drop);
  const auto kernel = make_kernel(maps, norm, keys, eps, masks);
  const auto total = at::empty(output_shape(norm, keys), keys.options());
  const auto workspace = at::empty({kernels::var_attention_workspace(kernel)}, keys.options());
  kernels::var_attention(kernel, total.data_ptr<float>(), workspace.data_ptr<float>());
  return total;
}

Gradients grad_cpu(const Tensor& d_any, const Tensor& maps_any, const Tensor& norm_any, const Tensor& keys_any,
                   double eps, double p, Keys drop) {
  check_inputs(maps_any, norm_any, keys_any, p, drop);
  check(keys_any.scalar_type() == at::kFloat, "var_attention_grad: keys is ", keys_any.scalar_type(),
        "; expected float");
  const auto shape = output_shape(norm_any, keys_any);
  check(d_any.sizes() == at::IntArrayRef(shape) && d_any.scalar_type() == at::kFloat, "var_attention_grad: d is ",
        d_any.sizes(), "; expected ", at::IntArrayRef(shape), " float");
  const auto d = d_any.contiguous(), maps = maps_any.contiguous(), norm = norm_any.contiguous(),
             keys = keys_any.contiguous();
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  const Gradients out{like(maps), like(norm), like(keys)};
  const auto& [dmaps, dnorm, dkeys] = out;
  const auto masks = masks_of(p, drop);
  const auto kernel = make_kernel(maps, norm, keys, eps, masks);
  const auto workspace = at::empty({kernels::var_attention_grad_workspace(kernel)}, keys.options());
  kernels::var_attention_grad(kernel,
                              {.dtotal = d.data_ptr<float>(),
                               .dmaps = dmaps.data_ptr<float>(),
                               .dnorm_weight = dnorm.data_ptr<float>(),
                               .dkeys = dkeys.data_ptr<float>()},
                              workspace.data_ptr<float>());
  return out;
}

// --- Meta: shapes and types only

Tensor attention_meta(const Tensor& maps, const Tensor& norm, const Tensor& keys, double, double p, Keys drop) {
  check_inputs(maps, norm, keys, p, drop);
  return at::empty(output_shape(norm, keys), keys.options());
}

Gradients grad_meta(const Tensor&, const Tensor& maps, const Tensor& norm, const Tensor& keys, double, double, Keys) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(maps), like(norm), like(keys)};
}

// --- Autograd

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& maps, const Tensor& norm,
                        const Tensor& keys, double eps, double p, Keys drop) {
    ctx->save_for_backward({maps, norm, keys});
    ctx->saved_data["eps"] = eps;
    ctx->saved_data["p"] = p;
    ctx->saved_data["drop"] = drop.vec();
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_attention(maps, norm, keys, eps, p, drop);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "var_attention: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dmaps, dnorm, dkeys] =
        call_grad(grads[0], s[0], s[1], s[2], ctx->saved_data["eps"].toDouble(), ctx->saved_data["p"].toDouble(),
                  ctx->saved_data["drop"].toIntVector());
    return {dmaps, dnorm, dkeys, Tensor(), Tensor(), Tensor()};
  }
};

Tensor attention_autograd(const Tensor& maps, const Tensor& norm, const Tensor& keys, double eps, double p, Keys drop) {
  if (keys.scalar_type() == at::kDouble) return composed(maps, norm, keys, eps, p, drop);
  return Attention::apply(maps, norm, keys, eps, p, drop);
}

}  // namespace

Tensor var_attention(const Tensor& maps, const Tensor& norm_weight, const Tensor& keys, double eps, double p,
                     const std::vector<std::int64_t>& dropout_keys) {
  return call_attention(maps, norm_weight, keys, eps, p, dropout_keys);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "var_attention(Tensor maps, Tensor norm_weight, Tensor keys, float eps, float p, int[] dropout_keys) -> Tensor");
  library.def(
      "var_attention_grad(Tensor d, Tensor maps, Tensor norm_weight, Tensor keys, float eps, float p, "
      "int[] dropout_keys) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("var_attention", &attention_cpu);
  library.impl("var_attention_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("var_attention", &attention_meta);
  library.impl("var_attention_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("var_attention", &attention_autograd); }

}  // namespace longwave::ops
