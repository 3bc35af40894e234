#include "longwave/models/pieces.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A sequence of x [b, t, d] and its lengths, in pieces.
struct Pieces {
  std::int64_t size, t;
  Lengths lengths;

  std::int64_t count() const { return (t + size - 1) / size; }
  Tensor of(const Tensor& x, std::int64_t piece) const {
    return x.narrow(1, piece * size, std::min(size, t - piece * size));
  }
  Lengths lengths_of(std::int64_t piece) const {
    if (!lengths.defined()) return {};
    return (lengths - piece * size).clamp(0, std::min(size, t - piece * size));
  }
};

/// The floating-point tensors of a state, which alone have gradients, in the order of their names.
variable_list differentiable(const State& state) {
  variable_list list;
  for (const auto& [name, tensor] : state)
    if (tensor.is_floating_point() || tensor.is_complex()) list.push_back(tensor);
  return list;
}

void set_differentiable(State& state, const Tensor* values) {
  for (auto& [name, tensor] : state)
    if (tensor.is_floating_point() || tensor.is_complex()) tensor = *values++;
}

/// What the backward pass computes the pieces from again.
struct Kept : torch::CustomClassHolder {
  Kept(Backbone& model, Pieces pieces) : model(model), pieces(std::move(pieces)), weights(model.parameters()) {}

  Backbone& model;
  Pieces pieces;
  variable_list weights;
  std::vector<State> states;         // before each piece
  std::vector<RandomStream> random;  // of its dropout
  State after;                       // of the last one
  bool x_has_gradient = false;
};

/// Gradients of one piece: of its x, of the state before it, and added to those of the weights.
struct PieceGradients {
  Tensor x;
  variable_list state;
};
PieceGradients gradients_of(const Kept& kept, std::int64_t piece, const Tensor& x_all, const Tensor& dy,
                            const variable_list& dstate_after, variable_list& dweights) {
  const at::AutoGradMode with_gradients(true);
  const auto leaf = [](const Tensor& x, bool has_gradient) { return x.detach().requires_grad_(has_gradient); };
  const auto x = leaf(kept.pieces.of(x_all, piece), kept.x_has_gradient);
  auto state = kept.states[piece];
  auto before = differentiable(state);
  for (auto& tensor : before) tensor = leaf(tensor, true);
  set_differentiable(state, before.data());
  kept.model.random = kept.random[piece];
  const auto y = kept.model.forward(x, kept.pieces.lengths_of(piece), &state);

  variable_list outputs, doutputs, inputs = before;
  const auto add_output = [&](const Tensor& output, const Tensor& gradient) {
    if (!output.requires_grad() || !gradient.defined()) return;
    outputs.push_back(output), doutputs.push_back(gradient);
  };
  add_output(y, kept.pieces.of(dy, piece));
  const auto after = differentiable(state);
  for (std::size_t i = 0; i < after.size(); ++i) add_output(after[i], dstate_after[i]);
  for (const auto& weight : kept.weights)
    if (weight.requires_grad()) inputs.push_back(weight);
  if (kept.x_has_gradient) inputs.push_back(x);
  const auto found = torch::autograd::grad(outputs, inputs, doutputs, {}, false, true);

  auto next = found.begin() + std::ssize(before);
  for (std::size_t i = 0; i < kept.weights.size(); ++i) {
    if (!kept.weights[i].requires_grad()) continue;
    if (const auto& gradient = *next++; gradient.defined())
      dweights[i] = dweights[i].defined() ? dweights[i].add_(gradient) : gradient.clone();
  }
  return {kept.x_has_gradient ? *next : Tensor(), {found.begin(), found.begin() + std::ssize(before)}};
}

struct InPieces : torch::autograd::Function<InPieces> {
  /// Inputs: x, the floating-point tensors of the state before it, the weights. Returns y and those of the state
  /// behind.
  static variable_list forward(AutogradContext* ctx, const Tensor& x, at::TensorList /*state*/,
                               at::TensorList /*weights*/, const c10::intrusive_ptr<Kept>& kept) {
    auto state = kept->states.front();
    kept->states.clear();
    auto y = at::empty_like(x, at::MemoryFormat::Contiguous);
    for (std::int64_t piece = 0; piece < kept->pieces.count(); ++piece) {
      kept->states.push_back(state);
      kept->random.push_back(kept->model.random);
      const auto part = kept->model.forward(kept->pieces.of(x, piece), kept->pieces.lengths_of(piece), &state);
      kept->pieces.of(y, piece).copy_(part);
    }
    kept->after = state;
    kept->x_has_gradient = x.requires_grad();
    ctx->save_for_backward({x});
    ctx->saved_data["kept"] = c10::IValue::make_capsule(kept);
    variable_list outputs{y};
    for (const auto& tensor : differentiable(state)) outputs.push_back(tensor);
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& doutputs) {
    check(!at::GradMode::is_enabled(),
          "backbone: with recompute there are no gradients of gradients; expected create_graph = false");
    auto kept = c10::static_intrusive_pointer_cast<Kept>(ctx->saved_data["kept"].toCapsule());
    const auto x = ctx->get_saved_variables()[0];
    const auto dy = doutputs[0];
    variable_list dstate(doutputs.begin() + 1, doutputs.end()), dweights(kept->weights.size());
    auto dx = kept->x_has_gradient ? at::empty_like(x, at::MemoryFormat::Contiguous) : Tensor();
    const auto random = kept->model.random;
    for (auto piece = kept->pieces.count() - 1; piece >= 0; --piece) {
      const auto found = gradients_of(*kept, piece, x, dy, dstate, dweights);
      if (dx.defined()) kept->pieces.of(dx, piece).copy_(found.x);
      dstate = found.state;
    }
    kept->model.random = random;
    variable_list gradients{dx};
    gradients.insert(gradients.end(), dstate.begin(), dstate.end());
    gradients.insert(gradients.end(), dweights.begin(), dweights.end());
    gradients.emplace_back();
    return gradients;
  }
};

}  // namespace

Tensor evaluate_in_pieces(Backbone& model, std::int64_t piece, const Tensor& x, const Lengths& lengths, State* state) {
  State own;
  if (!state) own = model.initial_state(x.size(0)), state = &own;
  auto y = at::empty_like(x);
  const Pieces pieces{piece, x.size(1), lengths};
  for (std::int64_t i = 0; i < pieces.count(); ++i)
    pieces.of(y, i).copy_(model.forward(pieces.of(x, i), pieces.lengths_of(i), state));
  return y;
}

Tensor train_in_pieces(Backbone& model, std::int64_t piece, const Tensor& x, const Lengths& lengths, State* state) {
  const auto kept = c10::make_intrusive<Kept>(model, Pieces{piece, x.size(1), lengths});
  kept->states.push_back(state ? *state : model.initial_state(x.size(0)));
  const auto before = differentiable(kept->states.front());
  const auto outputs = InPieces::apply(x, at::TensorList(before), at::TensorList(kept->weights), kept);
  auto after = std::move(kept->after);  // nodes of a graph do not keep what comes out of them
  if (state) {
    set_differentiable(after, outputs.data() + 1);
    *state = std::move(after);
  }
  return outputs[0];
}

}  // namespace longwave
