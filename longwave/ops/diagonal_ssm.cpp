#include "longwave/ops/diagonal_ssm.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/diagonal_ssm.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using torch::autograd::variable_list;
using Outputs = std::tuple<Tensor, Tensor>;                            // y, last state
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;  // dx, da, db, dc, dstate

/// The arguments of one call; lengths is empty if all rows are full.
struct Call {
  Tensor x, a, b, c, state, lengths;
  bool liquid, reverse;
};

Outputs call_ssm(const Call& c) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::diagonal_ssm", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            const Tensor&, bool, bool)>();
  return op.call(c.x, c.a, c.b, c.c, c.state, c.lengths, c.liquid, c.reverse);
}

Gradients call_grad(const Tensor& dy, const Tensor& dlast, const Call& c) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::diagonal_ssm_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, const Tensor&, bool, bool)>();
  return op.call(dy, dlast, c.x, c.a, c.b, c.c, c.state, c.lengths, c.liquid, c.reverse);
}

void check_inputs(const Call& in) {
  const auto& x = in.x;
  check(x.dim() == 3 && x.size(1) > 0, "diagonal_ssm: x is ", x.sizes(), "; expected [b, t, d] with t > 0");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "diagonal_ssm: x is ", x.scalar_type(),
        "; expected float or double");
  const auto rows = x.size(0), d = x.size(2);
  check(in.a.dim() == 3 && (in.a.size(0) == 1 || in.a.size(0) == 2) && in.a.size(1) == d, "diagonal_ssm: a is ",
        in.a.sizes(), "; expected [1, d, n] or [2, d, n] with d = ", d);
  for (const auto& [name, v] : {std::pair{"b", in.b}, {"c", in.c}})
    check(v.sizes() == in.a.sizes(), "diagonal_ssm: ", name, " is ", v.sizes(), "; expected ", in.a.sizes(), " like a");
  const std::vector<std::int64_t> state{rows, in.a.size(0), d, in.a.size(2)};
  check(in.state.sizes() == at::IntArrayRef(state), "diagonal_ssm: state is ", in.state.sizes(),
        "; expected [b, planes, d, n] = ", at::IntArrayRef(state));
  for (const auto& [name, v] : {std::pair{"a", in.a}, {"b", in.b}, {"c", in.c}, {"state", in.state}})
    check(v.scalar_type() == x.scalar_type(), "diagonal_ssm: ", name, " is ", v.scalar_type(), "; expected ",
          x.scalar_type(), " like x");
  if (in.lengths.numel() > 0) check_lengths("diagonal_ssm", in.lengths, x);
}

// --- CPU

/// The tensors as the kernel wants them (channels innermost), and its arguments, which point into them.
template <class T>
struct Prepared {
  Call in;
  kernels::DiagonalSsm<T> kernel;

  explicit Prepared(const Call& call) : in(call) {
    in.x = in.x.contiguous();
    for (auto* v : {&in.a, &in.b, &in.c, &in.state}) *v = v->transpose(-1, -2).contiguous();
    in.lengths = in.lengths.contiguous();
    kernel.x = pointer(in.x), kernel.a = pointer(in.a), kernel.b_in = pointer(in.b), kernel.c_out = pointer(in.c);
    kernel.h_init = pointer(in.state);
    kernel.lengths = in.lengths.numel() ? in.lengths.template data_ptr<std::int64_t>() : nullptr;
    kernel.b = in.x.size(0), kernel.t = in.x.size(1), kernel.d = in.x.size(2), kernel.n = in.a.size(1);
    kernel.planes = static_cast<int>(in.a.size(0)), kernel.liquid = in.liquid, kernel.reverse = in.reverse;
  }

  static T* pointer(const Tensor& x) { return x.data_ptr<T>(); }
};

template <class T>
Outputs run(const Call& call) {
  const Prepared<T> p(call);
  const Tensor y = at::empty(p.in.x.sizes(), p.in.x.options()), last = at::empty_like(p.in.state);
  if constexpr (std::is_same_v<T, float>)
    kernels::diagonal_ssm(p.kernel, p.pointer(y), p.pointer(last));
  else
    kernels::diagonal_ssm_reference(p.kernel, p.pointer(y), p.pointer(last));
  return {y, last.transpose(-1, -2)};
}

template <class T>
Gradients run_grad(const Tensor& dy_any, const Tensor& dlast_any, const Call& call) {
  const Prepared<T> p(call);
  const Tensor dy = dy_any.contiguous(), dlast = dlast_any.transpose(-1, -2).contiguous();
  const Tensor dx = at::empty_like(p.in.x), da = at::empty_like(p.in.a), db = at::empty_like(p.in.a),
               dc = at::empty_like(p.in.a), dstate = at::empty_like(p.in.state);
  const Tensor workspace = at::empty({kernels::diagonal_ssm_grad_workspace(p.kernel)}, dx.options());
  const kernels::DiagonalSsmGrad<T> grad{p.pointer(dy), p.pointer(dlast), p.pointer(dx),     p.pointer(da),
                                         p.pointer(db), p.pointer(dc),    p.pointer(dstate), p.pointer(workspace)};
  if constexpr (std::is_same_v<T, float>)
    kernels::diagonal_ssm_grad(p.kernel, grad);
  else
    kernels::diagonal_ssm_grad_reference(p.kernel, grad);
  const auto back = [](const Tensor& v) { return v.transpose(-1, -2); };
  return {dx, back(da), back(db), back(dc), back(dstate)};
}

Outputs ssm_cpu(const Tensor& x, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& state,
                const Tensor& lengths, bool liquid, bool reverse) {
  const Call call{x, a, b, c, state, lengths, liquid, reverse};
  check_inputs(call);
  return x.scalar_type() == at::kDouble ? run<double>(call) : run<float>(call);
}

Gradients grad_cpu(const Tensor& dy, const Tensor& dlast, const Tensor& x, const Tensor& a, const Tensor& b,
                   const Tensor& c, const Tensor& state, const Tensor& lengths, bool liquid, bool reverse) {
  const Call call{x, a, b, c, state, lengths, liquid, reverse};
  check_inputs(call);
  check(dy.sizes() == x.sizes() && dy.scalar_type() == x.scalar_type(), "diagonal_ssm_grad: dy is ", dy.sizes(),
        "; expected ", x.sizes(), " like x");
  check(dlast.sizes() == state.sizes() && dlast.scalar_type() == x.scalar_type(), "diagonal_ssm_grad: dlast is ",
        dlast.sizes(), "; expected ", state.sizes(), " like state");
  return x.scalar_type() == at::kDouble ? run_grad<double>(dy, dlast, call) : run_grad<float>(dy, dlast, call);
}

// --- Meta: shapes and types only

Tensor like(const Tensor& x) { return at::empty(x.sizes(), x.options()); }

Outputs ssm_meta(const Tensor& x, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& state,
                 const Tensor& lengths, bool liquid, bool reverse) {
  check_inputs({x, a, b, c, state, lengths, liquid, reverse});
  return {like(x), like(state)};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& x, const Tensor& a, const Tensor& b, const Tensor& c,
                    const Tensor& state, const Tensor&, bool, bool) {
  return {like(x), like(a), like(b), like(c), like(state)};
}

// --- Autograd

struct Ssm : torch::autograd::Function<Ssm> {
  static variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& a, const Tensor& b,
                               const Tensor& c, const Tensor& state, const Tensor& lengths, bool liquid, bool reverse) {
    ctx->save_for_backward({x, a, b, c, state, lengths});
    ctx->saved_data["liquid"] = liquid;
    ctx->saved_data["reverse"] = reverse;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, last] = call_ssm({x, a, b, c, state, lengths, liquid, reverse});
    return {y, last};
  }

  static variable_list backward(torch::autograd::AutogradContext* ctx, variable_list grads) {
    check(!at::GradMode::is_enabled(), "diagonal_ssm: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto [dx, da, db, dc, dstate] = call_grad(
        grads[0], grads[1],
        {s[0], s[1], s[2], s[3], s[4], s[5], ctx->saved_data["liquid"].toBool(), ctx->saved_data["reverse"].toBool()});
    return {dx, da, db, dc, dstate, Tensor(), Tensor(), Tensor()};
  }
};

Outputs ssm_autograd(const Tensor& x, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& state,
                     const Tensor& lengths, bool liquid, bool reverse) {
  const auto out = Ssm::apply(x, a, b, c, state, lengths, liquid, reverse);
  return {out[0], out[1]};
}

}  // namespace

Tensor in_reading_order(const Tensor& coefficients) {
  return coefficients.transpose(-1, -2).contiguous().transpose(-1, -2);
}

DiagonalSsmResult diagonal_ssm(const Tensor& x, const DiagonalSsmCoefficients& k, const DiagonalSsmOptions& options) {
  check(x.dim() == 3, "diagonal_ssm: x is ", x.sizes(), "; expected [b, t, d] with t > 0");
  check(k.a.dim() == 3, "diagonal_ssm: a is ", k.a.sizes(), "; expected [1, d, n] or [2, d, n]");
  // Function::apply of libtorch 1.13 refuses undefined tensors.
  const auto state = options.state.defined()
                         ? options.state
                         : at::zeros({x.size(0), k.a.size(0), k.a.size(1), k.a.size(2)}, x.options());
  const auto lengths = options.lengths.defined() ? options.lengths : at::empty({0}, x.options().dtype(at::kLong));
  const auto [y, last] = call_ssm({x, k.a, k.b, k.c, state, lengths, options.liquid, options.reverse});
  return {y, last};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "diagonal_ssm(Tensor x, Tensor a, Tensor b, Tensor c, Tensor state, Tensor lengths, bool liquid, bool reverse)"
      " -> (Tensor, Tensor)");
  library.def(
      "diagonal_ssm_grad(Tensor dy, Tensor dlast, Tensor x, Tensor a, Tensor b, Tensor c, Tensor state, Tensor lengths,"
      " bool liquid, bool reverse) -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("diagonal_ssm", &ssm_cpu);
  library.impl("diagonal_ssm_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("diagonal_ssm", &ssm_meta);
  library.impl("diagonal_ssm_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("diagonal_ssm", &ssm_autograd); }

}  // namespace longwave::ops
