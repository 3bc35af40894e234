#include "longwave/ops/linear_scan.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <complex>

#include "longwave/base/check.h"
#include "longwave/kernels/linear_scan.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // da, du, dh_init

Tensor call_scan(const Tensor& a, const Tensor& u, const Tensor& h_init) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::linear_scan", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(a, u, h_init);
}

Gradients call_grad(const Tensor& dh, const Tensor& a, const Tensor& h, const Tensor& h_init) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::linear_scan_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(dh, a, h, h_init);
}

void check_inputs(const Tensor& a, const Tensor& u, const Tensor& h_init) {
  check(u.dim() == 3 && u.size(1) > 0, "linear_scan: u is ", u.sizes(), "; expected [b, t, d] with t > 0");
  const auto type = c10::toRealValueType(u.scalar_type());
  check(type == at::kFloat || type == at::kDouble, "linear_scan: u is ", u.scalar_type(),
        "; expected float or double, real or complex");
  check(a.sizes() == u.sizes(), "linear_scan: a is ", a.sizes(), "; expected ", u.sizes(), " like u");
  const std::vector<std::int64_t> state{u.size(0), u.size(2)};
  check(h_init.sizes() == at::IntArrayRef(state), "linear_scan: h_init is ", h_init.sizes(),
        "; expected [b, d] = ", at::IntArrayRef(state));
  for (const auto& [name, x] : {std::pair{"a", a}, {"h_init", h_init}})
    check(x.scalar_type() == u.scalar_type(), "linear_scan: ", name, " is ", x.scalar_type(), "; expected ",
          u.scalar_type(), " like u");
}

// --- CPU

/// The numbers of a tensor: T is float or double, or std::complex of one, which libtorch lays out alike.
template <class T>
T* numbers(const Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

template <class T>
constexpr bool kFast = std::is_same_v<T, float> || std::is_same_v<T, std::complex<float>>;

template <class T>
Tensor run(const Tensor& a, const Tensor& u, const Tensor& h_init) {
  const auto h = at::empty(u.sizes(), u.options());
  const kernels::LinearScan<T> scan{numbers<T>(a), numbers<T>(u), numbers<T>(h_init), numbers<T>(h),
                                    u.size(0),     u.size(1),     u.size(2)};
  if constexpr (kFast<T>)
    kernels::linear_scan(scan);
  else
    kernels::linear_scan_reference(scan);
  return h;
}

template <class T>
Gradients run_grad(const Tensor& dh, const Tensor& a, const Tensor& h, const Tensor& h_init) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  const Tensor da = like(a), du = like(a), dh_init = like(h_init);
  const kernels::LinearScanGrad<T> scan{numbers<T>(a),  numbers<T>(h),  numbers<T>(h_init),  numbers<T>(dh),
                                        numbers<T>(da), numbers<T>(du), numbers<T>(dh_init), a.size(0),
                                        a.size(1),      a.size(2)};
  if constexpr (kFast<T>)
    kernels::linear_scan_grad(scan);
  else
    kernels::linear_scan_grad_reference(scan);
  return {da, du, dh_init};
}

/// Calls body with a number of the type of x, for its type alone.
template <class Body>
auto for_type_of(const Tensor& x, Body body) {
  switch (x.scalar_type()) {
    case at::kDouble:
      return body(double());
    case at::kComplexFloat:
      return body(std::complex<float>());
    case at::kComplexDouble:
      return body(std::complex<double>());
    default:
      return body(float());
  }
}

/// Memory that holds the numbers themselves, in order, and not their conjugates.
Tensor plain(const Tensor& x) { return x.resolve_conj().contiguous(); }

Tensor scan_cpu(const Tensor& a, const Tensor& u, const Tensor& h_init) {
  check_inputs(a, u, h_init);
  return for_type_of(u, [&](auto number) { return run<decltype(number)>(plain(a), plain(u), plain(h_init)); });
}

Gradients grad_cpu(const Tensor& dh, const Tensor& a, const Tensor& h, const Tensor& h_init) {
  check_inputs(a, h, h_init);
  check(dh.sizes() == h.sizes() && dh.scalar_type() == h.scalar_type(), "linear_scan_grad: dh is ", dh.sizes(),
        "; expected ", h.sizes(), " like h");
  return for_type_of(
      a, [&](auto number) { return run_grad<decltype(number)>(plain(dh), plain(a), plain(h), plain(h_init)); });
}

// --- Meta: shapes and types only

Tensor scan_meta(const Tensor& a, const Tensor& u, const Tensor& h_init) {
  check_inputs(a, u, h_init);
  return at::empty(u.sizes(), u.options());
}

Gradients grad_meta(const Tensor&, const Tensor& a, const Tensor&, const Tensor& h_init) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(a), like(a), like(h_init)};
}

// --- Autograd

struct Scan : torch::autograd::Function<Scan> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& a, const Tensor& u, const Tensor& h_init) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto h = call_scan(a, u, h_init);
    ctx->save_for_backward({a, h, h_init});
    return h;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "linear_scan: second derivatives are not implemented");
    const auto saved = ctx->get_saved_variables();
    const auto [da, du, dh_init] = call_grad(grads[0], saved[0], saved[1], saved[2]);
    return {da, du, dh_init};
  }
};

Tensor scan_autograd(const Tensor& a, const Tensor& u, const Tensor& h_init) { return Scan::apply(a, u, h_init); }

}  // namespace

Tensor linear_scan(const Tensor& a, const Tensor& u, const Tensor& h_init) {
  // Function::apply of libtorch 1.13 refuses undefined tensors, so "no state" becomes zeros here.
  check(u.dim() == 3, "linear_scan: u is ", u.sizes(), "; expected [b, t, d] with t > 0");
  return call_scan(a, u, h_init.defined() ? h_init : at::zeros({u.size(0), u.size(2)}, u.options()));
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("linear_scan(Tensor a, Tensor u, Tensor h_init) -> Tensor");
  library.def("linear_scan_grad(Tensor dh, Tensor a, Tensor h, Tensor h_init) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("linear_scan", &scan_cpu);
  library.impl("linear_scan_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("linear_scan", &scan_meta);
  library.impl("linear_scan_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("linear_scan", &scan_autograd); }

}  // namespace longwave::ops
