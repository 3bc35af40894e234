#pragma once

#include <cstdint>

#include "longwave/nn/module.h"
#include "longwave/ops/recurrent.h"

namespace longwave {

/// A layer of recurrent cells with a recurrent matrix for each head.
struct HeadwiseShape {
  const char* name;  // which messages begin with
  ops::Cell cell;
  std::int64_t heads, p;  // p units a head
};

/// FlashRNN's recurrent matrices [heads, from, gates, to] with the gates in the order of ops::recurrent, and its biases
/// [biases, heads, p]. Only the GRU's differ: g, r, z there, and biases g, r, z, n.
at::Tensor from_flashrnn_matrices(ops::Cell cell, const at::Tensor& r);
at::Tensor from_flashrnn_biases(ops::Cell cell, const at::Tensor& b);

/// Weights under the names of the reference programs as ours (docs/mixers/slstm.md): those of the layer of xLSTM, whose
/// cell either of its programs stores, and R and b as FlashRNN takes them. Other names stay. Differentiable. UserError
/// if the sizes do not tell how R is laid out.
TensorMap import_headwise_weights(const HeadwiseShape& shape, const TensorMap& weights);

}  // namespace longwave
