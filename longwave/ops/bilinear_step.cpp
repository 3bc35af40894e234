#include "longwave/ops/bilinear_step.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/bilinear_step.h"

namespace longwave::ops {
namespace {

using at::Tensor;

void check_inputs(const Tensor& a, const Tensor& b, const Tensor& half, const Tensor& x, const Tensor& u) {
  check(x.dim() == 3 && x.numel() > 0, "bilinear_step: x is ", x.sizes(), "; expected [b, h, n]");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "bilinear_step: x is ", x.scalar_type(),
        "; expected float or double");
  const auto h = x.size(1), n = x.size(2);
  check(a.sizes() == at::IntArrayRef({n, n}), "bilinear_step: a is ", a.sizes(), "; expected [n, n] for x ", x.sizes());
  check(b.sizes() == at::IntArrayRef({n}), "bilinear_step: b is ", b.sizes(), "; expected [n] for x ", x.sizes());
  check(half.sizes() == at::IntArrayRef({h}), "bilinear_step: half is ", half.sizes(), "; expected [h] for x ",
        x.sizes());
  check(u.sizes() == at::IntArrayRef({x.size(0), h}), "bilinear_step: u is ", u.sizes(), "; expected [b, h] for x ",
        x.sizes());
  check(u.scalar_type() == x.scalar_type(), "bilinear_step: u is ", u.scalar_type(), "; expected ", x.scalar_type(),
        " like x");
  for (const auto& [name, value] : {std::pair{"a", a}, {"b", b}, {"half", half}})
    check(value.scalar_type() == at::kDouble, "bilinear_step: ", name, " is ", value.scalar_type(),
          "; expected double");
}

template <class T>
kernels::BilinearStep<T> problem(const Tensor& a, const Tensor& b, const Tensor& half, const Tensor& x, const Tensor& u,
                                 const Tensor& next) {
  return {.a = a.data_ptr<double>(),
          .b = b.data_ptr<double>(),
          .half = half.data_ptr<double>(),
          .x = x.data_ptr<T>(),
          .u = u.data_ptr<T>(),
          .next = next.data_ptr<T>(),
          .rows = x.size(0),
          .h = x.size(1),
          .n = x.size(2)};
}

Tensor step_cpu(const Tensor& a_any, const Tensor& b_any, const Tensor& half_any, const Tensor& x_any,
                const Tensor& u_any) {
  check_inputs(a_any, b_any, half_any, x_any, u_any);
  const auto a = a_any.contiguous(), b = b_any.contiguous(), half = half_any.contiguous(), x = x_any.contiguous(),
             u = u_any.contiguous();
  const auto next = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kDouble)
    kernels::bilinear_step_reference(problem<double>(a, b, half, x, u, next));
  else
    kernels::bilinear_step(problem<float>(a, b, half, x, u, next));
  return next;
}

Tensor step_meta(const Tensor& a, const Tensor& b, const Tensor& half, const Tensor& x, const Tensor& u) {
  check_inputs(a, b, half, x, u);
  return at::empty(x.sizes(), x.options());
}

}  // namespace

Tensor bilinear_step(const Tensor& a, const Tensor& b, const Tensor& half, const Tensor& x, const Tensor& u) {
  for (const auto& input : {a, b, half, x, u})
    check(!at::GradMode::is_enabled() || !input.requires_grad(),
          "bilinear_step: has no gradient, but an input asks for one");
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::bilinear_step", "")
          .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(a, b, half, x, u);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("bilinear_step(Tensor a, Tensor b, Tensor half, Tensor x, Tensor u) -> Tensor");
}
TORCH_LIBRARY_IMPL(longwave, CPU, library) { library.impl("bilinear_step", &step_cpu); }
TORCH_LIBRARY_IMPL(longwave, Meta, library) { library.impl("bilinear_step", &step_meta); }

}  // namespace longwave::ops
