#include "longwave/ops/cauchy.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/cauchy.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor>;  // dv, dw

Tensor call(const Tensor& v, const Tensor& z, const Tensor& w) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::cauchy_kernel", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(v, z, w);
}

Gradients call_grad(const Tensor& d, const Tensor& v, const Tensor& z, const Tensor& w) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::cauchy_kernel_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(d, v, z, w);
}

void check_inputs(const Tensor& v, const Tensor& z, const Tensor& w) {
  check(v.dim() == 3 && v.is_complex(), "cauchy_kernel: v is ", v.scalar_type(), " ", v.sizes(),
        "; expected complex [m, h, n]");
  check(z.dim() == 1, "cauchy_kernel: z is ", z.sizes(), "; expected [l]");
  check(w.dim() == 2 && w.size(0) == v.size(1) && w.size(1) == v.size(2), "cauchy_kernel: w is ", w.sizes(),
        "; expected [h, n] = [", v.size(1), ", ", v.size(2), "]");
  for (const auto& [name, x] : {std::pair{"z", z}, {"w", w}})
    check(x.scalar_type() == v.scalar_type(), "cauchy_kernel: ", name, " is ", x.scalar_type(), "; expected ",
          v.scalar_type(), " like v");
}

/// As pairs of real numbers, contiguous.
Tensor pairs(const Tensor& x) { return at::view_as_real(x.resolve_conj().contiguous()); }

/// Nodes of state-space models lie on the imaginary axis.
bool imaginary(const Tensor& pairs) { return pairs.select(1, 0).eq(0).all().item<bool>(); }

template <class T>
void run(const Tensor& v, const Tensor& z, const Tensor& w, const Tensor& r) {
  const kernels::Cauchy<T> p{.v = v.data_ptr<T>(),
                             .w = w.data_ptr<T>(),
                             .z = z.data_ptr<T>(),
                             .r = r.data_ptr<T>(),
                             .m = v.size(0),
                             .h = v.size(1),
                             .n = v.size(2),
                             .l = z.size(0)};
  imaginary(z) ? kernels::cauchy_imaginary(p) : kernels::cauchy_ref(p);
}

template <class T>
void run_grad(const Tensor& d, const Tensor& v, const Tensor& z, const Tensor& w, const Tensor& dv, const Tensor& dw) {
  const kernels::CauchyGrad<T> p{.v = v.data_ptr<T>(),
                                 .w = w.data_ptr<T>(),
                                 .z = z.data_ptr<T>(),
                                 .dr = d.data_ptr<T>(),
                                 .dv = dv.data_ptr<T>(),
                                 .dw = dw.data_ptr<T>(),
                                 .m = v.size(0),
                                 .h = v.size(1),
                                 .n = v.size(2),
                                 .l = z.size(0)};
  imaginary(z) ? kernels::cauchy_grad_imaginary(p) : kernels::cauchy_grad_ref(p);
}

Tensor kernel_cpu(const Tensor& v, const Tensor& z, const Tensor& w) {
  check_inputs(v, z, w);
  const auto r = at::empty({v.size(0), v.size(1), z.size(0)}, v.options());
  const auto run_typed = v.scalar_type() == at::kComplexDouble ? run<double> : run<float>;
  run_typed(pairs(v), pairs(z), pairs(w), at::view_as_real(r));
  return r;
}

Gradients grad_cpu(const Tensor& d, const Tensor& v, const Tensor& z, const Tensor& w) {
  check_inputs(v, z, w);
  check(d.dim() == 3 && d.size(0) == v.size(0) && d.size(1) == v.size(1) && d.size(2) == z.size(0) &&
            d.scalar_type() == v.scalar_type(),
        "cauchy_kernel_grad: d is ", d.scalar_type(), " ", d.sizes(), "; expected ", v.scalar_type(), " [m, h, l]");
  const auto dv = at::empty(v.sizes(), v.options()), dw = at::empty(w.sizes(), w.options());
  const auto run_typed = v.scalar_type() == at::kComplexDouble ? run_grad<double> : run_grad<float>;
  run_typed(pairs(d), pairs(v), pairs(z), pairs(w), at::view_as_real(dv), at::view_as_real(dw));
  return {dv, dw};
}

Tensor kernel_meta(const Tensor& v, const Tensor& z, const Tensor& w) {
  check_inputs(v, z, w);
  return at::empty({v.size(0), v.size(1), z.size(0)}, v.options());
}

Gradients grad_meta(const Tensor&, const Tensor& v, const Tensor&, const Tensor& w) {
  return {at::empty(v.sizes(), v.options()), at::empty(w.sizes(), w.options())};
}

struct CauchyKernel : torch::autograd::Function<CauchyKernel> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& v, const Tensor& z, const Tensor& w) {
    ctx->save_for_backward({v, z, w});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call(v, z, w);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "cauchy_kernel: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto [dv, dw] = call_grad(grads[0], s[0], s[1], s[2]);
    return {dv, Tensor(), dw};
  }
};

Tensor kernel_autograd(const Tensor& v, const Tensor& z, const Tensor& w) { return CauchyKernel::apply(v, z, w); }

}  // namespace

Tensor cauchy_kernel(const Tensor& v, const Tensor& z, const Tensor& w) { return call(v, z, w); }

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("cauchy_kernel(Tensor v, Tensor z, Tensor w) -> Tensor");
  library.def("cauchy_kernel_grad(Tensor d, Tensor v, Tensor z, Tensor w) -> (Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("cauchy_kernel", &kernel_cpu);
  library.impl("cauchy_kernel_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("cauchy_kernel", &kernel_meta);
  library.impl("cauchy_kernel_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("cauchy_kernel", &kernel_autograd); }

}  // namespace longwave::ops
