#include "longwave/ops/pole_convolution.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/pole_convolution.h"
#include "longwave/ops/given.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // dx, dg, dw, dskip

Tensor call_convolution(const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip, const Tensor& lengths) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::pole_convolution", "")
          .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(x, g, w, skip, lengths);
}

Gradients call_grad(const Tensor& dy, const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip,
                    const Tensor& lengths) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::pole_convolution_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
  return op.call(dy, x, g, w, skip, lengths);
}

/// skip and lengths are empty where there are none: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip, const Tensor& lengths) {
  check(x.dim() == 3, "pole_convolution: x is ", x.sizes(), "; expected [b, t, h]");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "pole_convolution: x is ", x.scalar_type(),
        "; expected float or double");
  const auto h = x.size(2);
  check(g.dim() == 3 && g.size(0) == 2 && g.size(2) == h, "pole_convolution: g is ", g.sizes(),
        "; expected [2, n, h] with h = ", h);
  check(x.scalar_type() == at::kDouble || g.size(1) <= kernels::kMostPoles, "pole_convolution: g has ", g.size(1),
        " states; expected at most ", kernels::kMostPoles, ", or fft_convolution for more");
  check(w.dim() == 4 && (w.size(0) == 1 || w.size(0) == 2) && w.sizes().slice(1) == g.sizes(),
        "pole_convolution: w is ", w.sizes(), "; expected [1, 2, n, h] or [2, 2, n, h] with n = ", g.size(1),
        ", h = ", h);
  for (const auto& [name, v] : {std::pair{"g", g}, {"w", w}}) check_given("pole_convolution", name, v, v.sizes(), x);
  check_if_given("pole_convolution", "skip", skip, {h}, x);
  if (lengths.numel()) check_lengths("pole_convolution", lengths, x);
}

template <class T>
kernels::PoleConvolution<T> make_kernel(const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip,
                                        const Tensor& lengths) {
  return {.x = x.data_ptr<T>(),
          .g = g.data_ptr<T>(),
          .w = w.data_ptr<T>(),
          .skip = skip.numel() ? skip.data_ptr<T>() : nullptr,
          .lengths = lengths.numel() ? lengths.data_ptr<std::int64_t>() : nullptr,
          .b = x.size(0),
          .t = x.size(1),
          .d = x.size(2),
          .n = g.size(1),
          .directions = static_cast<int>(w.size(0))};
}

Tensor convolution_cpu(const Tensor& x_, const Tensor& g_, const Tensor& w_, const Tensor& skip_,
                       const Tensor& lengths_) {
  check_inputs(x_, g_, w_, skip_, lengths_);
  const auto x = x_.contiguous(), g = g_.contiguous(), w = w_.contiguous(), skip = skip_.contiguous(),
             lengths = lengths_.contiguous();
  const auto y = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kFloat)
    kernels::pole_convolution(make_kernel<float>(x, g, w, skip, lengths), y.data_ptr<float>());
  else
    kernels::pole_convolution_reference(make_kernel<double>(x, g, w, skip, lengths), y.data_ptr<double>());
  return y;
}

template <class T>
Gradients run_grad(const Tensor& dy, const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip,
                   const Tensor& lengths) {
  const auto like = [](const Tensor& v) { return at::empty(v.sizes(), v.options()); };
  const auto kernel = make_kernel<T>(x, g, w, skip, lengths);
  const auto workspace = at::empty({kernels::pole_convolution_grad_workspace(kernel)}, x.options());
  const Gradients d{like(x), like(g), like(w), like(skip)};
  const auto& [dx, dg, dw, dskip] = d;
  const auto data = [](const Tensor& v) { return v.data_ptr<T>(); };
  const kernels::PoleConvolutionGrad<T> grad{data(dy), data(dx), data(dg), data(dw), data(dskip), data(workspace)};
  if constexpr (std::is_same_v<T, float>)
    kernels::pole_convolution_grad(kernel, grad);
  else
    kernels::pole_convolution_grad_reference(kernel, grad);
  return d;
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& x_, const Tensor& g_, const Tensor& w_, const Tensor& skip_,
                   const Tensor& lengths_) {
  check_inputs(x_, g_, w_, skip_, lengths_);
  check_given("pole_convolution_grad", "dy", dy_, x_.sizes(), x_);
  const auto dy = dy_.contiguous(), x = x_.contiguous(), g = g_.contiguous(), w = w_.contiguous(),
             skip = skip_.contiguous(), lengths = lengths_.contiguous();
  return x.scalar_type() == at::kFloat ? run_grad<float>(dy, x, g, w, skip, lengths)
                                       : run_grad<double>(dy, x, g, w, skip, lengths);
}

// --- Meta: shapes and types only

Tensor convolution_meta(const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip, const Tensor& lengths) {
  check_inputs(x, g, w, skip, lengths);
  return at::empty(x.sizes(), x.options());
}

Gradients grad_meta(const Tensor&, const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip,
                    const Tensor&) {
  const auto like = [](const Tensor& v) { return at::empty(v.sizes(), v.options()); };
  return {like(x), like(g), like(w), like(skip)};
}

// --- Autograd

struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& g, const Tensor& w,
                        const Tensor& skip, const Tensor& lengths) {
    ctx->save_for_backward({x, g, w, skip, lengths});
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_convolution(x, g, w, skip, lengths);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "pole_convolution: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dg, dw, dskip] = call_grad(grads[0], s[0], s[1], s[2], s[3], s[4]);
    return {dx, dg, dw, s[3].numel() ? dskip : Tensor(), Tensor()};
  }
};

Tensor convolution_autograd(const Tensor& x, const Tensor& g, const Tensor& w, const Tensor& skip,
                            const Tensor& lengths) {
  return Convolution::apply(x, g, w, skip, lengths);
}

/// Complex [.., h, n] as [.., 2, n, h].
Tensor planes(const Tensor& x) { return at::view_as_real(x.resolve_conj()).transpose(-3, -1); }

}  // namespace

Tensor pole_convolution(const Tensor& x, const Tensor& v, const Tensor& g, const Tensor& skip, const Tensor& lengths) {
  check(v.dim() == 3 && v.is_complex() && g.dim() == 2 && g.is_complex(), "pole_convolution: v is ", v.scalar_type(),
        " ", v.sizes(), ", g is ", g.scalar_type(), " ", g.sizes(), "; expected complex [1 or 2, h, n] and [h, n]");
  return call_convolution(
      x, planes(g.expand({v.size(1), v.size(2)})), planes(2 * v),
      skip.defined() ? skip : at::empty({0}, x.options().requires_grad(false)),
      lengths.defined() ? lengths : at::empty({0}, x.options().dtype(at::kLong).requires_grad(false)));
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("pole_convolution(Tensor x, Tensor g, Tensor w, Tensor skip, Tensor lengths) -> Tensor");
  library.def(
      "pole_convolution_grad(Tensor dy, Tensor x, Tensor g, Tensor w, Tensor skip, Tensor lengths) -> "
      "(Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("pole_convolution", &convolution_cpu);
  library.impl("pole_convolution_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("pole_convolution", &convolution_meta);
  library.impl("pole_convolution_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("pole_convolution", &convolution_autograd); }

}  // namespace longwave::ops
