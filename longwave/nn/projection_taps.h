#pragma once

#include <string>
#include <utility>
#include <vector>

#include "longwave/nn/sequence_parts.h"

namespace longwave {

/// Short causal convolutions, with silu, of the projections q, k and v of a linear attention layer; or none.
class ProjectionTaps {
 public:
  using Widths = std::vector<std::pair<std::string, std::int64_t>>;

  ProjectionTaps() = default;
  /// Registers NAME_conv1d with `owner` for each of `widths`.
  ProjectionTaps(torch::nn::Module& owner, const Widths& widths, std::int64_t taps);

  bool exist() const { return !taps_.empty(); }
  /// Of x [b, t, c], continued from state["conv_NAME"].
  at::Tensor convolved(const std::string& name, const at::Tensor& x, const at::Tensor& lengths, TensorMap* state) const;
  void add_initial_state(std::int64_t b, TensorMap& state) const;

 private:
  std::map<std::string, std::shared_ptr<Weights>> taps_;
};

}  // namespace longwave
