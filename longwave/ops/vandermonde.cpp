#include "longwave/ops/vandermonde.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/kernels/vandermonde.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor>;  // dv, dx

Tensor call(const Tensor& v, const Tensor& x, std::int64_t t) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::vandermonde_kernel", "")
                             .typed<Tensor(const Tensor&, const Tensor&, std::int64_t)>();
  return op.call(v, x, t);
}

Gradients call_grad(const Tensor& d, const Tensor& v, const Tensor& x) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::vandermonde_kernel_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(d, v, x);
}

void check_inputs(const Tensor& v, const Tensor& x, std::int64_t t) {
  check(v.dim() == 3 && v.is_complex(), "vandermonde_kernel: v is ", v.scalar_type(), " ", v.sizes(),
        "; expected complex [r, h, n]");
  check(x.dim() == 2 && (x.size(0) == v.size(1) || x.size(0) == 1) && x.size(1) == v.size(2),
        "vandermonde_kernel: x is ", x.sizes(), "; expected [h, n] = [", v.size(1), ", ", v.size(2), "] or [1, n]");
  check(x.scalar_type() == v.scalar_type(), "vandermonde_kernel: x is ", x.scalar_type(), "; expected ",
        v.scalar_type(), " like v");
  check(t > 0, "vandermonde_kernel: t is ", t, "; expected at least 1");
}

/// Steps of the inner level: about the square root of t.
std::int64_t inner_steps(std::int64_t t) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(t)))));
}

/// exp(x step l), l = 0 .. count - 1: [h, n, count]. Phases are computed in double: they reach far beyond 2 pi.
Tensor exponentials(const Tensor& x, std::int64_t step, std::int64_t count) {
  const auto l = at::arange(count, x.options().dtype(at::kDouble)) * static_cast<double>(step);
  const auto wide = x.to(at::kComplexDouble).unsqueeze(-1);
  return at::exp(at::complex(at::real(wide) * l, at::imag(wide) * l)).to(x.scalar_type());
}

/// Real part of the product of complex a [.., i, n] and b [.., n, j], as one real product.
Tensor real_product(const Tensor& a, const Tensor& b) {
  return at::matmul(at::cat({at::real(a), -at::imag(a)}, -1), at::cat({at::real(b), at::imag(b)}, -2));
}

Tensor composed(const Tensor& v_any, const Tensor& x, std::int64_t t) {
  check_inputs(v_any, x, t);
  const auto r = v_any.size(0), h = v_any.size(1);
  const auto v = x.size(0) == 1 ? v_any.reshape({r * h, 1, -1}) : v_any;
  const auto inner = inner_steps(t), outer = (t + inner - 1) / inner;
  const auto coarse = (v.unsqueeze(-1) * exponentials(x, inner, outer)).permute({1, 0, 3, 2}).flatten(1, 2);
  const auto k = 2 * real_product(coarse, exponentials(x, 1, inner));  // [h, r outer, inner]
  return k.view({x.size(0), -1, outer * inner}).narrow(2, 0, t).transpose(0, 1).reshape({r, h, t});
}

// --- CPU

/// As pairs of real numbers, contiguous.
Tensor pairs(const Tensor& x) { return at::view_as_real(x.resolve_conj().contiguous()); }

Tensor workspace_of(const Tensor& x, std::int64_t t) {
  return at::empty({kernels::vandermonde_workspace(x.size(1), t)}, x.options().dtype(at::kFloat));
}

Tensor kernel_cpu(const Tensor& v_any, const Tensor& x_any, std::int64_t t) {
  if (v_any.scalar_type() == at::kComplexDouble) return composed(v_any, x_any, t);
  check_inputs(v_any, x_any, t);
  const auto v = pairs(v_any), x = pairs(x_any);
  const auto k = at::empty({v.size(0), v.size(1), t}, v.options());
  const bool shared = x.size(0) == 1;  // then features are rows of one
  const auto workspace = workspace_of(x, t);
  kernels::vandermonde({.v = v.data_ptr<float>(),
                        .x = x.data_ptr<float>(),
                        .k = k.data_ptr<float>(),
                        .r = shared ? v.size(0) * v.size(1) : v.size(0),
                        .h = shared ? 1 : v.size(1),
                        .n = v.size(2),
                        .t = t},
                       workspace.data_ptr<float>());
  return k;
}

Gradients grad_cpu(const Tensor& d_any, const Tensor& v_any, const Tensor& x_any) {
  check(d_any.dim() == 3 && d_any.scalar_type() == at::kFloat, "vandermonde_kernel_grad: d is ", d_any.scalar_type(),
        " ", d_any.sizes(), "; expected float [r, h, t]");
  const auto t = d_any.size(2);
  check_inputs(v_any, x_any, t);
  check(v_any.scalar_type() == at::kComplexFloat && d_any.size(0) == v_any.size(0) && d_any.size(1) == v_any.size(1),
        "vandermonde_kernel_grad: d is ", d_any.sizes(), ", v is ", v_any.scalar_type(), " ", v_any.sizes(),
        "; expected rows and features alike, and complex float");
  const auto d = d_any.contiguous(), v = pairs(v_any), x = pairs(x_any);
  const bool shared = x.size(0) == 1;
  const auto r = shared ? v.size(0) * v.size(1) : v.size(0), h = shared ? 1 : v.size(1);
  const auto parts = kernels::vandermonde_parts(r, h);
  const auto dv = at::empty(v.sizes(), v.options()), dx = at::empty({parts, h, v.size(2), 2}, v.options());
  const auto workspace = workspace_of(x, t);
  kernels::vandermonde_grad({.v = v.data_ptr<float>(),
                             .x = x.data_ptr<float>(),
                             .dk = d.data_ptr<float>(),
                             .dv = dv.data_ptr<float>(),
                             .dx = dx.data_ptr<float>(),
                             .r = r,
                             .h = h,
                             .n = v.size(2),
                             .t = t,
                             .parts = parts},
                            workspace.data_ptr<float>());
  return {at::view_as_complex(dv), at::view_as_complex(parts == 1 ? dx[0] : dx.sum(0))};
}

// --- Meta: shapes and types only

Tensor kernel_meta(const Tensor& v, const Tensor& x, std::int64_t t) {
  check_inputs(v, x, t);
  return at::empty({v.size(0), v.size(1), t}, v.options().dtype(at::toRealValueType(v.scalar_type())));
}

Gradients grad_meta(const Tensor&, const Tensor& v, const Tensor& x) {
  return {at::empty(v.sizes(), v.options()), at::empty(x.sizes(), x.options())};
}

// --- Autograd

struct VandermondeKernel : torch::autograd::Function<VandermondeKernel> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& v, const Tensor& x, std::int64_t t) {
    ctx->save_for_backward({v, x});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call(v, x, t);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(),
          "vandermonde_kernel: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [dv, dx] = call_grad(grads[0], s[0], s[1]);
    return {dv, dx, Tensor()};
  }
};

Tensor kernel_autograd(const Tensor& v, const Tensor& x, std::int64_t t) {
  return v.scalar_type() == at::kComplexDouble ? composed(v, x, t) : VandermondeKernel::apply(v, x, t);
}

}  // namespace

Tensor vandermonde_kernel(const Tensor& v, const Tensor& x, std::int64_t t) { return call(v, x, t); }

Tensor vandermonde_state(const Tensor& u, const Tensor& x) {
  check(u.dim() == 3 && u.size(1) > 0 && (u.scalar_type() == at::kFloat || u.scalar_type() == at::kDouble),
        "vandermonde_state: u is ", u.scalar_type(), " ", u.sizes(), "; expected float or double [b, t, h] with t > 0");
  check(x.dim() == 2 && x.size(0) == u.size(2) && x.scalar_type() == c10::toComplexType(u.scalar_type()),
        "vandermonde_state: x is ", x.scalar_type(), " ", x.sizes(), "; expected ", c10::toComplexType(u.scalar_type()),
        " [h, n] with h = ", u.size(2), " like u");
  check(x.device() == u.device(), "vandermonde_state: x is on ", x.device().str(), "; expected ", u.device().str(),
        " like u");
  const auto b = u.size(0), t = u.size(1), h = u.size(2);
  const auto inner = inner_steps(t), outer = (t + inner - 1) / inner;
  const auto steps = at::constant_pad_nd(u.permute({2, 0, 1}), {outer * inner - t, 0}).reshape({h, b * outer, inner});
  const auto fine = exponentials(x, 1, inner).flip(-1).transpose(1, 2);  // [h, inner, n]
  const auto parts = at::matmul(steps, at::cat({at::real(fine), at::imag(fine)}, -1)).view({h, b, outer, 2, -1});
  const auto local = at::complex(parts.select(3, 0), parts.select(3, 1));  // [h, b, outer, n]
  const auto coarse = exponentials(x, inner, outer).flip(-1).transpose(1, 2).unsqueeze(1);
  return (local * coarse).sum(2).transpose(0, 1);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("vandermonde_kernel(Tensor v, Tensor x, int t) -> Tensor");
  library.def("vandermonde_kernel_grad(Tensor d, Tensor v, Tensor x) -> (Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("vandermonde_kernel", &kernel_cpu);
  library.impl("vandermonde_kernel_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("vandermonde_kernel", &kernel_meta);
  library.impl("vandermonde_kernel_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("vandermonde_kernel", &kernel_autograd); }

}  // namespace longwave::ops
