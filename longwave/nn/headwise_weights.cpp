#include "longwave/nn/headwise_weights.h"

#include <ATen/ATen.h>

#include "longwave/base/check.h"

namespace longwave {
namespace {

using at::Tensor;
using Order = std::vector<std::int64_t>;

/// The parts of x along `axis` in another order.
Tensor reorder(const Tensor& x, std::int64_t axis, const Order& order) {
  return x.index_select(axis, at::tensor(order, at::TensorOptions().dtype(at::kLong).device(x.device())));
}

/// Our name of a weight of the layer around the cell. It feeds the gate i with what the map fgate makes, and f with
/// igate's.
std::string layer_name(const std::string& name) {
  if (name == "igate.weight") return "fgate_weight";
  if (name == "fgate.weight") return "igate_weight";
  if (name == "conv1d.conv.weight") return "conv_weight";
  if (name == "conv1d.conv.bias") return "conv_bias";
  if (name == "group_norm.weight") return "norm_weight";
  const auto end = name.find("gate.weight");
  return end == std::string::npos ? name : name.substr(0, end) + "gate_weight";
}

/// As ops::recurrent has it, from [heads, from, gates, to] or [gates, heads, to, from], which FlashRNN takes unless
/// told otherwise.
Tensor recurrent_matrices(const HeadwiseShape& shape, const Tensor& r) {
  const auto heads = shape.heads, p = shape.p, gates = kernels::gates_of(shape.cell);
  const bool heads_first = r.sizes() == at::IntArrayRef({heads, p, gates, p}),
             gates_first = r.sizes() == at::IntArrayRef({gates, heads, p, p});
  check(!heads_first || !gates_first || r.numel() == 1, shape.name, ": R is ", r.sizes(),
        ", which may be [gates, heads, to, from] or [heads, from, gates, to]; expected sizes that tell them apart, or "
        "the "
        "weights of this layer itself");
  return from_flashrnn_matrices(shape.cell, gates_first ? r.permute({1, 3, 0, 2}) : r);
}

/// The cell of xLSTM, stored by its program for the processor: r [heads, gates to, from], b [gates heads p]; or by that
/// for graphics cards: r [heads, from, gates to], b [heads gates p].
void import_cell(const HeadwiseShape& shape, TensorMap& weights) {
  const auto r = weights.find("slstm_cell._recurrent_kernel_"), b = weights.find("slstm_cell._bias_");
  if (r == weights.end() || b == weights.end()) return;  // loading names what is missing
  const auto heads = shape.heads, p = shape.p, gates = kernels::gates_of(shape.cell);
  const bool of_processor = r->second.sizes() == at::IntArrayRef({heads, gates * p, p});
  if (!of_processor && r->second.sizes() != at::IntArrayRef({heads, p, gates * p})) return;
  if (b->second.numel() != gates * heads * p) return;
  weights["R"] = of_processor ? r->second.reshape({heads, gates, p, p}).permute({0, 3, 1, 2})
                              : r->second.reshape({heads, p, gates, p});
  weights["b"] =
      of_processor ? b->second.reshape({gates, heads, p}) : b->second.reshape({heads, gates, p}).transpose(0, 1);
  weights.erase(r), weights.erase(b);
}

}  // namespace

Tensor from_flashrnn_matrices(ops::Cell cell, const Tensor& r) {
  return cell == ops::Cell::gru && r.dim() == 4 && r.size(2) == 3 ? reorder(r, 2, {1, 2, 0}) : r;
}
Tensor from_flashrnn_biases(ops::Cell cell, const Tensor& b) {
  return cell == ops::Cell::gru && b.dim() == 3 && b.size(0) == 4 ? reorder(b, 0, {1, 2, 3, 0}) : b;
}

TensorMap import_headwise_weights(const HeadwiseShape& shape, const TensorMap& weights) {
  TensorMap own;
  for (const auto& [name, value] : weights) {
    auto& to = own[layer_name(name)] = value;
    if (name == "R") to = recurrent_matrices(shape, value);
    if (name == "b") to = from_flashrnn_biases(shape.cell, value);
    if (name == "conv1d.conv.weight" && value.dim() == 3) to = value.squeeze(1);
    if (name == "group_norm.weight") to = value + 1;  // stored less one
  }
  const bool in_xlstm = shape.cell == ops::Cell::lstm || shape.cell == ops::Cell::slstm;
  if (in_xlstm) import_cell(shape, own);
  return own;
}

}  // namespace longwave
