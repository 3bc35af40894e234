#pragma once

#include <functional>
#include <vector>

#include "longwave/nn/module.h"
#include "longwave/ops/recurrent.h"

namespace longwave {

/// Shape of a classic recurrent network: layers of one or two directions.
struct RecurrentShape {
  ops::Cell cell = ops::Cell::lstm;
  std::int64_t input = 0, hidden = 0, layers = 1;
  bool bidirectional = false, bias = true;

  std::int64_t directions() const { return bidirectional ? 2 : 1; }
};

/// Weights of one layer in one direction, as torch.nn.RNN, LSTM and GRU lay them out: gates of the LSTM i, f, g, o, of
/// the GRU r, z, n, one below the other.
struct RecurrentWeights {
  at::Tensor weight_ih;         // [gates hidden, input]
  at::Tensor weight_hh;         // [gates hidden, hidden]
  at::Tensor bias_ih, bias_hh;  // [gates hidden]; undefined without bias
};

/// The weights, layer by layer and direction by direction, of `weight(name, sizes)` under torch's names:
/// weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse, ..., weight_ih_l1, ...
std::vector<RecurrentWeights> recurrent_weights(
    const RecurrentShape& shape,
    const std::function<at::Tensor(const std::string& name, const std::vector<std::int64_t>& sizes)>& weight);

/// Registers these weights with `owner`, drawn from U(-1, 1) / sqrt(hidden), the LSTM's forget bias (of bias_ih)
/// plus 1.
std::vector<RecurrentWeights> register_recurrent_weights(torch::nn::Module& owner, const RecurrentShape& shape);

struct RecurrentResult {
  at::Tensor y;     // [b, t, directions hidden], zero at padded steps
  at::Tensor last;  // like the state
};

/// Runs the network. x [b, t, input]; lengths as everywhere; state [b, states, layers directions, hidden] (the LSTM's
/// states are h and c).
RecurrentResult run_recurrent(const RecurrentShape& shape, const std::vector<RecurrentWeights>& weights,
                              const at::Tensor& x, const at::Tensor& lengths, const at::Tensor& state);

}  // namespace longwave
