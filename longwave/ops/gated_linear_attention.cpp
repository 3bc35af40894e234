#include "longwave/ops/gated_linear_attention.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/ops/given.h"
#include "longwave/ops/head_vectors.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor, Tensor>;  // o, final state, kept states
using Gradients = std::vector<Tensor>;               // of the inputs, in their order

/// The tensors of one call; all but q, k and v are empty where there are none. beta makes it the delta rule.
struct Inputs {
  Tensor q, k, v, g, u, beta, initial, gain, skip;

  const char* name() const { return beta.numel() ? "delta_rule: " : "gated_linear_attention: "; }
  std::vector<Tensor> all() const { return {q, k, v, g, u, beta, initial, gain, skip}; }
};

Outputs call_attention(const Inputs& in, double scale, bool keep) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::gated_linear_attention", "")
          .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                         const Tensor&, const Tensor&, const Tensor&, double, bool)>();
  return op.call(in.q, in.k, in.v, in.g, in.u, in.beta, in.initial, in.gain, in.skip, scale, keep);
}

Gradients call_grad(const Tensor& d_o, const Tensor& d_final, const Tensor& states, const Inputs& in, double scale,
                    bool needs_dg) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::gated_linear_attention_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, double, bool)>();
  return op.call(d_o, d_final, states, in.q, in.k, in.v, in.g, in.u, in.beta, in.initial, in.gain, in.skip, scale,
                 needs_dg);
}

void check_inputs(const Inputs& in, double scale) {
  const char* op = in.name();
  check(std::isfinite(scale), op, "scale is ", scale, "; expected a finite number");
  const auto &q = in.q, &k = in.k, &v = in.v, &g = in.g, &u = in.u, &beta = in.beta, &initial = in.initial,
             &gain = in.gain, &skip = in.skip;
  const bool rule = beta.numel() > 0;
  check(q.dim() == 4 && q.numel() > 0, op, "q is ", q.sizes(), "; expected [b, t, h, k], none of them 0");
  check(q.scalar_type() == at::kFloat || q.scalar_type() == at::kDouble, op, "q is ", q.scalar_type(),
        "; expected float or double");
  check(k.sizes() == q.sizes(), op, "k is ", k.sizes(), "; expected ", q.sizes(), " like q");
  const auto steps = q.sizes().slice(0, 3);
  check(v.dim() == 4 && v.sizes().slice(0, 3) == steps && v.size(3) > 0, op, "v is ", v.sizes(),
        "; expected [b, t, h, v] with [b, t, h] = ", steps);
  if (rule) {
    check(beta.sizes() == steps, op, "beta is ", beta.sizes(), "; expected [b, t, h] = ", steps);
    check(g.numel() == 0 || g.sizes() == steps, op, "g is ", g.sizes(), "; expected [b, t, h] = ", steps);
    for (const auto& [name, x] : {std::pair{"u", u}, {"gain", gain}, {"skip", skip}})
      check(x.numel() == 0, op, name, " is given; expected none");
  }
  check(g.numel() == 0 || g.sizes() == q.sizes() || g.sizes() == steps, op, "g is ", g.sizes(), "; expected ", steps,
        " (one decay per head) or ", q.sizes(), " (one per key channel)");
  const std::vector<std::int64_t> bonus{q.size(2), q.size(3)};
  check(u.numel() == 0 || u.sizes() == at::IntArrayRef(bonus), op, "u is ", u.sizes(),
        "; expected [h, k] = ", at::IntArrayRef(bonus));
  check(gain.numel() == 0 || gain.sizes() == steps, op, "gain is ", gain.sizes(), "; expected [b, t, h] = ", steps);
  check(gain.numel() == 0 || u.numel() == 0, op, "gain and u are given; expected one of them at most");
  const std::vector<std::int64_t> through{q.size(2), v.size(3)};
  check(skip.numel() == 0 || skip.sizes() == at::IntArrayRef(through), op, "skip is ", skip.sizes(),
        "; expected [h, v] = ", at::IntArrayRef(through));
  const std::vector<std::int64_t> state{q.size(0), q.size(2), q.size(3), v.size(3)};
  check(initial.numel() == 0 || initial.sizes() == at::IntArrayRef(state), op, "initial is ", initial.sizes(),
        "; expected [b, h, k, v] = ", at::IntArrayRef(state));
  for (const auto& [name, x] : {std::pair{"k", k},
                                {"v", v},
                                {"g", g},
                                {"u", u},
                                {"beta", beta},
                                {"initial", initial},
                                {"gain", gain},
                                {"skip", skip}})
    check(x.scalar_type() == q.scalar_type(), op, name, " is ", x.scalar_type(), "; expected ", q.scalar_type(),
          " like q");
}

// --- CPU

/// The inputs in a form that the kernels read.
struct Prepared {
  Inputs in;
  explicit Prepared(const Inputs& any)
      : in{vectors_contiguous(any.q), vectors_contiguous(any.k),
           vectors_contiguous(any.v), vectors_contiguous(any.g),
           any.u.contiguous(),        any.beta,
           any.initial.contiguous(),  any.gain,
           any.skip.contiguous()} {}

  template <class T>
  kernels::GatedLinearAttention<T> problem(double scale) const {
    return {.q = head_vectors<const T>(in.q),
            .k = head_vectors<const T>(in.k),
            .v = head_vectors<const T>(in.v),
            .g = head_vectors<const T>(in.g),
            .per_channel = in.g.dim() == 4,
            .u = data_or_null<const T>(in.u),
            .beta = head_vectors<const T>(in.beta),
            .gain = head_vectors<const T>(in.gain),
            .skip = data_or_null<const T>(in.skip),
            .initial = data_or_null<const T>(in.initial),
            .b = in.q.size(0),
            .t = in.q.size(1),
            .h = in.q.size(2),
            .dk = in.q.size(3),
            .dv = in.v.size(3),
            .scale = static_cast<T>(scale)};
  }
};

template <class T>
void run(const Prepared& in, double scale, const Outputs& outputs) {
  const auto& [o, final_state, states] = outputs;
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
                      const Tensor& beta, const Tensor& initial, const Tensor& gain, const Tensor& skip, double scale,
                      bool keep) {
  const Inputs in{q, k, v, g, u, beta, initial, gain, skip};
  check_inputs(in, scale);
  const auto outputs = empty_outputs(q, v, keep);
  const auto run_typed = q.scalar_type() == at::kDouble ? run<double> : run<float>;
  run_typed(Prepared(in), scale, outputs);
  return outputs;
}

Gradients empty_gradients(const Inputs& in, bool needs_dg) {
  Gradients all;
  for (const auto& x : in.all()) all.push_back(at::empty(x.sizes(), x.options()));
  if (!needs_dg) all[3] = at::empty({0}, in.q.options());
  return all;
}

/// du [b, h, k], dskip [b, h, v]: their sums over the rows are yet to be taken.
template <class T>
void run_grad(const Prepared& in, double scale, const Tensor& d_o, const Tensor& d_final, const Tensor& states,
              const Gradients& d, const Tensor& du, const Tensor& dskip) {
  const auto p = in.problem<T>(scale);
  const kernels::GatedLinearAttentionGrad<T> grad{.d_o = head_vectors<const T>(d_o),
                                                  .d_final = data_or_null<const T>(d_final),
                                                  .states = states.data_ptr<T>(),
                                                  .dq = head_vectors<T>(d[0]),
                                                  .dk = head_vectors<T>(d[1]),
                                                  .dv = head_vectors<T>(d[2]),
                                                  .dg = head_vectors<T>(d[3]),
                                                  .dbeta = head_vectors<T>(d[5]),
                                                  .dgain = head_vectors<T>(d[7]),
                                                  .du = data_or_null<T>(du),
                                                  .dskip = data_or_null<T>(dskip),
                                                  .d_initial = data_or_null<T>(d[6])};
  if constexpr (std::is_same_v<T, float>) {
    const auto workspace = at::empty({kernels::gated_linear_attention_workspace(p, true)}, d_o.options());
    kernels::gated_linear_attention_grad(p, grad, workspace.template data_ptr<float>());
  } else {
    kernels::gated_linear_attention_grad_reference(p, grad);
  }
}

Gradients grad_cpu(const Tensor& d_o, const Tensor& d_final, const Tensor& states, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& g, const Tensor& u, const Tensor& beta, const Tensor& initial,
                   const Tensor& gain, const Tensor& skip, double scale, bool needs_dg) {
  const Inputs in{q, k, v, g, u, beta, initial, gain, skip};
  check_inputs(in, scale);
  constexpr auto kOp = "gated_linear_attention_grad";
  const auto b = q.size(0), h = q.size(2), dk = q.size(3), dv = v.size(3);
  check_given(kOp, "do", d_o, v.sizes(), q);
  check_if_given(kOp, "d_final", d_final, {b, h, dk, dv}, q);
  check_given(kOp, "states", states, {b, h, kernels::states_kept(q.size(1)), dk, dv}, q);
  auto gradients = empty_gradients(in, needs_dg && g.numel() > 0);
  const auto du = at::empty({u.numel() ? q.size(0) : 0, q.size(2), q.size(3)}, q.options());
  const auto dskip = at::empty({skip.numel() ? q.size(0) : 0, v.size(2), v.size(3)}, q.options());
  const auto run_typed = q.scalar_type() == at::kDouble ? run_grad<double> : run_grad<float>;
  run_typed(Prepared(in), scale, vectors_contiguous(d_o), d_final.contiguous(), states.contiguous(), gradients, du,
            dskip);
  if (u.numel()) gradients[4] = du.sum(0);
  if (skip.numel()) gradients[8] = dskip.sum(0);
  return gradients;
}

// --- Meta: shapes and types only

Outputs attention_meta(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u,
                       const Tensor& beta, const Tensor& initial, const Tensor& gain, const Tensor& skip, double scale,
                       bool keep) {
  check_inputs({q, k, v, g, u, beta, initial, gain, skip}, scale);
  return empty_outputs(q, v, keep);
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor&, const Tensor& q, const Tensor& k, const Tensor& v,
                    const Tensor& g, const Tensor& u, const Tensor& beta, const Tensor& initial, const Tensor& gain,
                    const Tensor& skip, double, bool needs_dg) {
  return empty_gradients({q, k, v, g, u, beta, initial, gain, skip}, needs_dg);
}

// --- Autograd

struct Attention : torch::autograd::Function<Attention> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& g, const Tensor& u, const Tensor& beta,
                                                const Tensor& initial, const Tensor& gain, const Tensor& skip,
                                                double scale) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [o, final_state, states] = call_attention({q, k, v, g, u, beta, initial, gain, skip}, scale, true);
    ctx->save_for_backward({q, k, v, g, u, beta, initial, gain, skip, states});
    ctx->saved_data["scale"] = scale;
    ctx->set_materialize_grads(false);
    ctx->mark_non_differentiable({states});
    return {o, final_state, states};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto s = ctx->get_saved_variables();
    const Inputs in{s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]};
    check(!at::GradMode::is_enabled(), in.name(), "second derivatives are not implemented");
    const auto d_o = grads[0].defined() ? grads[0] : at::zeros(s[2].sizes(), s[2].options());
    const auto d_final = empty_if_none(grads[1], s[0]);
    auto d = call_grad(d_o, d_final, s[9], in, ctx->saved_data["scale"].toDouble(), in.g.requires_grad());
    for (auto& gradient : d)
      if (gradient.numel() == 0) gradient = Tensor();
    d.push_back(Tensor());  // of the scale
    return d;
  }
};

Outputs attention_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, const Tensor& u,
                           const Tensor& beta, const Tensor& initial, const Tensor& gain, const Tensor& skip,
                           double scale, bool keep) {
  const Inputs in{q, k, v, g, u, beta, initial, gain, skip};
  bool needed = false;
  for (const auto& x : in.all()) needed = needed || x.requires_grad();
  if (!needed || !at::GradMode::is_enabled()) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_attention(in, scale, keep);
  }
  const auto outputs = Attention::apply(q, k, v, g, u, beta, initial, gain, skip, scale);
  return {outputs[0], outputs[1], outputs[2]};
}

AttentionResult attention(const Inputs& any, double scale) {
  const auto none = [&](const Tensor& x) { return empty_if_none(x, any.q); };
  auto [o, final_state, states] = call_attention({any.q, any.k, any.v, none(any.g), none(any.u), none(any.beta),
                                                  none(any.initial), none(any.gain), none(any.skip)},
                                                 scale, false);
  return {o, final_state};
}

}  // namespace

AttentionResult gated_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g,
                                       const Tensor& u, const Tensor& initial, double scale, const Tensor& gain,
                                       const Tensor& skip) {
  return attention({q, k, v, g, u, {}, initial, gain, skip}, scale);
}

AttentionResult delta_rule(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& g,
                           const Tensor& initial, double scale) {
  check(beta.numel() > 0, "delta_rule: beta is ", beta.sizes(), "; expected [b, t, h] = ", q.sizes().slice(0, 3));
  return attention({q, k, v, g, {}, beta, initial, {}, {}}, scale);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "gated_linear_attention(Tensor q, Tensor k, Tensor v, Tensor g, Tensor u, Tensor beta, Tensor initial, "
      "Tensor gain, Tensor skip, float scale, bool keep) -> (Tensor, Tensor, Tensor)");
  library.def(
      "gated_linear_attention_grad(Tensor d_o, Tensor d_final, Tensor states, Tensor q, Tensor k, Tensor v, Tensor g, "
      "Tensor u, Tensor beta, Tensor initial, Tensor gain, Tensor skip, float scale, bool needs_dg) -> Tensor[]");
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
