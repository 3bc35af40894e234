// Fixtures of recurrent networks: whole torch networks with any input width, layers and directions, and the cells of
// FlashRNN with recurrent matrices for each head.

#include <ATen/ATen.h>

#include "longwave/base/check.h"
#include "longwave/models/gradient_fixture.h"
#include "longwave/nn/headwise_weights.h"
#include "longwave/nn/recurrent.h"

namespace longwave {
namespace {

using ops::Cell;

at::Tensor state_or_zeros(const TensorMap& in, const std::string& name, const at::Tensor& like) {
  const auto found = in.find(name);
  return found == in.end() ? at::zeros_like(like) : found->second;
}

FixtureRun run_network(Cell cell, const TensorMap& in, const TensorMap& param, const Json& config) {
  const RecurrentShape shape{.cell = cell,
                             .input = config.at("input"),
                             .hidden = config.at("hidden"),
                             .layers = config.value("layers", 1),
                             .bidirectional = config.value("bidirectional", false),
                             .bias = param.count("bias_ih_l0") > 0};
  const auto weights = recurrent_weights(shape, [&](const std::string& name, const std::vector<std::int64_t>& sizes) {
    const auto found = param.find(name);
    check(found != param.end() && found->second.sizes() == at::IntArrayRef(sizes), "fixture: param.", name,
          " is missing or of another shape; expected ", at::IntArrayRef(sizes));
    return found->second;
  });
  const bool batch_first = config.value("batch_first", true);
  const auto x = batch_first ? in.at("x") : in.at("x").transpose(0, 1);
  const auto zeros = at::zeros({shape.layers * shape.directions(), x.size(0), shape.hidden}, x.options());
  std::vector<at::Tensor> states = {state_or_zeros(in, "h0", zeros).transpose(0, 1)};
  if (cell == Cell::lstm) states.push_back(state_or_zeros(in, "c0", zeros).transpose(0, 1));
  const auto lengths = in.count("lengths") ? in.at("lengths").to(at::kLong) : at::Tensor();  // of a packed sequence
  const auto result = run_recurrent(shape, weights, x, lengths, at::stack(states, 1));
  FixtureRun run;
  run.out["y"] = batch_first ? result.y : result.y.transpose(0, 1);
  run.out["h_n"] = result.last.select(1, 0).transpose(0, 1);
  if (cell == Cell::lstm) run.out["c_n"] = result.last.select(1, 1).transpose(0, 1);
  return run;
}

Cell cell_of_rnn(const Json& config) {
  const auto& nonlinearity = config.at("nonlinearity");
  return nonlinearity == "relu" ? Cell::rnn_relu : Cell::rnn_tanh;
}

FixtureRun run_cell(Cell cell, const TensorMap& in, const TensorMap& param, const Json&) {
  const auto r = from_flashrnn_matrices(cell, param.at("R")), b = from_flashrnn_biases(cell, param.at("b"));
  const auto out = ops::recurrent(in.at("Wx").transpose(0, 1), r, b, in.at("states0"), {}, {.cell = cell}, true);
  FixtureRun run;
  run.out["y"] = out.y.transpose(0, 1);
  run.out["last_states"] = out.last;
  auto states = out.y.detach().unsqueeze(2);
  if (out.memory.numel() > 0) states = at::cat({states, out.memory}, 2);
  run.out["states"] = states.transpose(0, 1);
  return run;
}

FixtureCompute network(Cell cell) {
  return [cell](const TensorMap& in, const TensorMap& param, const Json& config) {
    return run_network(cell, in, param, config);
  };
}
FixtureCompute cells(Cell cell) {
  return [cell](const TensorMap& in, const TensorMap& param, const Json& config) {
    return run_cell(cell, in, param, config);
  };
}

const RegisterComputedFixture rnn({"rnn"}, [](const TensorMap& in, const TensorMap& param, const Json& config) {
  return run_network(cell_of_rnn(config), in, param, config);
});
const RegisterComputedFixture lstm({"lstm"}, network(Cell::lstm));
const RegisterComputedFixture gru({"gru"}, network(Cell::gru));
const RegisterComputedFixture elman_cell({"flashrnn_elman"}, cells(Cell::rnn_tanh));
const RegisterComputedFixture lstm_cell({"flashrnn_lstm"}, cells(Cell::lstm));
const RegisterComputedFixture gru_cell({"flashrnn_gru"}, cells(Cell::gru));
const RegisterComputedFixture slstm_cell({"slstm"}, cells(Cell::slstm));

}  // namespace
}  // namespace longwave
