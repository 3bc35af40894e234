#include "longwave/ops/fft_convolution.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <map>
#include <mutex>

#include "longwave/base/check.h"
#include "longwave/kernels/fft_convolution.h"
#include "longwave/ops/given.h"
#include "longwave/ops/joined_kernel.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor>;                    // y, and before its gate if it is to be kept
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // du, dk, of the gates

// Gates are empty where there are none.

Outputs call(const Tensor& u, const Tensor& k, const Tensor& gate_in, const Tensor& gate_out, std::int64_t origin,
             bool keep) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::fft_convolution", "")
          .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, std::int64_t, bool)>();
  return op.call(u, k, gate_in, gate_out, origin, keep);
}

Gradients call_grad(const Tensor& d, const Tensor& sums, const Tensor& u, const Tensor& k, const Tensor& gate_in,
                    const Tensor& gate_out, std::int64_t origin) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::fft_convolution_grad", "")
                             .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                              const Tensor&, std::int64_t)>();
  return op.call(d, sums, u, k, gate_in, gate_out, origin);
}

void check_gate(const char* name, const Tensor& gate, const Tensor& u, std::int64_t width) {
  if (gate.numel() == 0) return;
  const std::vector<std::int64_t> sizes{u.size(0), u.size(1), width};
  check(gate.sizes() == at::IntArrayRef(sizes) && gate.scalar_type() == u.scalar_type(), "fft_convolution: ", name,
        " is ", gate.scalar_type(), " ", gate.sizes(), "; expected ", u.scalar_type(), " ", at::IntArrayRef(sizes));
}

void check_inputs(const Tensor& u, const Tensor& k, const Tensor& gate_in, const Tensor& gate_out,
                  std::int64_t origin) {
  check(u.dim() == 3, "fft_convolution: u is ", u.sizes(), "; expected [b, t, h]");
  check(u.scalar_type() == at::kFloat || u.scalar_type() == at::kDouble, "fft_convolution: u is ", u.scalar_type(),
        "; expected float or double");
  check(k.dim() == 3 && k.size(1) == u.size(2), "fft_convolution: k is ", k.sizes(),
        "; expected [c, h, l] with h = ", u.size(2), " like u");
  check(k.scalar_type() == u.scalar_type(), "fft_convolution: k is ", k.scalar_type(), "; expected ", u.scalar_type(),
        " like u");
  check(u.size(1) > 0 && k.size(2) > 0, "fft_convolution: u is ", u.sizes(), ", k is ", k.sizes(),
        "; expected at least one step");
  check_gate("gate_in", gate_in, u, u.size(2));
  check_gate("gate_out", gate_out, u, k.size(0) * k.size(1));
  check(origin >= 0 && origin < k.size(2), "fft_convolution: origin is ", origin, "; expected 0 .. ", k.size(2) - 1);
}

/// For what is registered: taps that no pair of steps meets have no place in its buffers. The functions below leave
/// them out.
void check_reach(const Tensor& u, const Tensor& k, std::int64_t origin) {
  const auto t = u.size(1), later = k.size(2) - origin;
  check(origin < t && later <= t, "fft_convolution: k has ", origin, " taps before its origin and ", later,
        " from there on; expected at most ", t - 1, " and ", t, ", as u has ", t, " steps");
}

/// The smallest length >= n without prime factors above five.
std::int64_t smooth_length(std::int64_t n) {
  for (;; ++n) {
    auto rest = n;
    for (const std::int64_t factor : {2, 3, 5})
      while (rest % factor == 0) rest /= factor;
    if (rest == 1) return n;
  }
}

Tensor times_gate(const Tensor& x, const Tensor& gate) { return gate.numel() ? x * gate : x; }

Outputs composed(const Tensor& u_any, const Tensor& k, const Tensor& gate_in, const Tensor& gate_out,
                 std::int64_t origin) {
  check_inputs(u_any, k, gate_in, gate_out, origin);
  check_reach(u_any, k, origin);
  const auto u = times_gate(u_any, gate_in);
  const auto t = u.size(1), later = k.size(2) - origin;
  const auto length = smooth_length(t + std::max(later - 1, origin));
  const auto circular = at::cat(
      {k.slice(2, origin), at::zeros({k.size(0), k.size(1), length - k.size(2)}, k.options()), k.slice(2, 0, origin)},
      2);
  const auto spectrum = at::fft_rfft(u.transpose(1, 2), length).unsqueeze(1) * at::fft_rfft(circular);  // [b, c, h, .]
  const auto y = at::fft_irfft(spectrum, length).narrow(3, 0, t).permute({0, 3, 1, 2}).reshape({u.size(0), t, -1});
  return {times_gate(y, gate_out), at::empty({0}, y.options())};
}

// --- CPU

/// Tables are made once for each length.
const kernels::FftPlan& plan_for(std::int64_t t, std::int64_t l, std::int64_t origin) {
  static std::mutex mutex;
  static std::map<std::int64_t, kernels::FftPlan> plans;
  const auto ring = t + std::max(l - 1 - origin, origin);  // what may not wrap around
  const auto n = kernels::fft_length((ring + 1) / 2);
  const std::lock_guard lock(mutex);
  const auto found = plans.find(n);
  return found != plans.end() ? found->second : plans.emplace(n, kernels::fft_plan(n)).first->second;
}

/// x itself where the features of a step are contiguous, else a copy.
Tensor steps_contiguous(const Tensor& x) {
  return x.dim() < 3 || x.stride(2) == 1 || x.size(2) == 1 ? x : x.contiguous();
}

kernels::Steps<const float> steps(const Tensor& x) {
  if (x.numel() == 0) return {};
  return {x.data_ptr<float>(), x.stride(0), x.stride(1)};
}

Tensor workspace_of(const kernels::FftPlan& plan, bool gradient, const Tensor& like) {
  return at::empty({kernels::fft_convolution_workspace(plan, gradient)}, like.options());
}

Outputs convolution_cpu(const Tensor& u_any, const Tensor& k_any, const Tensor& gate_in_any, const Tensor& gate_out_any,
                        std::int64_t origin, bool keep) {
  if (u_any.scalar_type() == at::kDouble) return composed(u_any, k_any, gate_in_any, gate_out_any, origin);
  check_inputs(u_any, k_any, gate_in_any, gate_out_any, origin);
  check_reach(u_any, k_any, origin);
  const auto u = steps_contiguous(u_any), k = k_any.contiguous();
  const auto gate_in = steps_contiguous(gate_in_any), gate_out = steps_contiguous(gate_out_any);
  const auto& plan = plan_for(u.size(1), k.size(2), origin);
  const auto y = at::empty({u.size(0), u.size(1), k.size(0) * k.size(1)}, u.options());
  const auto sums = at::empty({keep && gate_out.numel() ? y.numel() : 0}, u.options());
  const auto workspace = workspace_of(plan, false, u);
  kernels::fft_convolution({.plan = &plan,
                            .u = steps(u),
                            .gate_in = steps(gate_in),
                            .gate_out = steps(gate_out),
                            .k = k.data_ptr<float>(),
                            .y = y.data_ptr<float>(),
                            .sums = sums.numel() ? sums.data_ptr<float>() : nullptr,
                            .b = u.size(0),
                            .t = u.size(1),
                            .h = u.size(2),
                            .c = k.size(0),
                            .l = k.size(2),
                            .origin = origin},
                           workspace.data_ptr<float>());
  return {y, sums};
}

Gradients grad_cpu(const Tensor& d_any, const Tensor& sums, const Tensor& u_any, const Tensor& k_any,
                   const Tensor& gate_in_any, const Tensor& gate_out_any, std::int64_t origin) {
  check_inputs(u_any, k_any, gate_in_any, gate_out_any, origin);
  check_reach(u_any, k_any, origin);
  check(u_any.scalar_type() == at::kFloat, "fft_convolution_grad: u is ", u_any.scalar_type(), "; expected float");
  const std::vector<std::int64_t> sizes{u_any.size(0), u_any.size(1), k_any.size(0) * k_any.size(1)};
  check_given("fft_convolution_grad", "d", d_any, sizes, u_any);
  check_if_given("fft_convolution_grad", "sums", sums, {d_any.numel()}, u_any);
  const auto d = steps_contiguous(d_any), u = steps_contiguous(u_any), k = k_any.contiguous();
  const auto gate_in = steps_contiguous(gate_in_any), gate_out = steps_contiguous(gate_out_any);
  const auto& plan = plan_for(u.size(1), k.size(2), origin);
  const auto parts = kernels::fft_convolution_parts(u.size(0), u.size(2));
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  const auto du = like(u), dgate_in = like(gate_in);
  const auto dk = at::empty({parts, k.size(0), k.size(1), k.size(2)}, k.options());
  const auto workspace = workspace_of(plan, true, u);
  kernels::fft_convolution_grad({.plan = &plan,
                                 .u = steps(u),
                                 .gate_in = steps(gate_in),
                                 .gate_out = steps(gate_out),
                                 .dy = steps(d),
                                 .k = k.data_ptr<float>(),
                                 .du = du.data_ptr<float>(),
                                 .dgate_in = gate_in.numel() ? dgate_in.data_ptr<float>() : nullptr,
                                 .dk = dk.data_ptr<float>(),
                                 .b = u.size(0),
                                 .t = u.size(1),
                                 .h = u.size(2),
                                 .c = k.size(0),
                                 .l = k.size(2),
                                 .origin = origin,
                                 .parts = parts},
                                workspace.data_ptr<float>());
  return {du, parts == 1 ? dk[0] : dk.sum(0), dgate_in,
          sums.numel() ? d * sums.view(d.sizes()) : at::empty({0}, d.options())};
}

// --- Meta: shapes and types only

Outputs convolution_meta(const Tensor& u, const Tensor& k, const Tensor& gate_in, const Tensor& gate_out,
                         std::int64_t origin, bool keep) {
  check_inputs(u, k, gate_in, gate_out, origin);
  const auto y = at::empty({u.size(0), u.size(1), k.size(0) * k.size(1)}, u.options());
  return {y, at::empty({keep && gate_out.numel() ? y.numel() : 0}, u.options())};
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& u, const Tensor& k, const Tensor& gate_in,
                    const Tensor& gate_out, std::int64_t) {
  const auto like = [](const Tensor& x) { return at::empty(x.sizes(), x.options()); };
  return {like(u), like(k), like(gate_in), like(gate_out)};
}

// --- Autograd

struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& u, const Tensor& k, const Tensor& gate_in,
                        const Tensor& gate_out, std::int64_t origin) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, sums] = call(u, k, gate_in, gate_out, origin, true);
    ctx->save_for_backward({u, k, gate_in, gate_out, sums});
    ctx->saved_data["origin"] = origin;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "fft_convolution: second derivatives are not implemented for float; use double");
    const auto s = ctx->get_saved_variables();
    const auto [du, dk, dgate_in, dgate_out] =
        call_grad(grads[0], s[4], s[0], s[1], s[2], s[3], ctx->saved_data["origin"].toInt());
    return {du, dk, dgate_in, dgate_out, Tensor()};
  }
};

Outputs convolution_autograd(const Tensor& u, const Tensor& k, const Tensor& gate_in, const Tensor& gate_out,
                             std::int64_t origin, bool keep) {
  if (u.scalar_type() == at::kDouble) return composed(u, k, gate_in, gate_out, origin);
  bool wanted = false;
  for (const auto* x : {&u, &k, &gate_in, &gate_out}) wanted = wanted || x->requires_grad();
  if (wanted && at::GradMode::is_enabled())
    return {Convolution::apply(u, k, gate_in, gate_out, origin), at::empty({0}, u.options())};
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  return call(u, k, gate_in, gate_out, origin, keep);
}

Tensor empty_if_undefined(const Tensor& gate, const Tensor& u) {
  return gate.defined() ? gate : at::empty({0}, u.options().requires_grad(false));
}

}  // namespace

Tensor fft_convolution(const Tensor& u, const Tensor& k, std::int64_t origin) {
  const auto none = empty_if_undefined({}, u);
  check_inputs(u, k, none, none, origin);
  // Entries that no pair of steps meets are left out.
  const auto t = u.size(1), first = std::max<std::int64_t>(0, origin - (t - 1)), last = std::min(k.size(2), origin + t);
  return std::get<0>(call(u, k.slice(2, first, last), none, none, origin - first, false));
}

Tensor causal_kernels(const Tensor& k, bool bidirectional, ConvolutionParts& parts) {
  if (!bidirectional) return k;
  const auto halves = k.chunk(2);
  parts.reverse = halves[1];
  return halves[0];
}

Tensor fft_convolution(const Tensor& u, const Tensor& k, const ConvolutionParts& parts) {
  const auto in = empty_if_undefined(parts.gate_in, u), out = empty_if_undefined(parts.gate_out, u);
  check_inputs(u, k, in, out, 0);
  const auto joined = join_kernels(k, parts, u.size(1));
  return std::get<0>(call(u, joined.k, in, out, joined.origin, false));
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "fft_convolution(Tensor u, Tensor k, Tensor gate_in, Tensor gate_out, int origin, bool keep) -> (Tensor, "
      "Tensor)");
  library.def(
      "fft_convolution_grad(Tensor d, Tensor sums, Tensor u, Tensor k, Tensor gate_in, Tensor gate_out, int origin)"
      " -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("fft_convolution", &convolution_cpu);
  library.impl("fft_convolution_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("fft_convolution", &convolution_meta);
  library.impl("fft_convolution_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("fft_convolution", &convolution_autograd); }

}  // namespace longwave::ops
