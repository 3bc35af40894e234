#pragma once

#include "longwave/nn/module.h"

namespace longwave {

/// Reversible instance normalisation over time (Kim et al. 2022). Mean and biased variance are constants to the
/// gradient; with `subtract_last` the last value stands for the mean and is not. Names: affine_weight, affine_bias [c].
class RevIn final : public torch::nn::Module {
 public:
  struct Options {
    bool affine = true;
    bool subtract_last = false;
  };
  /// Of one window batch: both [b, 1, c].
  struct Statistics {
    at::Tensor centre, deviation;
  };

  RevIn(std::int64_t channels, Options options);

  /// x [b, l, c] -> the same shape, and the statistics that `inverse` needs.
  std::pair<at::Tensor, Statistics> normalize(const at::Tensor& x) const;

  /// y [b, p, c] of the normalised scale -> the scale of x.
  at::Tensor inverse(const at::Tensor& y, const Statistics& statistics) const;

 private:
  Options options_;
  at::Tensor weight_, bias_;
};

}  // namespace longwave
