#include "longwave/ops/diagonal_scan.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/diagonal_scan.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using torch::autograd::variable_list;
using Outputs = std::tuple<Tensor, Tensor>;            // h, last state
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // dpole, du, dstate

Outputs call_scan(const Tensor& pole, const Tensor& u, const Tensor& state, const Tensor& lengths, bool reverse) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::diagonal_scan", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool)>();
  return op.call(pole, u, state, lengths, reverse);
}

Gradients call_grad(const Tensor& dh, const Tensor& dlast, const Tensor& h, const Tensor& pole, const Tensor& state,
                    const Tensor& lengths, bool reverse) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::diagonal_scan_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, bool)>();
  return op.call(dh, dlast, h, pole, state, lengths, reverse);
}

/// `lengths` is empty if all rows are full.
void check_inputs(const Tensor& pole, const Tensor& u, const Tensor& state, const Tensor& lengths) {
  check(u.dim() == 4 && u.size(2) == 2 && u.size(1) > 0, "diagonal_scan: u is ", u.sizes(),
        "; expected [b, t, 2, n] with t > 0");
  check(u.scalar_type() == at::kFloat || u.scalar_type() == at::kDouble, "diagonal_scan: u is ", u.scalar_type(),
        "; expected float or double");
  const auto b = u.size(0), n = u.size(3);
  check(pole.dim() == 2 && pole.size(0) == 2 && pole.size(1) == n, "diagonal_scan: pole is ", pole.sizes(),
        "; expected [2, n] = [2, ", n, "]");
  check(state.dim() == 3 && state.size(0) == b && state.size(1) == 2 && state.size(2) == n, "diagonal_scan: state is ",
        state.sizes(), "; expected [b, 2, n] = [", b, ", 2, ", n, "]");
  for (const auto& [name, x] : {std::pair{"pole", pole}, {"state", state}})
    check(x.scalar_type() == u.scalar_type(), "diagonal_scan: ", name, " is ", x.scalar_type(), "; expected ",
          u.scalar_type(), " like u");
  if (lengths.numel() > 0) check_lengths("diagonal_scan", lengths, u);
}

// --- CPU

template <class T>
kernels::DiagonalScan<T> make_kernel(const Tensor& pole, const Tensor& u, const Tensor& state, const Tensor& lengths,
                                     bool reverse) {
  const auto* steps = lengths.numel() ? lengths.data_ptr<std::int64_t>() : nullptr;
  return {pole.data_ptr<T>(), u.data_ptr<T>(), state.data_ptr<T>(), steps, u.size(0), u.size(1), u.size(3), reverse};
}

template <class T>
Outputs run(const Tensor& pole, const Tensor& u, const Tensor& state, const Tensor& lengths, bool reverse) {
  const Tensor h = at::empty(u.sizes(), u.options()), last = at::empty(state.sizes(), state.options());
  const auto kernel = make_kernel<T>(pole, u, state, lengths, reverse);
  if constexpr (std::is_same_v<T, float>)
    kernels::diagonal_scan(kernel, h.data_ptr<T>(), last.data_ptr<T>());
  else
    kernels::diagonal_scan_reference(kernel, h.data_ptr<T>(), last.data_ptr<T>());
  return {h, last};
}

template <class T>
Gradients run_grad(const Tensor& dh, const Tensor& dlast, const Tensor& h, const Tensor& pole, const Tensor& state,
                   const Tensor& lengths, bool reverse) {
  const Tensor dpole = at::empty(pole.sizes(), pole.options()), du = at::empty(h.sizes(), h.options()),
               dstate = at::empty(state.sizes(), state.options()),
               workspace = at::empty(state.sizes(), state.options());
  const auto kernel = make_kernel<T>(pole, h, state, lengths, reverse);
  const kernels::DiagonalScanGrad<T> grad{h.data_ptr<T>(),        dh.data_ptr<T>(),    dlast.data_ptr<T>(),
                                          du.data_ptr<T>(),       dpole.data_ptr<T>(), dstate.data_ptr<T>(),
                                          workspace.data_ptr<T>()};
  if constexpr (std::is_same_v<T, float>)
    kernels::diagonal_scan_grad(kernel, grad);
  else
    kernels::diagonal_scan_grad_reference(kernel, grad);
  return {dpole, du, dstate};
}

Outputs scan_cpu(const Tensor& pole, const Tensor& u, const Tensor& state, const Tensor& lengths, bool reverse) {
  check_inputs(pole, u, state, lengths);
  const auto run_typed = u.scalar_type() == at::kDouble ? run<double> : run<float>;
  return run_typed(pole.contiguous(), u.contiguous(), state.contiguous(), lengths.contiguous(), reverse);
}

Gradients grad_cpu(const Tensor& dh, const Tensor& dlast, const Tensor& h, const Tensor& pole, const Tensor& state,
                   const Tensor& lengths, bool reverse) {
  check_inputs(pole, h, state, lengths);
  check(dh.sizes() == h.sizes() && dh.scalar_type() == h.scalar_type(), "diagonal_scan_grad: dh is ", dh.sizes(),
        "; expected ", h.sizes(), " like h");
  check(dlast.sizes() == state.sizes() && dlast.scalar_type() == h.scalar_type(), "diagonal_scan_grad: dlast is ",
        dlast.sizes(), "; expected ", state.sizes(), " like state");
  const auto run_typed = h.scalar_type() == at::kDouble ? run_grad<double> : run_grad<float>;
  return run_typed(dh.contiguous(), dlast.contiguous(), h.contiguous(), pole.contiguous(), state.contiguous(),
                   lengths.contiguous(), reverse);
}

// --- Meta: shapes and types only

Outputs scan_meta(const Tensor& pole, const Tensor& u, const Tensor& state, const Tensor& lengths, bool) {
  check_inputs(pole, u, state, lengths);
  return {at::empty(u.sizes(), u.options()), at::empty(state.sizes(), state.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& h, const Tensor& pole, const Tensor& state,
                    const Tensor&, bool) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(pole), like(h), like(state)};
}

// --- Autograd

struct Scan : torch::autograd::Function<Scan> {
  static variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& pole, const Tensor& u,
                               const Tensor& state, const Tensor& lengths, bool reverse) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [h, last] = call_scan(pole, u, state, lengths, reverse);
    ctx->save_for_backward({pole, h, state, lengths});
    ctx->saved_data["reverse"] = reverse;
    return {h, last};
  }

  static variable_list backward(torch::autograd::AutogradContext* ctx, variable_list grads) {
    check(!at::GradMode::is_enabled(), "diagonal_scan: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto [dpole, du, dstate] =
        call_grad(grads[0], grads[1], s[1], s[0], s[2], s[3], ctx->saved_data["reverse"].toBool());
    return {dpole, du, dstate, Tensor(), Tensor()};
  }
};

Outputs scan_autograd(const Tensor& pole, const Tensor& u, const Tensor& state, const Tensor& lengths, bool reverse) {
  const auto out = Scan::apply(pole, u, state, lengths, reverse);
  return {out[0], out[1]};
}

}  // namespace

DiagonalScanResult diagonal_scan(const Tensor& pole, const Tensor& u, bool reverse, const Tensor& state,
                                 const Tensor& lengths) {
  check(u.dim() == 4, "diagonal_scan: u is ", u.sizes(), "; expected [b, t, 2, n] with t > 0");
  // Function::apply of libtorch 1.13 refuses undefined tensors.
  const auto from = state.defined() ? state : at::zeros({u.size(0), 2, u.size(3)}, u.options());
  const auto steps = lengths.defined() ? lengths : at::empty({0}, u.options().dtype(at::kLong));
  const auto [h, last] = call_scan(pole, u, from, steps, reverse);
  return {h, last};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("diagonal_scan(Tensor pole, Tensor u, Tensor state, Tensor lengths, bool reverse) -> (Tensor, Tensor)");
  library.def(
      "diagonal_scan_grad(Tensor dh, Tensor dlast, Tensor h, Tensor pole, Tensor state, Tensor lengths, bool reverse)"
      " -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("diagonal_scan", &scan_cpu);
  library.impl("diagonal_scan_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("diagonal_scan", &scan_meta);
  library.impl("diagonal_scan_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("diagonal_scan", &scan_autograd); }

}  // namespace longwave::ops
