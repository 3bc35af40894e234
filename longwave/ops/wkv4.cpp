#include "longwave/ops/wkv4.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/wkv4.h"
#include "longwave/ops/given.h"
#include "longwave/ops/head_vectors.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor, Tensor>;                    // y, final state, kept states
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;  // dw, du, dk, dv, d_initial

Outputs call_wkv(const Tensor& w, const Tensor& u, const Tensor& k, const Tensor& v, const Tensor& initial,
                 const Tensor& lengths, bool keep) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::wkv4", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            const Tensor&, bool)>();
  return op.call(w, u, k, v, initial, lengths, keep);
}

Gradients call_grad(const Tensor& dy, const Tensor& d_final, const Tensor& states, const Tensor& w, const Tensor& u,
                    const Tensor& k, const Tensor& v, const Tensor& initial, const Tensor& lengths) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::wkv4_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(dy, d_final, states, w, u, k, v, initial, lengths);
}

void check_inputs(const Tensor& w, const Tensor& u, const Tensor& k, const Tensor& v, const Tensor& initial,
                  const Tensor& lengths) {
  check(k.dim() == 3 && k.numel() > 0, "wkv4: k is ", k.sizes(), "; expected [b, t, c]");
  check(k.scalar_type() == at::kFloat || k.scalar_type() == at::kDouble, "wkv4: k is ", k.scalar_type(),
        "; expected float or double");
  check(v.sizes() == k.sizes(), "wkv4: v is ", v.sizes(), "; expected ", k.sizes(), " like k");
  for (const auto& [name, x] : {std::pair{"w", w}, {"u", u}})
    check(x.dim() == 1 && x.size(0) == k.size(2), "wkv4: ", name, " is ", x.sizes(), "; expected [c] = [", k.size(2),
          "]");
  const std::vector<std::int64_t> state{k.size(0), 3, k.size(2)};
  check(initial.sizes() == at::IntArrayRef(state), "wkv4: initial is ", initial.sizes(),
        "; expected [b, 3, c] = ", at::IntArrayRef(state));
  for (const auto& [name, x] : {std::pair{"w", w}, {"u", u}, {"v", v}, {"initial", initial}})
    check(x.scalar_type() == k.scalar_type(), "wkv4: ", name, " is ", x.scalar_type(), "; expected ", k.scalar_type(),
          " like k");
  if (lengths.numel() > 0) check_lengths("wkv4", lengths, k);
}

// --- CPU

template <class T>
kernels::Wkv4<T> problem(const Tensor& w, const Tensor& u, const Tensor& k, const Tensor& v, const Tensor& initial,
                         const Tensor& lengths) {
  return {.w = w.data_ptr<T>(),
          .u = u.data_ptr<T>(),
          .k = k.data_ptr<T>(),
          .v = v.data_ptr<T>(),
          .lengths = data_or_null<const std::int64_t>(lengths),
          .initial = initial.data_ptr<T>(),
          .rows = k.size(0),
          .t = k.size(1),
          .c = k.size(2)};
}

Outputs empty_outputs(const Tensor& k, const Tensor& initial, bool keep) {
  return {at::empty(k.sizes(), k.options()), at::empty(initial.sizes(), k.options()),
          keep ? at::empty({k.size(0), kernels::states_kept(k.size(1)), 3, k.size(2)}, k.options())
               : at::empty({0}, k.options())};
}

template <class T>
void run(const kernels::Wkv4<T>& p, const Outputs& outputs) {
  const auto& [y, final_state, states] = outputs;
  const kernels::Wkv4Out<T> out{y.data_ptr<T>(), final_state.data_ptr<T>(), data_or_null<T>(states)};
  if constexpr (std::is_same_v<T, float>)
    kernels::wkv4(p, out);
  else
    kernels::wkv4_reference(p, out);
}

Outputs wkv_cpu(const Tensor& w_any, const Tensor& u_any, const Tensor& k_any, const Tensor& v_any,
                const Tensor& initial_any, const Tensor& lengths_any, bool keep) {
  check_inputs(w_any, u_any, k_any, v_any, initial_any, lengths_any);
  const auto w = w_any.contiguous(), u = u_any.contiguous(), k = k_any.contiguous(), v = v_any.contiguous(),
             initial = initial_any.contiguous(), lengths = lengths_any.contiguous();
  const auto outputs = empty_outputs(k, initial, keep);
  if (k.scalar_type() == at::kDouble)
    run(problem<double>(w, u, k, v, initial, lengths), outputs);
  else
    run(problem<float>(w, u, k, v, initial, lengths), outputs);
  return outputs;
}

template <class T>
void run_grad(const kernels::Wkv4<T>& p, const Tensor& dy, const Tensor& d_final, const Tensor& states,
              const Gradients& gradients) {
  const auto& [dw, du, dk, dv, d_initial] = gradients;
  const kernels::Wkv4Grad<T> grad{.dy = dy.data_ptr<T>(),
                                  .d_final = data_or_null<const T>(d_final),
                                  .states = states.data_ptr<T>(),
                                  .dw = dw.data_ptr<T>(),
                                  .du = du.data_ptr<T>(),
                                  .dk = dk.data_ptr<T>(),
                                  .dv = dv.data_ptr<T>(),
                                  .d_initial = d_initial.data_ptr<T>()};
  if constexpr (std::is_same_v<T, float>)
    kernels::wkv4_grad(p, grad);
  else
    kernels::wkv4_grad_reference(p, grad);
}

Gradients grad_cpu(const Tensor& dy, const Tensor& d_final, const Tensor& states_any, const Tensor& w_any,
                   const Tensor& u_any, const Tensor& k_any, const Tensor& v_any, const Tensor& initial_any,
                   const Tensor& lengths_any) {
  check_inputs(w_any, u_any, k_any, v_any, initial_any, lengths_any);
  check_given("wkv4_grad", "dy", dy, k_any.sizes(), k_any);
  check_if_given("wkv4_grad", "d_final", d_final, initial_any.sizes(), k_any);
  check_given("wkv4_grad", "states", states_any, {k_any.size(0), kernels::states_kept(k_any.size(1)), 3, k_any.size(2)},
              k_any);
  const auto w = w_any.contiguous(), u = u_any.contiguous(), k = k_any.contiguous(), v = v_any.contiguous(),
             initial = initial_any.contiguous(), lengths = lengths_any.contiguous(), states = states_any.contiguous();
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  const auto rows = at::empty({2, k.size(0), k.size(2)}, k.options());
  const Gradients gradients{rows[0], rows[1], like(k), like(v), like(initial)};
  if (k.scalar_type() == at::kDouble)
    run_grad(problem<double>(w, u, k, v, initial, lengths), dy.contiguous(), d_final.contiguous(), states, gradients);
  else
    run_grad(problem<float>(w, u, k, v, initial, lengths), dy.contiguous(), d_final.contiguous(), states, gradients);
  return {rows[0].sum(0), rows[1].sum(0), std::get<2>(gradients), std::get<3>(gradients), std::get<4>(gradients)};
}

// --- Meta: shapes and types only

Outputs wkv_meta(const Tensor& w, const Tensor& u, const Tensor& k, const Tensor& v, const Tensor& initial,
                 const Tensor& lengths, bool keep) {
  check_inputs(w, u, k, v, initial, lengths);
  return empty_outputs(k, initial, keep);
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor&, const Tensor& w, const Tensor& u, const Tensor& k,
                    const Tensor& v, const Tensor& initial, const Tensor&) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(w), like(u), like(k), like(v), like(initial)};
}

// --- Autograd

struct Wkv : torch::autograd::Function<Wkv> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& w, const Tensor& u,
                                                const Tensor& k, const Tensor& v, const Tensor& initial,
                                                const Tensor& lengths) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto [y, final_state, states] = call_wkv(w, u, k, v, initial, lengths, true);
    ctx->save_for_backward({w, u, k, v, initial, states, lengths});
    ctx->set_materialize_grads(false);
    ctx->mark_non_differentiable({states});
    return {y, final_state, states};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "wkv4: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto dy = grads[0].defined() ? grads[0] : at::zeros(s[2].sizes(), s[2].options());
    const auto [dw, du, dk, dv, d_initial] =
        call_grad(dy, empty_if_none(grads[1], s[2]), s[5], s[0], s[1], s[2], s[3], s[4], s[6]);
    return {dw, du, dk, dv, d_initial, Tensor()};
  }
};

Outputs wkv_autograd(const Tensor& w, const Tensor& u, const Tensor& k, const Tensor& v, const Tensor& initial,
                     const Tensor& lengths, bool keep) {
  bool needed = false;
  for (const auto& x : {w, u, k, v, initial}) needed = needed || x.requires_grad();
  if (!needed || !at::GradMode::is_enabled()) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_wkv(w, u, k, v, initial, lengths, keep);
  }
  const auto outputs = Wkv::apply(w, u, k, v, initial, lengths);
  return {outputs[0], outputs[1], outputs[2]};
}

}  // namespace

Tensor wkv4_initial_state(std::int64_t b, std::int64_t c, const Tensor& like) {
  auto state = at::zeros({b, 3, c}, like.options().requires_grad(false));
  state.select(1, 2).fill_(-1e38);  // not -inf: inf - inf is no number
  return state;
}

Wkv4Result wkv4(const Tensor& w, const Tensor& u, const Tensor& k, const Tensor& v, const Tensor& initial,
                const Tensor& lengths) {
  check(k.dim() == 3, "wkv4: k is ", k.sizes(), "; expected [b, t, c]");
  const auto start = initial.defined() ? initial : wkv4_initial_state(k.size(0), k.size(2), k);
  auto [y, final_state, states] =
      call_wkv(w, u, k, v, start, lengths.defined() ? lengths : at::empty({0}, at::kLong), false);
  return {y, final_state};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "wkv4(Tensor w, Tensor u, Tensor k, Tensor v, Tensor initial, Tensor lengths, bool keep) -> (Tensor, Tensor, "
      "Tensor)");
  library.def(
      "wkv4_grad(Tensor dy, Tensor d_final, Tensor states, Tensor w, Tensor u, Tensor k, Tensor v, Tensor initial, "
      "Tensor lengths) -> "
      "(Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("wkv4", &wkv_cpu);
  library.impl("wkv4_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("wkv4", &wkv_meta);
  library.impl("wkv4_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("wkv4", &wkv_autograd); }

}  // namespace longwave::ops
