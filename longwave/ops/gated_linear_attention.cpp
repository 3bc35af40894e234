#include "longwave/ops/gated_linear_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/ops/head_vectors.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor, Tensor>;                            // o, final state, kept states
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;  // dq, dk, dv, dg, du, d_initial

// g, u and the states are empty where there are none.

Outputs call_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u,
                       const Tensor& initial, double scale, bool keep) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::gated_linear_attention", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            const Tensor&, double, bool)>();
  return op.call(q, k, v, g, u, initial, scale, keep);
}

Gradients call_grad(const Tensor& d_o, const Tensor& d_final, const Tensor& states, const Tensor& q, const Tensor& k,
                    const Tensor& v, const Tensor& g, const Tensor& u, const Tensor& initial, double scale,
                    bool needs_dg) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::gated_linear_attention_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                           const Tensor&, const Tensor&, const Tensor&, double, bool)>();
  return op.call(d_o, d_final, states, q, k, v, g, u, initial, scale, needs_dg);
}

void check_type(const char* name, const Tensor& x, const Tensor& q) {
  check(x.scalar_type() == q.scalar_type(), "gated_linear_attention: ", name, " is ", x.scalar_type(), "; expected ",
        q.scalar_type(), " like q");
}

void check_inputs(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u,
                  const Tensor& initial) {
  const char* op = "gated_linear_attention: ";
  check(q.dim() == 4 && q.numel() > 0, op, "q is ", q.sizes(), "; expected [b, t, h, k]");
  check(q.scalar_type() == at::kFloat || q.scalar_type() == at::kDouble, op, "q is ", q.scalar_type(),
        "; expected float or double");
  check(k.sizes() == q.sizes(), op, "k is ", k.sizes(), "; expected ", q.sizes(), " like q");
  check(v.dim() == 4 && v.sizes().slice(0, 3) == q.sizes().slice(0, 3) && v.size(3) > 0, op, "v is ", v.sizes(),
        "; expected [b, t, h, v] with b, t, h of q, ", q.sizes());
  check(g.numel() == 0 || g.sizes() == q.sizes() || g.sizes() == q.sizes().slice(0, 3), op, "g is ", g.sizes(),
        "; expected ", q.sizes().slice(0, 3), " (one decay per head) or ", q.sizes(), " (one per key channel)");
  const std::vector<std::int64_t> bonus{q.size(2), q.size(3)};
  check(u.numel() == 0 || u.sizes() == at::IntArrayRef(bonus), op, "u is ", u.sizes(),
        "; expected [h, k] = ", at::IntArrayRef(bonus));
  const std::vector<std::int64_t> state{q.size(0), q.size(2), q.size(3), v.size(3)};
  check(initial.numel() == 0 || initial.sizes() == at::IntArrayRef(state), op, "initial is ", initial.sizes(),
        "; expected [b, h, k, v] = ", at::IntArrayRef(state));
  for (const auto& [name, x] : {std::pair{"k", k}, {"v", v}, {"g", g}, {"u", u}, {"initial", initial}})
    check_type(name, x, q);
}

// --- CPU

/// The inputs in a form that the kernels read.
struct Inputs {
  Tensor q, k, v, g, u, initial;
  Inputs(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u, const Tensor& initial)
      : q(vectors_contiguous(q)),
        k(vectors_contiguous(k)),
        v(vectors_contiguous(v)),
        g(vectors_contiguous(g)),
        u(u.contiguous()),
        initial(initial.contiguous()) {}

  template <class T>
  kernels::GatedLinearAttention<T> problem(double scale) const {
    return {.q = head_vectors<const T>(q),
            .k = head_vectors<const T>(k),
            .v = head_vectors<const T>(v),
            .g = head_vectors<const T>(g),
            .per_channel = g.dim() == 4,
            .u = data_or_null<const T>(u),
            .initial = data_or_null<const T>(initial),
            .b = q.size(0),
            .t = q.size(1),
            .h = q.size(2),
            .dk = q.size(3),
            .dv = v.size(3),
            .scale = static_cast<T>(scale)};
  }
};

template <class T>
void run(const Inputs& in, double scale, Tensor& o, Tensor& final_state, Tensor& states) {
  const auto p = in.problem<T>(scale);
  const kernels::GatedLinearAttentionOut<T> out{head_vectors<T>(o), final_state.data_ptr<T>(), data_or_null<T>(states)};
  if constexpr (std::is_same_v<T, float>) {
    const auto workspace = at::empty({kernels::gated_linear_attention_workspace(p, false)}, o.options());
    kernels::gated_linear_attention(p, out, workspace.template data_ptr<float>());
  } else {
    kernels::gated_linear_attention_reference(p, out);
  }
}

Outputs empty_outputs(const Tensor& q, const Tensor& v, bool keep) {
  const auto b = q.size(0), h = q.size(2), dk = q.size(3), dv = v.size(3);
  return {at::empty(v.sizes(), v.options()), at::empty({b, h, dk, dv}, v.options()),
          keep ? at::empty({b, h, kernels::states_kept(q.size(1)), dk, dv}, v.options()) : at::empty({0}, v.options())};
}

Outputs attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u,
                      const Tensor& initial, double scale, bool keep) {
  check_inputs(q, k, v, g, u, initial);
  auto outputs = empty_outputs(q, v, keep);
  auto& [o, final_state, states] = outputs;
  const Inputs in(q, k, v, g, u, initial);
  if (q.scalar_type() == at::kDouble)
    run<double>(in, scale, o, final_state, states);
  else
    run<float>(in, scale, o, final_state, states);
  return outputs;
}

Gradients empty_gradients(const Tensor& q, const Tensor& v, const Tensor& g, const Tensor& u, const Tensor& initial,
                          bool needs_dg) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(q),
          like(q),
          like(v),
          needs_dg ? like(g) : at::empty({0}, q.options()),
          u.numel() ? at::empty({q.size(0), q.size(2), q.size(3)}, q.options()) : like(u),
          like(initial)};
}

template <class T>
void run_grad(const Inputs& in, double scale, const Tensor& d_o, const Tensor& d_final, const Tensor& states,
              const Gradients& gradients) {
  const auto& [dq, dk, dv, dg, du, d_initial] = gradients;
  const auto p = in.problem<T>(scale);
  const kernels::GatedLinearAttentionGrad<T> grad{.d_o = head_vectors<const T>(d_o),
                                                  .d_final = data_or_null<const T>(d_final),
                                                  .states = states.data_ptr<T>(),
                                                  .dq = head_vectors<T>(dq),
                                                  .dk = head_vectors<T>(dk),
                                                  .dv = head_vectors<T>(dv),
                                                  .dg = head_vectors<T>(dg),
                                                  .du = data_or_null<T>(du),
                                                  .d_initial = data_or_null<T>(d_initial)};
  if constexpr (std::is_same_v<T, float>) {
    const auto workspace = at::empty({kernels::gated_linear_attention_workspace(p, true)}, d_o.options());
    kernels::gated_linear_attention_grad(p, grad, workspace.template data_ptr<float>());
  } else {
    kernels::gated_linear_attention_grad_reference(p, grad);
  }
}

Gradients grad_cpu(const Tensor& d_o, const Tensor& d_final, const Tensor& states, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& g, const Tensor& u, const Tensor& initial, double scale,
                   bool needs_dg) {
  check_inputs(q, k, v, g, u, initial);
  check(d_o.sizes() == v.sizes(), "gated_linear_attention_grad: do is ", d_o.sizes(), "; expected ", v.sizes(),
        " like v");
  auto gradients = empty_gradients(q, v, g, u, initial, needs_dg && g.numel() > 0);
  const Inputs in(q, k, v, g, u, initial);
  if (q.scalar_type() == at::kDouble)
    run_grad<double>(in, scale, vectors_contiguous(d_o), d_final.contiguous(), states, gradients);
  else
    run_grad<float>(in, scale, vectors_contiguous(d_o), d_final.contiguous(), states, gradients);
  auto& du = std::get<4>(gradients);
  if (u.numel()) du = du.sum(0);
  return gradients;
}

// --- Meta: shapes and types only

Outputs attention_meta(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u,
                       const Tensor& initial, double, bool keep) {
  check_inputs(q, k, v, g, u, initial);
  return empty_outputs(q, v, keep);
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor&, const Tensor& q, const Tensor&, const Tensor& v,
                    const Tensor& g, const Tensor& u, const Tensor& initial, double, bool needs_dg) {
  auto gradients = empty_gradients(q, v, g, u, initial, needs_dg);
  std::get<4>(gradients) = at::empty(u.sizes(), u.options());
  return gradients;
}

// --- Autograd

struct Attention : torch::autograd::Function<Attention> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& g, const Tensor& u,
                                                const Tensor& initial, double scale) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [o, final_state, states] = call_attention(q, k, v, g, u, initial, scale, true);
    ctx->save_for_backward({q, k, v, g, u, initial, states});
    ctx->saved_data["scale"] = scale;
    ctx->set_materialize_grads(false);
    ctx->mark_non_differentiable({states});
    return {o, final_state, states};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "gated_linear_attention: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto d_o = grads[0].defined() ? grads[0] : at::zeros(s[2].sizes(), s[2].options());
    const auto d_final = empty_if_none(grads[1], s[0]);
    const auto [dq, dk, dv, dg, du, d_initial] = call_grad(d_o, d_final, s[6], s[0], s[1], s[2], s[3], s[4], s[5],
                                                           ctx->saved_data["scale"].toDouble(), s[3].requires_grad());
    const auto or_none = [](const Tensor& gradient) { return gradient.numel() ? gradient : Tensor(); };
    return {dq, dk, dv, or_none(dg), or_none(du), or_none(d_initial), Tensor()};
  }
};

Outputs attention_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u,
                           const Tensor& initial, double scale, bool keep) {
  bool needed = false;
  for (const auto& x : {q, k, v, g, u, initial}) needed = needed || x.requires_grad();
  if (!needed || !at::GradMode::is_enabled()) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_attention(q, k, v, g, u, initial, scale, keep);
  }
  const auto outputs = Attention::apply(q, k, v, g, u, initial, scale);
  return {outputs[0], outputs[1], outputs[2]};
}

}  // namespace

AttentionResult gated_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g,
                                       const Tensor& u, const Tensor& initial, double scale) {
  auto [o, final_state, states] =
      call_attention(q, k, v, empty_if_none(g, q), empty_if_none(u, q), empty_if_none(initial, q), scale, false);
  return {o, final_state};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "gated_linear_attention(Tensor q, Tensor k, Tensor v, Tensor g, Tensor u, Tensor initial, float scale, bool "
      "keep) -> (Tensor, Tensor, Tensor)");
  library.def(
      "gated_linear_attention_grad(Tensor d_o, Tensor d_final, Tensor states, Tensor q, Tensor k, Tensor v, Tensor g, "
      "Tensor u, Tensor initial, float scale, bool needs_dg) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("gated_linear_attention", &attention_cpu);
  library.impl("gated_linear_attention_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("gated_linear_attention", &attention_meta);
  library.impl("gated_linear_attention_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("gated_linear_attention", &attention_autograd); }

}  // namespace longwave::ops
