// Poles that hardly move in a step keep their digits when they are stepped.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/nn/diagonal_ssm.h"

namespace longwave {
namespace {

TEST(SlowPoles, StepsAreTheConvolution) {
  constexpr std::int64_t kSteps = 20000, kFeatures = 6;
  const at::NoGradGuard no_grad;
  at::manual_seed(3);
  const auto decay = at::tensor({1e-3f, 1e-4f, 1e-5f, 1e-5f, 1e-6f, 1e-7f}).view({kFeatures, 1});
  const auto frequency = at::tensor({0.0f, 1e-3f, 0.0f, 1e-3f, 1e-3f, 0.0f}).view({kFeatures, 1});
  const auto log_a = at::complex(-1.137f * decay, 1.073f * frequency);
  const auto u = at::randn({1, kSteps, kFeatures}) + 0.3f;
  for (const std::int64_t outputs : {1, 2}) {
    const DiagonalSsm ssm{{log_a, at::ones_like(log_a)}, at::randn({outputs, kFeatures, 1}, at::kComplexFloat)};
    const auto skip = at::randn({outputs, kFeatures});
    auto state = at::zeros({1, kFeatures, 1, 2});
    const auto steps = diagonal_ssm(ssm, u, {}, &state, {.skip = skip});
    const auto whole = diagonal_ssm(ssm, u, {}, nullptr, {.skip = skip});
    const auto error = (steps - whole).square().mean(1).sqrt() / whole.square().mean(1).sqrt();
    EXPECT_LT(error.max().item<double>(), 1e-5) << error;
  }
}

}  // namespace
}  // namespace longwave
