// Where operators cannot run: one line that names a tensor and its device, where libtorch would print its dispatch
// table. What is composed of libtorch's own operators (rotary, fill_steps, reverse_steps) runs anywhere and is not
// named here.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <string>
#include <vector>

#include "longwave/base/check.h"

namespace longwave::ops {
namespace {

constexpr const char* kOnCpuOnly[] = {
    "adamw_step",
    "arx_tokens",
    "arx_tokens_grad",
    "batch_norm",
    "batch_norm_grad",
    "bilinear_step",
    "cauchy_kernel",
    "cauchy_kernel_grad",
    "causal_linear_attention",
    "causal_linear_attention_grad",
    "diagonal_scan",
    "diagonal_scan_grad",
    "diagonal_ssm",
    "diagonal_ssm_grad",
    "dplr_recurrence",
    "dropout",
    "fft_convolution",
    "fft_convolution_grad",
    "gated_activation",
    "gated_activation_grad",
    "gated_linear_attention",
    "gated_linear_attention_grad",
    "gated_linear_unit",
    "gated_linear_unit_grad",
    "gated_map",
    "gated_map_grad",
    "grad_norm",
    "linear_cross_entropy",
    "linear_cross_entropy_both",
    "linear_cross_entropy_grad",
    "linear_scan",
    "linear_scan_grad",
    "low_rank_response",
    "low_rank_response_grad",
    "masked_series",
    "masked_series_grad",
    "minimal_gates",
    "minimal_gates_grad",
    "mlp",
    "mlp_grad",
    "next_segments",
    "next_segments_grad",
    "pole_convolution",
    "pole_convolution_grad",
    "recurrent",
    "recurrent_grad",
    "residual_norm",
    "residual_norm_grad",
    "rms_norm",
    "rms_norm_grad",
    "scaled_segments",
    "score_attention",
    "score_attention_grad",
    "selective_scan",
    "selective_scan_grad",
    "shift_steps",
    "short_convolution",
    "short_convolution_grad",
    "softmax_attention",
    "softmax_attention_grad",
    "vandermonde_kernel",
    "vandermonde_kernel_grad",
    "var_attention",
    "var_attention_grad",
    "wkv4",
    "wkv4_grad",
};

constexpr char kSoFar[] = ", the only device that this operator runs on so far";

struct Place {
  std::string name;  // of the argument
  at::Device device;
};

/// Where the tensors of a call are. Those of one axis without numbers stand for what was left out.
std::vector<Place> places(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto& arguments = op.schema().arguments();
  const auto values = torch::jit::last(stack, arguments.size());
  std::vector<Place> all;
  const auto add = [&](const std::string& name, const at::Tensor& x) {
    if (x.defined() && x.sizes() != at::IntArrayRef({0})) all.push_back({name, x.device()});
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& name = arguments[i].name();
    if (values[i].isTensor()) {
      add(name, values[i].toTensor());
    } else if (values[i].isTensorList()) {
      const auto list = values[i].toTensorVector();
      for (std::size_t k = 0; k < list.size(); ++k) add(name + "[" + std::to_string(k) + "]", list[k]);
    }
  }
  return all;
}

std::string plain_name(const c10::OperatorHandle& op) {
  const auto& name = op.operator_name().name;
  return name.substr(name.rfind(':') + 1);
}

void check_one_device(const c10::OperatorHandle& op, const std::vector<Place>& all) {
  for (const auto& place : all)
    check(place.device == all[0].device, plain_name(op), ": ", place.name, " is on ", place.device, ", ", all[0].name,
          " on ", all[0].device, "; expected all on one device");
}

void refuse(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto all = places(op, *stack);
  check_one_device(op, all);
  check(!all.empty(), plain_name(op), ": inputs without numbers are not on cpu; expected cpu", kSoFar);
  fail(plain_name(op), ": ", all[0].name, " is on ", all[0].device, "; expected cpu", kSoFar);
}

/// Meta kernels look at sizes alone: a tensor of the cpu beside one of meta would give a result of meta. Refused on the
/// way to them, which leads through the gradients where the operator has some; what has none (libtorch 1.13 has no
/// default for it on meta) goes there straight.
void check_before_meta(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  check_one_device(op, places(op, *stack));
  const bool differentiable = op.hasKernelForDispatchKey(c10::DispatchKey::Autograd);
  op.redispatchBoxed(c10::DispatchKeySet(differentiable ? c10::DispatchKey::AutogradCPU : c10::DispatchKey::Meta),
                     stack);
}

}  // namespace

TORCH_LIBRARY_IMPL(longwave, CUDA, library) {
  for (const auto* name : kOnCpuOnly) library.impl(name, torch::CppFunction::makeFromBoxedFunction<&refuse>());
}

TORCH_LIBRARY_IMPL(longwave, AutogradMeta, library) {
  for (const auto* name : kOnCpuOnly)
    library.impl(name, torch::CppFunction::makeFromBoxedFunction<&check_before_meta>());
}

}  // namespace longwave::ops
