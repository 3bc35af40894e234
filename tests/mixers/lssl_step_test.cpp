// LSSL steps with the shared A where it is triangular, with the dense matrices where it is not.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/models/backbone.h"
#include "tests/support/by_steps.h"

namespace longwave {
namespace {

TEST(LsslStep, FollowsAnAThatCeasesToBeTriangularAndIsAgain) {
  constexpr std::int64_t kWidth = 3, kSteps = 12;
  Backbone model({.mixer = "lssl", .mixer_settings = {{"d_state", 4}}, .d_model = kWidth, .layers = 1}, 1);
  model.eval();
  const at::NoGradGuard no_grad;
  const auto x = at::randn({2, kSteps, kWidth});
  const auto agree = [&] { return (testing::by_steps(model, x) - model.forward(x)).abs().max().item<double>(); };
  EXPECT_LT(agree(), 1e-5);
  const auto before = model.forward(x);
  auto a = model.state().at("layers.0.mixer.transition.a");
  a[0][3] += 0.5;
  EXPECT_GT((model.forward(x) - before).abs().max().item<double>(), 1e-4);
  EXPECT_LT(agree(), 1e-5);
  a[0][3] -= 0.5;
  EXPECT_LT(agree(), 1e-5);
}

}  // namespace
}  // namespace longwave
