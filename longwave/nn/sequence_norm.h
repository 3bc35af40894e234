#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "longwave/nn/module.h"

namespace longwave {

/// A norm of the vectors of a sequence: x [b, t, d] -> [b, t, d].
class SequenceNorm : public Module {
 public:
  /// `valid` [b, t, 1] bool marks the real steps (undefined: all); the others influence nothing.
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& valid = {}) = 0;

  /// The norm of x + residual, and that sum: in one pass where the norm has one.
  virtual std::pair<at::Tensor, at::Tensor> forward_sum(const at::Tensor& x, const at::Tensor& residual,
                                                        const at::Tensor& valid = {});
};

/// "layer": over d, with weight and bias, eps 1e-5. "rms": x / sqrt(mean(x^2) + 1e-5) * weight. "batch": over all real
/// steps of the batch in training (biased variance, eps 1e-5), over running statistics (momentum 0.1) otherwise.
/// "scalar": over d with one shift m and one scale s for all channels, s / std (x - mean + m), biased std without eps,
/// as in the S4 authors' program. "none": x.
std::shared_ptr<SequenceNorm> make_sequence_norm(const std::string& kind, std::int64_t d);

const std::vector<std::string>& sequence_norm_kinds();

}  // namespace longwave
