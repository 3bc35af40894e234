#include "longwave/ops/minimal_gates.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <tuple>

#include "longwave/base/check.h"
#include "longwave/kernels/minimal_gates.h"
#include "longwave/ops/steps.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Pair = std::tuple<Tensor, Tensor>;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Pair call_forward(const Tensor& maps, const Tensor& valid, bool lstm) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::minimal_gates", "")
                             .typed<Pair(const Tensor&, const Tensor&, bool)>();
  return op.call(maps, valid, lstm);
}

Tensor call_grad(const Tensor& dkeep, const Tensor& dinput, const Tensor& maps, const Tensor& valid, bool lstm) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::minimal_gates_grad", "")
                             .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool)>();
  return op.call(dkeep, dinput, maps, valid, lstm);
}

void check_inputs(const Tensor& maps, const Tensor& valid, bool lstm) {
  const std::int64_t parts = lstm ? 3 : 2;
  check(maps.dim() == 3 && maps.size(2) % parts == 0 &&
            (maps.scalar_type() == at::kFloat || maps.scalar_type() == at::kDouble),
        "minimal_gates: maps is ", maps.scalar_type(), " ", maps.sizes(), "; expected float or double [b, t, ", parts,
        " d]");
  check(valid.numel() == 0 || (valid.scalar_type() == at::kBool && valid.dim() == 3 && valid.size(2) == 1 &&
                               valid.sizes().slice(0, 2) == maps.sizes().slice(0, 2)),
        "minimal_gates: valid is ", valid.scalar_type(), " ", valid.sizes(), "; expected bool [b, t, 1] = [",
        maps.size(0), ", ", maps.size(1), ", 1]");
}

std::vector<std::int64_t> gate_sizes(const Tensor& maps, bool lstm) {
  return {maps.size(0), maps.size(1), maps.size(2) / (lstm ? 3 : 2)};
}

/// The definition.
Pair composed(const Tensor& maps, const Tensor& valid, bool lstm) {
  const auto parts = maps.chunk(lstm ? 3 : 2, -1);
  // sigma(f) / (sigma(f) + sigma(i)) = sigma(log sigma(f) - log sigma(i)), which neither overflows nor divides by 0.
  const auto logit = lstm ? at::log_sigmoid(parts[1]) - at::log_sigmoid(parts[2]) : -parts[1];
  const auto candidate = at::where(parts[0] >= 0, parts[0] + 0.5, at::sigmoid(parts[0]));
  auto keep = at::sigmoid(logit), input = at::sigmoid(-logit) * candidate;
  if (valid.numel()) keep = fill_steps(keep, valid, 1), input = fill_steps(input, valid, 0);
  return {keep, input};
}

kernels::MinimalGates make_kernel(const Tensor& maps, const Tensor& valid, bool lstm) {
  return {.maps = maps.data_ptr<float>(),
          .valid = valid.numel() ? valid.data_ptr<bool>() : nullptr,
          .rows = maps.size(0) * maps.size(1),
          .width = maps.size(2) / (lstm ? 3 : 2),
          .lstm = lstm};
}

Pair forward_cpu(const Tensor& maps_any, const Tensor& valid_any, bool lstm) {
  check_inputs(maps_any, valid_any, lstm);
  const auto maps = maps_any.contiguous(), valid = valid_any.contiguous();
  const auto keep = at::empty(gate_sizes(maps, lstm), maps.options()), input = at::empty_like(keep);
  kernels::minimal_gates(make_kernel(maps, valid, lstm), keep.data_ptr<float>(), input.data_ptr<float>());
  return {keep, input};
}

Tensor grad_cpu(const Tensor& dkeep, const Tensor& dinput, const Tensor& maps_any, const Tensor& valid_any, bool lstm) {
  check_inputs(maps_any, valid_any, lstm);
  const auto sizes = gate_sizes(maps_any, lstm);
  check(dkeep.sizes() == at::IntArrayRef(sizes) && dinput.sizes() == at::IntArrayRef(sizes),
        "minimal_gates_grad: dkeep and dinput are ", dkeep.sizes(), " and ", dinput.sizes(), "; expected ",
        at::IntArrayRef(sizes));
  const auto maps = maps_any.contiguous(), valid = valid_any.contiguous();
  const auto dmaps = at::empty_like(maps);
  kernels::minimal_gates_grad(make_kernel(maps, valid, lstm), dkeep.contiguous().data_ptr<float>(),
                              dinput.contiguous().data_ptr<float>(), dmaps.data_ptr<float>());
  return dmaps;
}

Pair forward_meta(const Tensor& maps, const Tensor& valid, bool lstm) {
  check_inputs(maps, valid, lstm);
  const auto keep = at::empty(gate_sizes(maps, lstm), maps.options());
  return {keep, at::empty_like(keep)};
}

Tensor grad_meta(const Tensor&, const Tensor&, const Tensor& maps, const Tensor&, bool) {
  return at::empty_like(maps, maps.options(), at::MemoryFormat::Contiguous);
}

struct MinimalGatesFunction : torch::autograd::Function<MinimalGatesFunction> {
  static variable_list forward(AutogradContext* ctx, const Tensor& maps, const Tensor& valid, bool lstm) {
    ctx->save_for_backward({maps, valid});
    ctx->saved_data["lstm"] = lstm;
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [keep, input] = call_forward(maps, valid, lstm);
    return {keep, input};
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    check(!at::GradMode::is_enabled(), "minimal_gates: second derivatives are not implemented");
    const auto saved = ctx->get_saved_variables();
    return {call_grad(grads[0], grads[1], saved[0], saved[1], ctx->saved_data["lstm"].toBool()), Tensor(), Tensor()};
  }
};

Pair autograd(const Tensor& maps, const Tensor& valid, bool lstm) {
  const auto gates = MinimalGatesFunction::apply(maps, valid, lstm);
  return {gates[0], gates[1]};
}

}  // namespace

std::pair<Tensor, Tensor> minimal_gates(const Tensor& maps, const Tensor& valid_or_none, bool lstm) {
  const auto valid = valid_or_none.defined() ? valid_or_none : at::empty({0}, maps.options().dtype(at::kBool));
  check_inputs(maps, valid, lstm);
  const bool fused = maps.scalar_type() == at::kFloat && (maps.is_cpu() || maps.is_meta());
  const auto [keep, input] = fused ? call_forward(maps, valid, lstm) : composed(maps, valid, lstm);
  return {keep, input};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("minimal_gates(Tensor maps, Tensor valid, bool lstm) -> (Tensor, Tensor)");
  library.def("minimal_gates_grad(Tensor dkeep, Tensor dinput, Tensor maps, Tensor valid, bool lstm) -> Tensor");
}
TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("minimal_gates", &forward_cpu);
  library.impl("minimal_gates_grad", &grad_cpu);
}
TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("minimal_gates", &forward_meta);
  library.impl("minimal_gates_grad", &grad_meta);
}
TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("minimal_gates", &autograd); }

}  // namespace longwave::ops
