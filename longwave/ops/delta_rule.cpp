#include "longwave/ops/delta_rule.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/delta_rule.h"
#include "longwave/ops/head_vectors.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor, Tensor>;                            // o, final state, kept states
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;  // dq, dk, dv, dbeta, dg, d_initial

// g and the states are empty where there are none.

Outputs call_rule(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g,
                  const Tensor& initial, double scale, bool keep) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::delta_rule", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            const Tensor&, double, bool)>();
  return op.call(q, k, v, beta, g, initial, scale, keep);
}

Gradients call_grad(const Tensor& d_o, const Tensor& d_final, const Tensor& states, const Tensor& q, const Tensor& k,
                    const Tensor& v, const Tensor& beta, const Tensor& g, const Tensor& initial, double scale) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::delta_rule_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, const Tensor&, const Tensor&, double)>();
  return op.call(d_o, d_final, states, q, k, v, beta, g, initial, scale);
}

void check_inputs(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g,
                  const Tensor& initial) {
  const char* op = "delta_rule: ";
  check(q.dim() == 4 && q.numel() > 0, op, "q is ", q.sizes(), "; expected [b, t, h, k]");
  check(q.scalar_type() == at::kFloat || q.scalar_type() == at::kDouble, op, "q is ", q.scalar_type(),
        "; expected float or double");
  check(k.sizes() == q.sizes(), op, "k is ", k.sizes(), "; expected ", q.sizes(), " like q");
  const auto steps = q.sizes().slice(0, 3);
  check(v.dim() == 4 && v.sizes().slice(0, 3) == steps && v.size(3) > 0, op, "v is ", v.sizes(),
        "; expected [b, t, h, v] with b, t, h of q, ", q.sizes());
  check(beta.sizes() == steps, op, "beta is ", beta.sizes(), "; expected [b, t, h] = ", steps);
  check(g.numel() == 0 || g.sizes() == steps, op, "g is ", g.sizes(), "; expected [b, t, h] = ", steps);
  const std::vector<std::int64_t> state{q.size(0), q.size(2), q.size(3), v.size(3)};
  check(initial.numel() == 0 || initial.sizes() == at::IntArrayRef(state), op, "initial is ", initial.sizes(),
        "; expected [b, h, k, v] = ", at::IntArrayRef(state));
  for (const auto& [name, x] : {std::pair{"k", k}, {"v", v}, {"beta", beta}, {"g", g}, {"initial", initial}})
    check(x.scalar_type() == q.scalar_type(), op, name, " is ", x.scalar_type(), "; expected ", q.scalar_type(),
          " like q");
}

// --- CPU

/// The inputs in a form that the kernels read.
struct Inputs {
  Tensor q, k, v, beta, g, initial;
  Inputs(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g, const Tensor& initial)
      : q(vectors_contiguous(q)),
        k(vectors_contiguous(k)),
        v(vectors_contiguous(v)),
        beta(beta),
        g(g),
        initial(initial.contiguous()) {}

  template <class T>
  kernels::DeltaRule<T> problem(double scale) const {
    return {.q = head_vectors<const T>(q),
            .k = head_vectors<const T>(k),
            .v = head_vectors<const T>(v),
            .beta = head_vectors<const T>(beta),
            .g = head_vectors<const T>(g),
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
void run(const Inputs& in, double scale, const Outputs& outputs) {
  const auto& [o, final_state, states] = outputs;
  const auto p = in.problem<T>(scale);
  const kernels::DeltaRuleOut<T> out{head_vectors<T>(o), final_state.data_ptr<T>(), data_or_null<T>(states)};
  if constexpr (std::is_same_v<T, float>) {
    const auto workspace = at::empty({kernels::delta_rule_workspace(p, false)}, o.options());
    kernels::delta_rule(p, out, workspace.template data_ptr<float>());
  } else {
    kernels::delta_rule_reference(p, out);
  }
}

Outputs empty_outputs(const Tensor& q, const Tensor& v, bool keep) {
  const auto b = q.size(0), h = q.size(2), dk = q.size(3), dv = v.size(3);
  return {at::empty(v.sizes(), v.options()), at::empty({b, h, dk, dv}, v.options()),
          keep ? at::empty({b, h, kernels::states_kept(q.size(1)), dk, dv}, v.options()) : at::empty({0}, v.options())};
}

Outputs rule_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g,
                 const Tensor& initial, double scale, bool keep) {
  check_inputs(q, k, v, beta, g, initial);
  const auto outputs = empty_outputs(q, v, keep);
  const auto run_typed = q.scalar_type() == at::kDouble ? run<double> : run<float>;
  run_typed(Inputs(q, k, v, beta, g, initial), scale, outputs);
  return outputs;
}

Gradients empty_gradients(const Tensor& q, const Tensor& v, const Tensor& beta, const Tensor& g,
                          const Tensor& initial) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(q), like(q), like(v), like(beta), like(g), like(initial)};
}

template <class T>
void run_grad(const Inputs& in, double scale, const Tensor& d_o, const Tensor& d_final, const Tensor& states,
              const Gradients& gradients) {
  const auto& [dq, dk, dv, dbeta, dg, d_initial] = gradients;
  const auto p = in.problem<T>(scale);
  const kernels::DeltaRuleGrad<T> grad{.d_o = head_vectors<const T>(d_o),
                                       .d_final = data_or_null<const T>(d_final),
                                       .states = states.data_ptr<T>(),
                                       .dq = head_vectors<T>(dq),
                                       .dk = head_vectors<T>(dk),
                                       .dv = head_vectors<T>(dv),
                                       .dbeta = head_vectors<T>(dbeta),
                                       .dg = head_vectors<T>(dg),
                                       .d_initial = data_or_null<T>(d_initial)};
  if constexpr (std::is_same_v<T, float>) {
    const auto workspace = at::empty({kernels::delta_rule_workspace(p, true)}, d_o.options());
    kernels::delta_rule_grad(p, grad, workspace.template data_ptr<float>());
  } else {
    kernels::delta_rule_grad_reference(p, grad);
  }
}

Gradients grad_cpu(const Tensor& d_o, const Tensor& d_final, const Tensor& states, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& beta, const Tensor& g, const Tensor& initial, double scale) {
  check_inputs(q, k, v, beta, g, initial);
  check(d_o.sizes() == v.sizes(), "delta_rule_grad: do is ", d_o.sizes(), "; expected ", v.sizes(), " like v");
  const auto gradients = empty_gradients(q, v, beta, g, initial);
  const auto run_typed = q.scalar_type() == at::kDouble ? run_grad<double> : run_grad<float>;
  run_typed(Inputs(q, k, v, beta, g, initial), scale, vectors_contiguous(d_o), d_final.contiguous(), states, gradients);
  return gradients;
}

// --- Meta: shapes and types only

Outputs rule_meta(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g,
                  const Tensor& initial, double, bool keep) {
  check_inputs(q, k, v, beta, g, initial);
  return empty_outputs(q, v, keep);
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor&, const Tensor& q, const Tensor&, const Tensor& v,
                    const Tensor& beta, const Tensor& g, const Tensor& initial, double) {
  return empty_gradients(q, v, beta, g, initial);
}

// --- Autograd

struct Rule : torch::autograd::Function<Rule> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& beta, const Tensor& g,
                                                const Tensor& initial, double scale) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [o, final_state, states] = call_rule(q, k, v, beta, g, initial, scale, true);
    ctx->save_for_backward({q, k, v, beta, g, initial, states});
    ctx->saved_data["scale"] = scale;
    ctx->set_materialize_grads(false);
    ctx->mark_non_differentiable({states});
    return {o, final_state, states};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "delta_rule: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto d_o = grads[0].defined() ? grads[0] : at::zeros(s[2].sizes(), s[2].options());
    const auto [dq, dk, dv, dbeta, dg, d_initial] =
        call_grad(d_o, empty_if_none(grads[1], s[0]), s[6], s[0], s[1], s[2], s[3], s[4], s[5],
                  ctx->saved_data["scale"].toDouble());
    const auto or_none = [](const Tensor& gradient) { return gradient.numel() ? gradient : Tensor(); };
    return {dq, dk, dv, dbeta, or_none(dg), or_none(d_initial), Tensor()};
  }
};

Outputs rule_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g,
                      const Tensor& initial, double scale, bool keep) {
  bool needed = false;
  for (const auto& x : {q, k, v, beta, g, initial}) needed = needed || x.requires_grad();
  if (!needed || !at::GradMode::is_enabled()) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_rule(q, k, v, beta, g, initial, scale, keep);
  }
  const auto outputs = Rule::apply(q, k, v, beta, g, initial, scale);
  return {outputs[0], outputs[1], outputs[2]};
}

}  // namespace

AttentionResult delta_rule(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g,
                           const Tensor& initial, double scale) {
  auto [o, final_state, states] =
      call_rule(q, k, v, beta, empty_if_none(g, q), empty_if_none(initial, q), scale, false);
  return {o, final_state};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "delta_rule(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor g, Tensor initial, float scale, bool keep) -> "
      "(Tensor, Tensor, Tensor)");
  library.def(
      "delta_rule_grad(Tensor d_o, Tensor d_final, Tensor states, Tensor q, Tensor k, Tensor v, Tensor beta, Tensor g, "
      "Tensor initial, float scale) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("delta_rule", &rule_cpu);
  library.impl("delta_rule_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("delta_rule", &rule_meta);
  library.impl("delta_rule_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("delta_rule", &rule_autograd); }

}  // namespace longwave::ops
