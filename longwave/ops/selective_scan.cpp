#include "longwave/ops/selective_scan.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/selective_scan.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using torch::autograd::variable_list;
using Outputs = std::tuple<Tensor, Tensor, Tensor>;  // y, state, boundaries
using Gradients = std::vector<Tensor>;               // of u, delta, A, B, C, D, z, delta_bias, state

// What is optional is an empty tensor below the public function: Function::apply of libtorch 1.13 refuses undefined
// ones.
bool given(const Tensor& x) { return x.numel() > 0; }

/// The tensors of one call, checked. A, B, C and state are all real or all complex.
struct Call {
  Tensor u, delta, a, b, c, d, z, bias, state, lengths;
  bool softplus;

  std::int64_t groups() const { return b.size(2); }
};

Outputs call_scan(const Call& c, bool keep) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::selective_scan", "")
          .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                         const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool, bool)>();
  return op.call(c.u, c.delta, c.a, c.b, c.c, c.d, c.z, c.bias, c.state, c.lengths, c.softplus, keep);
}

Gradients call_grad(const Tensor& dy, const Tensor& dstate, const Tensor& boundaries, const Call& c) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::selective_scan_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, const Tensor&, const Tensor&, bool)>();
  return op.call(dy, dstate, boundaries, c.u, c.delta, c.a, c.b, c.c, c.d, c.z, c.bias, c.state, c.lengths, c.softplus);
}

void check_shape(const char* name, const Tensor& x, const std::vector<std::int64_t>& expected, const char* letters,
                 const Tensor& u, bool complex = false) {
  check(x.sizes() == at::IntArrayRef(expected), "selective_scan: ", name, " is ", x.sizes(), "; expected ", letters,
        " = ", at::IntArrayRef(expected));
  const auto type = complex ? at::toComplexType(u.scalar_type()) : u.scalar_type();
  check(x.scalar_type() == type, "selective_scan: ", name, " is ", x.scalar_type(), "; expected ", type,
        complex ? " like A" : " like u");
}

void check_inputs(const Call& in) {
  const auto& u = in.u;
  check(u.dim() == 3 && u.numel() > 0, "selective_scan: u is ", u.sizes(), "; expected [b, t, d], none of them 0");
  check(u.scalar_type() == at::kFloat || u.scalar_type() == at::kDouble, "selective_scan: u is ", u.scalar_type(),
        "; expected float or double");
  const auto b = u.size(0), t = u.size(1), d = u.size(2);
  check(in.a.dim() == 2 && in.a.size(0) == d && in.a.size(1) > 0, "selective_scan: A is ", in.a.sizes(),
        "; expected [d, n] with d = ", d);
  const auto n = in.a.size(1);
  check(in.b.dim() == 4 && in.b.size(2) > 0 && d % in.b.size(2) == 0, "selective_scan: B is ", in.b.sizes(),
        "; expected [b, t, n] or [b, t, g, n] where g divides d = ", d);
  const bool complex = in.a.is_complex();
  check_shape("A", in.a, {d, n}, "[d, n]", u, complex);
  check_shape("delta", in.delta, {b, t, d}, "[b, t, d]", u);
  check_shape("B", in.b, {b, t, in.b.size(2), n}, "[b, t, g, n] (n from A)", u, complex);
  check_shape("C", in.c, {b, t, in.b.size(2), n}, "[b, t, g, n] like B", u, complex);
  if (given(in.d)) check_shape("D", in.d, {d}, "[d]", u);
  if (given(in.z)) check_shape("z", in.z, {b, t, d}, "[b, t, d]", u);
  if (given(in.bias)) check_shape("delta_bias", in.bias, {d}, "[d]", u);
  if (given(in.state)) check_shape("state", in.state, {b, d, n}, "[b, d, n]", u, complex);
  if (given(in.lengths)) check_lengths("selective_scan", in.lengths, u);
}

Tensor like(const Tensor& x) { return at::empty(x.sizes(), x.options()); }

// --- CPU

/// Complex numbers [.., n] as planes [.., 2 n], real parts first; real ones as they are.
Tensor planes(const Tensor& x) { return x.is_complex() ? at::cat({at::real(x), at::imag(x)}, -1) : x; }
Tensor from_planes(const Tensor& x, bool complex) {
  if (!complex) return x;
  const auto parts = x.chunk(2, -1);
  return at::complex(parts[0].contiguous(), parts[1].contiguous());
}

template <class T>
const T* pointer(const Tensor& x) {
  return given(x) ? x.data_ptr<T>() : nullptr;
}

/// The tensors as the kernel wants them (channels innermost), and its arguments, which point into them.
template <class T>
struct Prepared {
  Call in;
  kernels::SelectiveScan<T> kernel;

  explicit Prepared(const Call& call) : in(call) {
    kernel.complex = in.a.is_complex(), kernel.n = in.a.size(1);
    in.b = planes(in.b), in.c = planes(in.c);
    in.a = planes(in.a).t().contiguous();
    in.d = in.d.contiguous();
    in.bias = in.bias.contiguous();
    if (given(in.state)) in.state = planes(in.state).transpose(1, 2).contiguous();
    in.lengths = in.lengths.contiguous();
    kernel.u = steps(in.u);
    kernel.delta = steps(in.delta);
    if (given(in.z)) kernel.z = steps(in.z);
    kernel.b_in = steps(in.b);
    kernel.c_out = steps(in.c);
    kernel.a = pointer<T>(in.a);
    kernel.skip = pointer<T>(in.d);
    kernel.delta_bias = pointer<T>(in.bias);
    kernel.h_init = pointer<T>(in.state);
    kernel.lengths = pointer<std::int64_t>(in.lengths);
    kernel.b = in.u.size(0), kernel.t = in.u.size(1), kernel.d = in.u.size(2);
    kernel.groups = in.groups();
    kernel.softplus = in.softplus;
  }

 private:
  /// Copies x only if its last axes are not contiguous.
  static kernels::Steps<const T> steps(Tensor& x) {
    const bool inner = x.stride(-1) == 1 && (x.dim() == 3 || x.size(2) == 1 || x.stride(2) == x.size(3));
    if (!inner) x = x.contiguous();
    return {x.data_ptr<T>(), x.stride(0), x.stride(1)};
  }
};

template <class T>
Outputs run(const Call& call, bool keep) {
  const Prepared<T> p(call);
  const auto& k = p.kernel;
  const Tensor y = at::empty(call.u.sizes(), call.u.options()),
               last = at::empty({k.b, k.planes(), k.d}, call.u.options());
  const bool chunks = keep && std::is_same_v<T, float>;
  const Tensor boundaries =
      at::empty({chunks ? k.b : 0, kernels::selective_scan_chunks(k.t), k.planes(), k.d}, call.u.options());
  const kernels::SelectiveScanOut<T> out{y.data_ptr<T>(), last.data_ptr<T>(),
                                         chunks ? boundaries.data_ptr<T>() : nullptr};
  if constexpr (std::is_same_v<T, float>)
    kernels::selective_scan(k, out);
  else
    kernels::selective_scan_reference(k, out);
  return {y, from_planes(last.transpose(1, 2), k.complex), boundaries};
}

template <class T>
Gradients run_grad(const Tensor& dy, const Tensor& dstate, const Tensor& boundaries, const Call& call) {
  const Prepared<T> p(call);
  const auto& k = p.kernel;
  const auto options = call.u.options();
  const Tensor du = like(call.u), ddelta = like(call.u), dz = like(call.z);
  const Tensor db = at::empty({k.b, k.t, k.groups, k.planes()}, options), dc = like(db);
  const Tensor da = at::empty({k.planes(), k.d}, options), dskip = at::empty({k.d}, options), dbias = like(dskip);
  const Tensor dinit = at::empty({k.b, k.planes(), k.d}, options), last = planes(dstate).transpose(1, 2).contiguous();
  kernels::SelectiveScanGrad<T> g{};
  g.dy = dy.data_ptr<T>(), g.dh_last = pointer<T>(last), g.boundaries = pointer<T>(boundaries);
  g.du = du.data_ptr<T>(), g.ddelta = ddelta.data_ptr<T>(), g.dz = given(dz) ? dz.data_ptr<T>() : nullptr;
  g.db = db.data_ptr<T>(), g.dc = dc.data_ptr<T>(), g.da = da.data_ptr<T>(), g.dskip = dskip.data_ptr<T>();
  g.dbias = dbias.data_ptr<T>(), g.dh_init = dinit.data_ptr<T>();
  Tensor workspace;
  if constexpr (std::is_same_v<T, float>) {
    workspace = at::empty({kernels::selective_scan_grad_workspace(k)}, options);
    g.workspace = workspace.data_ptr<T>();
    kernels::selective_scan_grad(k, g);
  } else {
    kernels::selective_scan_grad_reference(k, g);
  }
  const auto typed = [&](const Tensor& x) { return from_planes(x, k.complex); };
  return {du,
          ddelta,
          typed(da.t()),
          typed(db),
          typed(dc),
          given(call.d) ? dskip : like(call.d),
          dz,
          given(call.bias) ? dbias : like(call.bias),
          given(call.state) ? typed(dinit.transpose(1, 2)) : like(call.state)};
}

Outputs scan_cpu(const Tensor& u, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c,
                 const Tensor& d, const Tensor& z, const Tensor& bias, const Tensor& state, const Tensor& lengths,
                 bool softplus, bool keep) {
  const Call call{u, delta, a, b, c, d, z, bias, state, lengths, softplus};
  check_inputs(call);
  return u.scalar_type() == at::kDouble ? run<double>(call, keep) : run<float>(call, keep);
}

Gradients grad_cpu(const Tensor& dy, const Tensor& dstate, const Tensor& boundaries, const Tensor& u,
                   const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d,
                   const Tensor& z, const Tensor& bias, const Tensor& state, const Tensor& lengths, bool softplus) {
  const Call call{u, delta, a, b, c, d, z, bias, state, lengths, softplus};
  check_inputs(call);
  check_shape("dy", dy, u.sizes().vec(), "[b, t, d]", u);
  const bool complex = a.is_complex();
  check_shape("dstate", dstate, {u.size(0), u.size(2), a.size(1)}, "[b, d, n]", u, complex);
  if (u.scalar_type() == at::kDouble) return run_grad<double>(dy.contiguous(), dstate, boundaries, call);
  const auto rows = complex ? 2 * a.size(1) : a.size(1);
  check_shape("boundaries", boundaries, {u.size(0), kernels::selective_scan_chunks(u.size(1)), rows, u.size(2)},
              "[b, chunks, n or 2 n, d]", u);
  return run_grad<float>(dy.contiguous(), dstate, boundaries.contiguous(), call);
}

// --- Meta: shapes and types only

Outputs scan_meta(const Tensor& u, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c,
                  const Tensor& d, const Tensor& z, const Tensor& bias, const Tensor& state, const Tensor& lengths,
                  bool softplus, bool keep) {
  check_inputs({u, delta, a, b, c, d, z, bias, state, lengths, softplus});
  const auto rows = u.size(0), n = a.size(1), planes = a.is_complex() ? 2 * n : n;
  return {like(u), at::empty({rows, u.size(2), n}, a.options()),
          at::empty({keep ? rows : 0, kernels::selective_scan_chunks(u.size(1)), planes, u.size(2)}, u.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor&, const Tensor& u, const Tensor& delta, const Tensor& a,
                    const Tensor& b, const Tensor& c, const Tensor& d, const Tensor& z, const Tensor& bias,
                    const Tensor& state, const Tensor&, bool) {
  return {like(u), like(delta), like(a), like(b), like(c), like(d), like(z), like(bias), like(state)};
}

// --- Autograd

struct Scan : torch::autograd::Function<Scan> {
  static variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& u, const Tensor& delta,
                               const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d, const Tensor& z,
                               const Tensor& bias, const Tensor& state, const Tensor& lengths, bool softplus) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, last, boundaries] = call_scan({u, delta, a, b, c, d, z, bias, state, lengths, softplus}, true);
    ctx->save_for_backward({u, delta, a, b, c, d, z, bias, state, lengths, boundaries});
    ctx->saved_data["softplus"] = softplus;
    ctx->mark_non_differentiable({boundaries});
    return {y, last, boundaries};
  }

  static variable_list backward(torch::autograd::AutogradContext* ctx, variable_list grads) {
    check(!at::GradMode::is_enabled(), "selective_scan: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const Call call{s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], ctx->saved_data["softplus"].toBool()};
    auto all = call_grad(grads[0], grads[1], s[10], call);
    all.insert(all.end(), {Tensor(), Tensor()});  // lengths, softplus
    return all;
  }
};

Outputs scan_autograd(const Tensor& u, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c,
                      const Tensor& d, const Tensor& z, const Tensor& bias, const Tensor& state, const Tensor& lengths,
                      bool softplus, bool keep) {
  const Call call{u, delta, a, b, c, d, z, bias, state, lengths, softplus};
  bool wanted = false;
  for (const auto* x : {&u, &delta, &a, &b, &c, &d, &z, &bias, &state}) wanted = wanted || x->requires_grad();
  if (!wanted || !at::GradMode::is_enabled()) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_scan(call, keep);
  }
  const auto out = Scan::apply(u, delta, a, b, c, d, z, bias, state, lengths, softplus);
  return {out[0], out[1], out[2]};
}

}  // namespace

SelectiveScanResult selective_scan(const SelectiveScanInputs& in) {
  const auto none = at::empty({0}, in.u.options());
  const auto or_none = [&](const Tensor& x) { return x.defined() ? x : none; };
  const auto grouped = [](const Tensor& x) { return x.dim() == 3 ? x.unsqueeze(2) : x; };
  const auto lengths = in.lengths.defined() ? in.lengths : at::empty({0}, in.u.options().dtype(at::kLong));
  const auto [y, state, boundaries] =
      call_scan({in.u, in.delta, in.A, grouped(in.B), grouped(in.C), or_none(in.D), or_none(in.z),
                 or_none(in.delta_bias), or_none(in.state), lengths, in.delta_softplus},
                false);
  return {y, state};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "selective_scan(Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor D, Tensor z, Tensor delta_bias,"
      " Tensor state, Tensor lengths, bool delta_softplus, bool keep) -> (Tensor, Tensor, Tensor)");
  library.def(
      "selective_scan_grad(Tensor dy, Tensor dstate, Tensor boundaries, Tensor u, Tensor delta, Tensor A, Tensor B,"
      " Tensor C, Tensor D, Tensor z, Tensor delta_bias, Tensor state, Tensor lengths, bool delta_softplus)"
      " -> Tensor[]");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("selective_scan", &scan_cpu);
  library.impl("selective_scan_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("selective_scan", &scan_meta);
  library.impl("selective_scan_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("selective_scan", &scan_autograd); }

}  // namespace longwave::ops
