#include "longwave/nn/revin.h"

namespace longwave {
namespace {
constexpr double kEps = 1e-5;
}

RevIn::RevIn(std::int64_t channels, Options options) : options_(options) {
  if (!options_.affine) return;
  weight_ = register_parameter("affine_weight", at::ones({channels}));
  bias_ = register_parameter("affine_bias", at::zeros({channels}));
}

std::pair<at::Tensor, RevIn::Statistics> RevIn::normalize(const at::Tensor& x) const {
  Statistics statistics;
  statistics.deviation = (x.detach().var(1, /*unbiased=*/false, /*keepdim=*/true) + kEps).sqrt();
  statistics.centre = options_.subtract_last ? x.narrow(1, x.size(1) - 1, 1) : x.detach().mean(1, /*keepdim=*/true);
  auto z = (x - statistics.centre) / statistics.deviation;
  if (options_.affine) z = z * weight_ + bias_;
  return {z, statistics};
}

at::Tensor RevIn::inverse(const at::Tensor& y, const Statistics& statistics) const {
  const auto z = options_.affine ? (y - bias_) / (weight_ + kEps * kEps) : y;
  return z * statistics.deviation + statistics.centre;
}

}  // namespace longwave
