// Systems of every feature's own are as many layers of one feature.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/mixers/mixer.h"
#include "tests/support/by_steps.h"

namespace longwave {
namespace {

constexpr std::int64_t kFeatures = 3, kSteps = 23;

std::shared_ptr<SequenceMixer> make(std::int64_t d, bool per_feature, std::uint64_t seed) {
  const auto& info = find_mixer("lssl");
  const Json options = {{"d_state", 4}, {"channels", 2}, {"per_feature", per_feature}};
  auto mixer = info.make({d, 0}, info.resolve(settings_from_json(options, "test"), "mixer", false), seed);
  mixer->to(at::kDouble);
  mixer->eval();
  return mixer;
}

TEST(LsslPerFeature, IsALayerForEachFeature) {
  const at::NoGradGuard no_grad;
  at::manual_seed(3);
  const auto whole = make(kFeatures, true, 1);
  const auto x = at::randn({2, kSteps, kFeatures}, at::kDouble);
  std::vector<at::Tensor> expected;
  auto weights = whole->state();
  weights.at("output_linear.weight").zero_();
  for (std::int64_t i = 0; i < kFeatures; ++i) {
    const auto one = make(1, false, static_cast<std::uint64_t>(2 + i));
    for (auto& [name, weight] : one->state()) {
      if (name.starts_with("transition")) weight.add_(0.3 * at::randn_like(weight));
      const auto place = weights.at(name)[i];
      if (name.starts_with("transition"))
        place.copy_(weight);
      else if (name == "output_linear.weight")
        place.narrow(0, 2 * i, 2).copy_(weight[0]);
      else
        place.copy_(weight[0]);
    }
    expected.push_back(one->forward(x.narrow(2, i, 1)));
  }
  const auto y = at::cat(expected, 2);
  EXPECT_LT((whole->forward(x) - y).abs().max().item<double>(), 1e-10);
  EXPECT_LT((testing::by_steps(*whole, x) - y).abs().max().item<double>(), 1e-10);
}

}  // namespace
}  // namespace longwave
