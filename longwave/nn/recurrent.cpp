#include "longwave/nn/recurrent.h"

#include <ATen/ATen.h>

#include <cmath>

namespace longwave {
namespace {

/// The cell's biases [biases, 1, hidden]: those of both products in one, but for the GRU's of the candidate, which the
/// reset gate keeps apart.
at::Tensor joint_bias(const RecurrentShape& shape, const RecurrentWeights& w) {
  const auto biases = kernels::biases_of(shape.cell), h = shape.hidden;
  if (!w.bias_ih.defined()) return at::zeros({biases, 1, h}, w.weight_hh.options().requires_grad(false));
  const auto sum = w.bias_ih + w.bias_hh;
  if (shape.cell != ops::Cell::gru) return sum.view({biases, 1, h});
  return at::cat({sum.narrow(0, 0, 2 * h), w.bias_ih.narrow(0, 2 * h, h), w.bias_hh.narrow(0, 2 * h, h)})
      .view({biases, 1, h});
}

}  // namespace

std::vector<RecurrentWeights> recurrent_weights(
    const RecurrentShape& shape,
    const std::function<at::Tensor(const std::string& name, const std::vector<std::int64_t>& sizes)>& weight) {
  std::vector<RecurrentWeights> all;
  const auto rows = kernels::gates_of(shape.cell) * shape.hidden;
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    const auto input = layer == 0 ? shape.input : shape.directions() * shape.hidden;
    for (const std::string direction : {"", "_reverse"}) {
      if (!direction.empty() && !shape.bidirectional) continue;
      const auto suffix = "_l" + std::to_string(layer) + direction;
      RecurrentWeights w;
      w.weight_ih = weight("weight_ih" + suffix, {rows, input});
      w.weight_hh = weight("weight_hh" + suffix, {rows, shape.hidden});
      if (shape.bias) w.bias_ih = weight("bias_ih" + suffix, {rows}), w.bias_hh = weight("bias_hh" + suffix, {rows});
      all.push_back(w);
    }
  }
  return all;
}

std::vector<RecurrentWeights> register_recurrent_weights(torch::nn::Module& owner, const RecurrentShape& shape) {
  const double bound = 1 / std::sqrt(static_cast<double>(shape.hidden));
  const auto h = shape.hidden;
  return recurrent_weights(shape, [&](const std::string& name, const std::vector<std::int64_t>& sizes) {
    auto value = at::empty(sizes).uniform_(-bound, bound);
    if (shape.cell == ops::Cell::lstm && name.starts_with("bias_ih")) value.narrow(0, h, h).add_(1);
    return owner.register_parameter(name, value);
  });
}

RecurrentResult run_recurrent(const RecurrentShape& shape, const std::vector<RecurrentWeights>& weights,
                              const at::Tensor& x, const at::Tensor& lengths, const at::Tensor& state) {
  const auto gates = kernels::gates_of(shape.cell), h = shape.hidden;
  auto input = x;
  std::vector<at::Tensor> last;
  for (std::size_t k = 0; k < weights.size();) {
    std::vector<at::Tensor> outputs;
    for (std::int64_t direction = 0; direction < shape.directions(); ++direction, ++k) {
      const auto& w = weights[k];
      const auto wx = at::linear(input, w.weight_ih).view({x.size(0), x.size(1), gates, 1, h});
      const auto r = w.weight_hh.view({gates, h, h}).permute({2, 0, 1}).unsqueeze(0);
      const auto start = state.narrow(2, static_cast<std::int64_t>(k), 1);
      const auto out =
          ops::recurrent(wx, r, joint_bias(shape, w), start, lengths, {.cell = shape.cell, .reverse = direction == 1});
      outputs.push_back(out.y.select(2, 0));
      last.push_back(out.last);
    }
    input = outputs.size() == 1 ? outputs[0] : at::cat(outputs, -1);
  }
  return {input, last.size() == 1 ? last[0] : at::cat(last, 2)};
}

}  // namespace longwave
