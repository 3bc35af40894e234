#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

constexpr std::int64_t kWidth = 16, kSteps = 400;

/// Gradients of a fixed weighting of the outputs for all weights, computed in `type`, in double.
TensorMap gradients(at::ScalarType type) {
  const auto& info = find_mixer("zeros");
  const Json options = {{"heads", 2}, {"is_causal", false}};
  const auto mixer = info.make({kWidth, 0}, info.resolve(settings_from_json(options, "test"), "mixer", false), 7);
  at::manual_seed(3);
  for (const auto& [name, weight] : mixer->state())
    weight.detach().normal_(0, name.ends_with("weight") ? 1 / std::sqrt(kWidth) : 0.2);
  const auto x = at::randn({1, kSteps, kWidth}), w = at::randn({1, kSteps, kWidth});
  mixer->to(type);
  (mixer->forward(x.to(type)) * w.to(type)).sum().backward();
  TensorMap all;
  for (const auto& item : mixer->named_parameters()) all[item.key()] = item.value().grad().to(at::kDouble);
  return all;
}

// Without causality the scores of the first steps are sums over all, divided by few.
TEST(ZeroSum, LargeScoresCostNoDigitsOfGradients) {
  const auto rounded = gradients(at::kFloat);
  for (const auto& [name, exact] : gradients(at::kDouble)) {
    const auto error = (rounded.at(name) - exact).abs().max() / exact.abs().max();
    EXPECT_LT(error.item<double>(), 5e-5) << name;
  }
}

}  // namespace
}  // namespace longwave
