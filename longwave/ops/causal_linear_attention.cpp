#include "longwave/ops/causal_linear_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/causal_product.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dq, dk, dv

Tensor call_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::causal_linear_attention", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(q, k, v);
}

Gradients call_grad(const Tensor& d, const Tensor& q, const Tensor& k, const Tensor& v) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::causal_linear_attention_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(d, q, k, v);
}

void check_inputs(const Tensor& q, const Tensor& k, const Tensor& v) {
  check(q.dim() == 4, "causal_linear_attention: q is ", q.sizes(), "; expected [b, t, h, e]");
  check(q.scalar_type() == at::kFloat || q.scalar_type() == at::kDouble, "causal_linear_attention: q is ",
        q.scalar_type(), "; expected float or double");
  for (const auto& [name, x] : {std::pair{"k", k}, {"v", v}}) {
    check(x.sizes() == q.sizes(), "causal_linear_attention: ", name, " is ", x.sizes(), "; expected ", q.sizes(),
          " like q");
    check(x.scalar_type() == q.scalar_type(), "causal_linear_attention: ", name, " is ", x.scalar_type(), "; expected ",
          q.scalar_type(), " like q");
  }
}

/// The definition, in differentiable ATen operators; what double runs.
Tensor composed(const Tensor& q, const Tensor& k, const Tensor& v) {
  check_inputs(q, k, v);
  const auto scores = at::matmul(q.transpose(1, 2), k.permute({0, 2, 3, 1})).tril();  // [b, h, t, t]
  return at::matmul(scores, v.transpose(1, 2)).transpose(1, 2).contiguous();
}

// --- CPU

/// x itself where the vectors of a step are contiguous (slices of a joint projection are), else a copy.
Tensor steps_contiguous(const Tensor& x) { return x.stride(3) == 1 && x.stride(2) == x.size(3) ? x : x.contiguous(); }

template <class T>
kernels::Sequences<T> sequences(const Tensor& x) {
  return {x.data_ptr<float>(), x.stride(0), x.stride(1)};
}

Tensor product(const Tensor& x, const Tensor& y, const Tensor& z, bool reverse) {
  const auto out = at::empty(x.sizes(), x.options());
  const kernels::CausalProduct p{.x = sequences<const float>(x),
                                 .y = sequences<const float>(y),
                                 .z = sequences<const float>(z),
                                 .out = sequences<float>(out),
                                 .n = x.size(0),
                                 .t = x.size(1),
                                 .h = x.size(2),
                                 .e = x.size(3),
                                 .reverse = reverse};
  const auto workspace = at::empty({kernels::causal_product_workspace(p)}, x.options());
  kernels::causal_product(p, workspace.data_ptr<float>());
  return out;
}

Tensor attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v) {
  if (q.scalar_type() == at::kDouble) return composed(q, k, v);
  check_inputs(q, k, v);
  return product(steps_contiguous(k), steps_contiguous(v), steps_contiguous(q), false);
}

Gradients grad_cpu(const Tensor& d_any, const Tensor& q_any, const Tensor& k_any, const Tensor& v_any) {
  check_inputs(q_any, k_any, v_any);
  check(q_any.scalar_type() == at::kFloat, "causal_linear_attention_grad: q is ", q_any.scalar_type(),
        "; expected float");
  check(d_any.sizes() == q_any.sizes() && d_any.scalar_type() == at::kFloat, "causal_linear_attention_grad: do is ",
        d_any.sizes(), "; expected ", q_any.sizes(), " like q");
  const auto d = steps_contiguous(d_any), q = steps_contiguous(q_any), k = steps_contiguous(k_any),
             v = steps_contiguous(v_any);
  return {product(v, k, d, false), product(d, q, v, true), product(q, d, k, true)};
}

// --- Meta: shapes and types only

Tensor attention_meta(const Tensor& q, const Tensor& k, const Tensor& v) {
  check_inputs(q, k, v);
  return at::empty(q.sizes(), q.options());
}

Gradients grad_meta(const Tensor&, const Tensor& q, const Tensor& k, const Tensor& v) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(q), like(k), like(v)};
}

// --- Autograd

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& q, const Tensor& k, const Tensor& v) {
    ctx->save_for_backward({q, k, v});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_attention(q, k, v);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(),
          "causal_linear_attention: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dq, dk, dv] = call_grad(grads[0], s[0], s[1], s[2]);
    return {dq, dk, dv};
  }
};

Tensor attention_autograd(const Tensor& q, const Tensor& k, const Tensor& v) {
  return q.scalar_type() == at::kDouble ? composed(q, k, v) : Attention::apply(q, k, v);
}

}  // namespace

Tensor causal_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v) { return call_attention(q, k, v); }

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("causal_linear_attention(Tensor q, Tensor k, Tensor v) -> Tensor");
  library.def("causal_linear_attention_grad(Tensor d, Tensor q, Tensor k, Tensor v) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("causal_linear_attention", &attention_cpu);
  library.impl("causal_linear_attention_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("causal_linear_attention", &attention_meta);
  library.impl("causal_linear_attention_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("causal_linear_attention", &attention_autograd); }

}  // namespace longwave::ops
