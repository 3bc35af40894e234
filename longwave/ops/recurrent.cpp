#include "longwave/ops/recurrent.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "longwave/base/check.h"
#include "longwave/ops/given.h"
#include "longwave/ops/lengths.h"

namespace longwave::ops {
namespace {

using at::Tensor;
using Outputs = std::tuple<Tensor, Tensor, Tensor, Tensor>;    // y, last, memory, kept
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // dwx, dr, dbias, dstate

Outputs call_forward(const Tensor& wx, const Tensor& r, const Tensor& bias, const Tensor& state, const Tensor& lengths,
                     std::int64_t cell, bool reverse, bool keep) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::recurrent", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            std::int64_t, bool, bool, double)>();
  return op.call(wx, r, bias, state, lengths, cell, reverse, keep, 0);
}

Gradients call_grad(const Tensor& dy, const Tensor& dlast, const Tensor& y, const Tensor& memory, const Tensor& kept,
                    const Tensor& r, const Tensor& state, const Tensor& lengths, std::int64_t cell, bool reverse,
                    double clip) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("longwave::recurrent_grad", "")
          .typed<Gradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                           const Tensor&, const Tensor&, std::int64_t, bool, double)>();
  return op.call(dy, dlast, y, memory, kept, r, state, lengths, cell, reverse, clip);
}

Cell checked_cell(std::int64_t cell) {
  check(cell >= 0 && cell <= 4, "recurrent: cell is ", cell,
        "; expected 0 (rnn_tanh), 1 (rnn_relu), 2 (lstm), 3 (gru) or 4 (slstm)");
  return static_cast<Cell>(cell);
}

/// Infinity bounds nothing.
void check_clip(double clip) {
  check(clip >= 0, "recurrent: clip is ", clip, "; expected 0 or more, or infinity for no bound");
}

/// `lengths` is empty where all rows are full: Function::apply of libtorch 1.13 refuses undefined tensors.
void check_inputs(const Tensor& wx, const Tensor& r, const Tensor& bias, const Tensor& state, const Tensor& lengths,
                  Cell cell) {
  const auto gates = kernels::gates_of(cell);
  check(wx.dim() == 5 && wx.size(2) == gates, "recurrent: wx is ", wx.sizes(), "; expected [b, t, ", gates,
        ", heads, p] (gates of the cell)");
  const auto b = wx.size(0), heads = wx.size(3), p = wx.size(4);
  const auto type = wx.scalar_type();
  check(type == at::kFloat || type == at::kDouble, "recurrent: wx is ", type, "; expected float or double");
  const auto expect = [&](const char* name, const Tensor& x, const std::vector<std::int64_t>& sizes) {
    check(x.sizes() == at::IntArrayRef(sizes), "recurrent: ", name, " is ", x.sizes(), "; expected ",
          at::IntArrayRef(sizes), " to fit wx ", wx.sizes());
    check(x.scalar_type() == type, "recurrent: ", name, " is ", x.scalar_type(), "; expected ", type, " like wx");
  };
  expect("r", r, {heads, p, gates, p});
  expect("bias", bias, {kernels::biases_of(cell), heads, p});
  expect("state", state, {b, kernels::states_of(cell), heads, p});
  if (lengths.numel() > 0) check_lengths("recurrent", lengths, wx);
}

std::vector<std::int64_t> stepwise(const Tensor& wx, std::int64_t parts) {
  return {wx.size(0), wx.size(1), parts, wx.size(3), wx.size(4)};
}

Outputs allocate(const Tensor& wx, const Tensor& state, Cell cell, bool keep) {
  const auto empty = [&](const std::vector<std::int64_t>& sizes) { return at::empty(sizes, wx.options()); };
  const auto memory = kernels::states_of(cell) - 1, kept = kernels::kept_of(cell);
  return {empty({wx.size(0), wx.size(1), wx.size(3), wx.size(4)}), at::empty(state.sizes(), state.options()),
          keep && memory > 0 ? empty(stepwise(wx, memory)) : empty({0}),
          keep && kept > 0 ? empty(stepwise(wx, kept)) : empty({0})};
}

/// wx itself where the numbers of a step are contiguous (one part of a joint projection is), else a copy.
Tensor steps_contiguous(const Tensor& wx) {
  return wx.select(0, 0).select(0, 0).is_contiguous() ? wx : wx.contiguous();
}

/// r itself where its units of either step are contiguous (as torch's networks and FlashRNN have them), else a copy.
Tensor units_contiguous(const Tensor& r) { return r.stride(1) == 1 || r.stride(3) == 1 ? r : r.contiguous(); }

// --- CPU

template <class T>
T* pointer_or_null(const Tensor& x) {
  return x.numel() == 0 ? nullptr : x.data_ptr<T>();
}

template <class T>
kernels::Recurrent<T> make_kernel(Cell cell, const Tensor& y, const Tensor& r, const Tensor& state,
                                  const Tensor& lengths, bool reverse, const Tensor& memory, const Tensor& kept) {
  return {.cell = cell,
          .b = y.size(0),
          .t = y.size(1),
          .heads = y.size(2),
          .p = y.size(3),
          .wx = nullptr,
          .wx_row = 0,
          .wx_step = 0,
          .r = r.data_ptr<T>(),
          .r_head = r.stride(0),
          .r_from = r.stride(1),
          .r_gate = r.stride(2),
          .r_unit = r.stride(3),
          .bias = nullptr,
          .state = state.data_ptr<T>(),
          .lengths = pointer_or_null<std::int64_t>(lengths),
          .reverse = reverse,
          .y = y.data_ptr<T>(),
          .last = nullptr,
          .memory = pointer_or_null<T>(memory),
          .kept = pointer_or_null<T>(kept)};
}

template <class T>
void run(const Tensor& wx, const Tensor& r, const Tensor& bias, const Tensor& state, const Tensor& lengths, Cell cell,
         bool reverse, const Outputs& to) {
  const auto& [y, last, memory, kept] = to;
  auto kernel = make_kernel<T>(cell, y, r, state, lengths, reverse, memory, kept);
  kernel.wx = wx.data_ptr<T>();
  kernel.wx_row = wx.stride(0), kernel.wx_step = wx.stride(1);
  kernel.bias = bias.data_ptr<T>();
  kernel.last = last.data_ptr<T>();
  if constexpr (std::is_same_v<T, float>) {
    const Tensor workspace = at::empty({kernels::recurrent_workspace(kernel)}, wx.options());
    kernels::recurrent(kernel, workspace.template data_ptr<float>());
  } else {
    kernels::recurrent_reference(kernel);
  }
}

Outputs forward_cpu(const Tensor& wx_, const Tensor& r_, const Tensor& bias_, const Tensor& state_,
                    const Tensor& lengths_, std::int64_t cell_, bool reverse, bool keep, double clip) {
  const auto cell = checked_cell(cell_);
  check_clip(clip);
  check_inputs(wx_, r_, bias_, state_, lengths_, cell);
  const auto outputs = allocate(wx_, state_, cell, keep);
  if (wx_.numel() == 0) {
    std::get<1>(outputs).copy_(state_);
    return outputs;
  }
  const auto wx = steps_contiguous(wx_), r = units_contiguous(r_), bias = bias_.contiguous(),
             state = state_.contiguous(), lengths = lengths_.contiguous();
  if (wx.scalar_type() == at::kDouble)
    run<double>(wx, r, bias, state, lengths, cell, reverse, outputs);
  else
    run<float>(wx, r, bias, state, lengths, cell, reverse, outputs);
  return outputs;
}

/// h before every step, [b, t, heads, p].
Tensor shifted(const Tensor& y, const Tensor& state, const Tensor& lengths, bool reverse) {
  const auto first = state.select(1, 0).unsqueeze(1);
  const auto t = y.size(1);
  if (!reverse) return at::cat({first, y.narrow(1, 0, t - 1)}, 1);
  const auto later = at::cat({y.narrow(1, 1, t - 1), first}, 1);
  if (lengths.numel() == 0) return later;
  const auto begins = at::arange(t, lengths.options()).unsqueeze(0) == lengths.unsqueeze(1) - 1;
  return at::where(begins.unsqueeze(-1).unsqueeze(-1), first, later);
}

/// Sums over all steps: of h before the step times the gradient of R h.
Tensor matrix_gradient(const Tensor& before, const Tensor& drh) {
  const auto heads = drh.size(3), p = drh.size(4), gates = drh.size(2), steps = drh.size(0) * drh.size(1);
  if (heads == 1)
    return at::matmul(before.reshape({steps, p}).t(), drh.reshape({steps, gates * p})).view({1, p, gates, p});
  const auto left = before.reshape({steps, heads, p}).permute({1, 2, 0});
  const auto right = drh.reshape({steps, gates, heads, p}).permute({2, 0, 1, 3}).reshape({heads, steps, gates * p});
  return at::bmm(left, right).view({heads, p, gates, p});
}

template <class T>
void run_grad(const Tensor& dy, const Tensor& dlast, const Tensor& y, const Tensor& memory, const Tensor& kept,
              const Tensor& r, const Tensor& state, const Tensor& lengths, Cell cell, bool reverse, double clip,
              const Tensor& dwx, const Tensor& drh, const Tensor& dstate) {
  const kernels::RecurrentGrad<T> g{
      .forward = make_kernel<T>(cell, y, r, state, lengths, reverse, memory, kept),
      .dy = pointer_or_null<T>(dy),
      .dlast = pointer_or_null<T>(dlast),
      .clip = static_cast<T>(clip),
      .dwx = dwx.data_ptr<T>(),
      .drh = drh.data_ptr<T>(),
      .dstate = dstate.data_ptr<T>(),
  };
  if constexpr (std::is_same_v<T, float>) {
    const Tensor workspace = at::empty({kernels::recurrent_grad_workspace(g)}, y.options());
    kernels::recurrent_grad(g, workspace.template data_ptr<float>());
  } else {
    kernels::recurrent_grad_reference(g);
  }
}

Tensor gradient_of_steps(const Tensor& y, Cell cell) {
  return at::empty({y.size(0), y.size(1), kernels::gates_of(cell), y.size(2), y.size(3)}, y.options());
}

void check_grad(const Tensor& dy, const Tensor& dlast, const Tensor& y, const Tensor& memory, const Tensor& kept,
                const Tensor& r, const Tensor& state, const Tensor& lengths, Cell cell) {
  constexpr auto kOp = "recurrent_grad";
  const auto gates = kernels::gates_of(cell), carried = kernels::states_of(cell), steps = kernels::kept_of(cell);
  check(y.dim() == 4, kOp, ": y is ", y.sizes(), "; expected [b, t, heads, p]");
  check(y.scalar_type() == at::kFloat || y.scalar_type() == at::kDouble, kOp, ": y is ", y.scalar_type(),
        "; expected float or double");
  const auto b = y.size(0), t = y.size(1), heads = y.size(2), p = y.size(3);
  check_given(kOp, "r", r, {heads, p, gates, p}, y);
  check_given(kOp, "state", state, {b, carried, heads, p}, y);
  check_if_given(kOp, "dy", dy, y.sizes(), y);
  check_if_given(kOp, "dlast", dlast, state.sizes(), y);
  if (lengths.numel() > 0) check_lengths(kOp, lengths, y);
  if (y.numel() == 0) return;
  // What a forward pass with keep = true returned.
  if (carried > 1) check_given(kOp, "memory", memory, {b, t, carried - 1, heads, p}, y);
  if (steps > 0) check_given(kOp, "kept", kept, {b, t, steps, heads, p}, y);
}

Gradients grad_cpu(const Tensor& dy_, const Tensor& dlast_, const Tensor& y_, const Tensor& memory_,
                   const Tensor& kept_, const Tensor& r_, const Tensor& state_, const Tensor& lengths_,
                   std::int64_t cell_, bool reverse, double clip) {
  const auto cell = checked_cell(cell_);
  check_clip(clip);
  check_grad(dy_, dlast_, y_, memory_, kept_, r_, state_, lengths_, cell);
  const auto y = y_.contiguous(), memory = memory_.contiguous(), kept = kept_.contiguous();
  const auto dwx = gradient_of_steps(y, cell);
  const auto drh = cell == Cell::gru ? at::empty_like(dwx) : dwx;
  const auto dstate = at::empty(state_.sizes(), state_.options());
  if (y.numel() == 0) {
    dlast_.numel() ? dstate.copy_(dlast_) : dstate.zero_();
    return {dwx, at::zeros_like(r_), at::zeros({kernels::biases_of(cell), y.size(2), y.size(3)}, y.options()), dstate};
  }
  const auto dy = dy_.contiguous(), dlast = dlast_.contiguous(), r = units_contiguous(r_), state = state_.contiguous(),
             lengths = lengths_.contiguous();
  (y.scalar_type() == at::kDouble ? run_grad<double> : run_grad<float>)(dy, dlast, y, memory, kept, r, state, lengths,
                                                                        cell, reverse, clip, dwx, drh, dstate);
  const std::vector<std::int64_t> steps = {0, 1};
  auto dbias = dwx.sum(steps);
  if (cell == Cell::gru) dbias = at::cat({dbias, drh.select(2, 2).sum(steps).unsqueeze(0)});
  return {dwx, matrix_gradient(shifted(y, state, lengths, reverse), drh), dbias, dstate};
}

// --- Meta: shapes and types only

Outputs forward_meta(const Tensor& wx, const Tensor& r, const Tensor& bias, const Tensor& state, const Tensor& lengths,
                     std::int64_t cell, bool, bool keep, double clip) {
  check_clip(clip);
  check_inputs(wx, r, bias, state, lengths, checked_cell(cell));
  return allocate(wx, state, checked_cell(cell), keep);
}

Gradients grad_meta(const Tensor&, const Tensor&, const Tensor& y, const Tensor&, const Tensor&, const Tensor& r,
                    const Tensor& state, const Tensor&, std::int64_t cell, bool, double) {
  const auto kind = checked_cell(cell);
  return {gradient_of_steps(y, kind), at::empty(r.sizes(), r.options()),
          at::empty({kernels::biases_of(kind), y.size(2), y.size(3)}, y.options()),
          at::empty(state.sizes(), state.options())};
}

// --- Autograd

struct RecurrentFunction : torch::autograd::Function<RecurrentFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& wx,
                                                const Tensor& r, const Tensor& bias, const Tensor& state,
                                                const Tensor& lengths, std::int64_t cell, bool reverse, double clip) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [y, last, memory, kept] = call_forward(wx, r, bias, state, lengths, cell, reverse, true);
    ctx->save_for_backward({y, memory, kept, r, state, lengths});
    ctx->saved_data["cell"] = cell;
    ctx->saved_data["reverse"] = reverse;
    ctx->saved_data["clip"] = clip;
    ctx->mark_non_differentiable({memory, kept});
    ctx->set_materialize_grads(false);
    return {y, last, memory, kept};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    check(!at::GradMode::is_enabled(), "recurrent: second derivatives are not implemented");
    const auto s = ctx->get_saved_variables();
    const auto or_empty = [&](const Tensor& d) { return d.defined() ? d : at::empty({0}, s[0].options()); };
    const auto [dwx, dr, dbias, dstate] = call_grad(
        or_empty(grads[0]), or_empty(grads[1]), s[0], s[1], s[2], s[3], s[4], s[5], ctx->saved_data["cell"].toInt(),
        ctx->saved_data["reverse"].toBool(), ctx->saved_data["clip"].toDouble());
    return {dwx, dr, dbias, dstate, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

Outputs forward_autograd(const Tensor& wx, const Tensor& r, const Tensor& bias, const Tensor& state,
                         const Tensor& lengths, std::int64_t cell, bool reverse, bool keep, double clip) {
  check_clip(clip);
  const bool needed = at::GradMode::is_enabled() &&
                      (wx.requires_grad() || r.requires_grad() || bias.requires_grad() || state.requires_grad());
  if (!needed) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_forward(wx, r, bias, state, lengths, cell, reverse, keep);
  }
  const auto out = RecurrentFunction::apply(wx, r, bias, state, lengths, cell, reverse, clip);
  return {out[0], out[1], out[2], out[3]};
}

}  // namespace

RecurrentOutput recurrent(const Tensor& wx, const Tensor& r, const Tensor& bias, const Tensor& state,
                          const Tensor& lengths, const RecurrentOptions& options, bool keep) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::recurrent", "")
                             .typed<Outputs(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                            std::int64_t, bool, bool, double)>();
  const auto rows = lengths.defined() ? lengths : at::empty({0}, wx.options().dtype(at::kLong));
  const auto [y, last, memory, kept] =
      op.call(wx, r, bias, state, rows, static_cast<std::int64_t>(options.cell), options.reverse, keep, options.clip);
  return {y, last, memory};
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def(
      "recurrent(Tensor wx, Tensor r, Tensor bias, Tensor state, Tensor lengths, int cell, bool reverse, bool keep, "
      "float clip) -> (Tensor, Tensor, Tensor, Tensor)");
  library.def(
      "recurrent_grad(Tensor dy, Tensor dlast, Tensor y, Tensor memory, Tensor kept, Tensor r, Tensor state, Tensor "
      "lengths, int cell, bool reverse, float clip) -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) {
  library.impl("recurrent", &forward_cpu);
  library.impl("recurrent_grad", &grad_cpu);
}

TORCH_LIBRARY_IMPL(longwave, Meta, library) {
  library.impl("recurrent", &forward_meta);
  library.impl("recurrent_grad", &grad_meta);
}

TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("recurrent", &forward_autograd); }

}  // namespace longwave::ops
