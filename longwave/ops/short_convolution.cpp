#include "longwave/ops/short_convolution.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/kernels/short_convolution.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // dx, dweight, dbias, dstate

Tensor call_convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state, bool silu) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::short_convolution", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool)>();
  return op.call(x, weight, bias, state, silu);
}

Gradients call_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state,
                    bool silu) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::short_convolution_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool)>();
  return op.call(dy, x, weight, bias, state, silu);
}

void check_x(const Tensor& x) {
  check(x.dim() == 3, "short_convolution: x is ", x.sizes(), "; expected [b, t, d]");
  check(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble, "short_convolution: x is ", x.scalar_type(),
        "; expected float or double");
}

void check_inputs(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state) {
  check_x(x);
  const auto b = x.size(0), d = x.size(2);
  check(weight.dim() == 2 && weight.size(0) == d && weight.size(1) > 0, "short_convolution: weight is ", weight.sizes(),
        "; expected [d, w] with d = ", d);
  check(bias.dim() == 1 && bias.size(0) == d, "short_convolution: bias is ", bias.sizes(), "; expected [d] = [", d,
        "]");
  const std::vector<std::int64_t> expected{b, weight.size(1), d};
  check(state.sizes() == at::IntArrayRef(expected), "short_convolution: state is ", state.sizes(),
        "; expected [b, w, d] = ", at::IntArrayRef(expected));
  for (const auto& [name, tensor] : {std::pair{"weight", weight}, {"bias", bias}, {"state", state}})
    check(tensor.scalar_type() == x.scalar_type(), "short_convolution: ", name, " is ", tensor.scalar_type(),
          "; expected ", x.scalar_type(), " like x");
}

Tensor like(const Tensor& x) { return at::empty(x.sizes(), x.options()); }

// --- CPU

/// The tensors as the kernel wants them, and its arguments, which point into them.
template <class T>
struct Call {
  Tensor x, weight, bias, state;
  kernels::ShortConvolution<T> kernel;

  Call(const Tensor& x_any, const Tensor& weight_any, const Tensor& bias_any, const Tensor& state_any, bool silu)
      : x(x_any.stride(2) == 1 ? x_any : x_any.contiguous()),
        weight(weight_any.t().contiguous()),
        bias(bias_any.contiguous()),
        state(state_any.contiguous()),
        kernel{x.data_ptr<T>(), weight.data_ptr<T>(), bias.data_ptr<T>(), state.data_ptr<T>(), x.size(0), x.size(1),
               x.size(2),       weight.size(0),       x.stride(0),        x.stride(1),         silu} {}
};

template <class T>
Tensor run(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state, bool silu) {
  const Call<T> call(x, weight, bias, state, silu);
  const Tensor y = like(x);
  if constexpr (std::is_same_v<T, float>)
    kernels::short_convolution(call.kernel, y.data_ptr<T>());
  else
    kernels::short_convolution_reference(call.kernel, y.data_ptr<T>());
  return y;
}

template <class T>
Gradients run_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state,
                   bool silu) {
  const Call<T> call(x, weight, bias, state, silu);
  const Tensor dx = like(x), dweight = like(call.weight), dbias = like(bias), dstate = like(state);
  const Tensor workspace = at::empty({kernels::short_convolution_grad_workspace(call.kernel)}, x.options());
  const kernels::ShortConvolutionGrad<T> grad{dy.data_ptr<T>(),    dx.data_ptr<T>(),     dweight.data_ptr<T>(),
                                              dbias.data_ptr<T>(), dstate.data_ptr<T>(), workspace.data_ptr<T>()};
  if constexpr (std::is_same_v<T, float>)
    kernels::short_convolution_grad(call.kernel, grad);
  else
    kernels::short_convolution_grad_reference(call.kernel, grad);
  return {dx, dweight.t(), dbias, dstate};
}

Tensor convolution_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state, bool silu) {
  check_inputs(x, weight, bias, state);
  return (x.scalar_type() == at::kDouble ? run<double> : run<float>)(x, weight, bias, state, silu);
}

Gradients grad_cpu(const Tensor& dy, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state,
                   bool silu) {
  check_inputs(x, weight, bias, state);
  check(dy.sizes() == x.sizes() && dy.scalar_type() == x.scalar_type(), "short_convolution_grad: dy is ", dy.sizes(),
        "; expected ", x.sizes(), " like x");
  const auto run_typed = x.scalar_type() == at::kDouble ? run_grad<double> : run_grad<float>;
  return run_typed(dy.contiguous(), x, weight, bias, state, silu);
}

// --- Meta: shapes and types only

Tensor convolution_meta(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state, bool) {
  check_inputs(x, weight, bias, state);
  return like(x);
}

Gradients grad_meta(const Tensor&, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state,
                    bool) {
  return {like(x), like(weight), like(bias), like(state)};
}

// --- Autograd

struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, const Tensor& state, bool silu) {
    ctx->save_for_backward({x, weight, bias, state});
    ctx->saved_data["silu"] = silu;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_convolution(x, weight, bias, state, silu);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "short_convolution: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto [dx, dweight, dbias, dstate] =
        call_grad(grads[0], s[0], s[1], s[2], s[3], ctx->saved_data["silu"].toBool());
    return {dx, dweight, dbias, dstate, Tensor()};
  }
};

Tensor convolution_autograd(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& state, bool silu) {
  return Convolution::apply(x, weight, bias, state, silu);
}

}  // namespace

Tensor short_convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, bool silu, const Tensor& state) {
  check_x(x);
  check(weight.dim() == 2, "short_convolution: weight is ", weight.sizes(), "; expected [d, w]");
  // Function::apply of libtorch 1.13 refuses undefined tensors, so that what is missing becomes zeros here.
  return call_convolution(x, weight, bias.defined() ? bias : at::zeros({x.size(2)}, x.options()),
                          state.defined() ? state : at::zeros({x.size(0), weight.size(1), x.size(2)}, x.options()),
                          silu);
}

Tensor short_convolution_state(const Tensor& x, const Tensor& state, const Tensor& lengths) {
  check_x(x);
  check(state.dim() == 3 && state.size(0) == x.size(0) && state.size(2) == x.size(2),
        "short_convolution_state: state is ", state.sizes(), "; expected [b, w, d] with b = ", x.size(0),
        ", d = ", x.size(2));
  const auto t = x.size(1), taps = state.size(1), d = x.size(2);
  // A copy in any case: the caller may write to x before the state is read.
  if (!lengths.defined())
    return t >= taps ? x.slice(1, t - taps).clone(at::MemoryFormat::Contiguous) : at::cat({state.slice(1, t), x}, 1);
  check_lengths("short_convolution_state", lengths, x);
  // Position in x of each input that is kept; negative ones count from the end of the state.
  const auto at_step = (lengths.unsqueeze(1) + at::arange(-taps, 0, lengths.options())).unsqueeze(-1);  // [b, w, 1]
  const auto from_x = x.gather(1, at_step.clamp(0, t - 1).expand({-1, -1, d}));
  const auto from_state = state.gather(1, (at_step + taps).clamp(0, taps - 1).expand({-1, -1, d}));
  return at::where(at_step >= 0, from_x, from_state);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("short_convolution(Tensor x, Tensor weight, Tensor bias, Tensor state, bool silu) -> Tensor");
  library.def(
      "short_convolution_grad(Tensor dy, Tensor x, Tensor weight, Tensor bias, Tensor state, bool silu)"
      " -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("short_convolution", &convolution_cpu);
  library.impl("short_convolution_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("short_convolution", &convolution_meta);
  library.impl("short_convolution_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("short_convolution", &convolution_autograd); }

}  // namespace longwave::ops
