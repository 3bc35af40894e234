// What Mamba-2 does between its scan and its output map, against the equations.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

/// One whose output is what enters the output map, and whose gate is the same at all steps.
class Mamba2Options : public ::testing::Test {
 protected:
  std::shared_ptr<SequenceMixer> make(Json options) const {
    options.update({{"expand", 1}, {"headdim", 4}, {"d_state", 3}, {"bias", true}});
    const auto& info = find_mixer("mamba2");
    auto mixer = info.make({8, 0}, info.resolve(settings_from_json(options, "test"), "mixer", false), 7);
    mixer->to(at::kDouble);
    mixer->eval();
    const at::NoGradGuard no_grad;
    auto weights = mixer->state();
    weights.at("in_proj.weight").narrow(0, 0, 8).zero_();
    weights.at("in_proj.bias").narrow(0, 0, 8).copy_(z);
    weights.at("out_proj.weight").copy_(at::eye(8));
    weights.at("out_proj.bias").zero_();
    if (weights.count("norm.weight")) weights.at("norm.weight").copy_(scale);
    return mixer;
  }

  at::Tensor z = at::linspace(0.5, 2, 8, at::kDouble), scale = at::linspace(-1, 1, 8, at::kDouble);
  at::Tensor x = at::sin(at::arange(2 * 9 * 8, at::kDouble)).view({2, 9, 8});
};

/// x over the root of the mean of squares of every one of `groups` blocks.
at::Tensor normed(const at::Tensor& x, std::int64_t groups) {
  const auto blocks = x.unflatten(-1, {groups, 8 / groups});
  return (blocks / (blocks.square().mean(-1, true) + 1e-5).sqrt()).flatten(-2);
}

TEST_F(Mamba2Options, TheNormComesAfterOrBeforeTheGateOverGroups) {
  const at::NoGradGuard no_grad;
  const auto gated = make({{"rmsnorm", false}})->forward(x), y = gated / at::silu(z);
  EXPECT_TRUE(at::allclose(make(Json::object())->forward(x), normed(gated, 1) * scale, 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(make({{"norm_groups", 2}})->forward(x), normed(gated, 2) * scale, 1e-9, 1e-12));
  const auto before = make({{"norm_before_gate", true}, {"norm_groups", 2}})->forward(x);
  EXPECT_TRUE(at::allclose(before, normed(y, 2) * scale * at::silu(z), 1e-9, 1e-12));
}

TEST(Mamba, TheOutputMapStartsSmallerTheMoreLayersThereAre) {
  for (const auto* name : {"mamba", "mamba2"}) {
    const auto output_map = [&](bool rescaled) {
      const auto& info = find_mixer(name);
      const auto settings = settings_from_json({{"rescale_out", rescaled}}, "test");
      const auto mixer = info.make({.d = 8, .layer = 1, .layers = 4}, info.resolve(settings, "mixer", false), 7);
      return mixer->state().at("out_proj.weight").clone();
    };
    EXPECT_TRUE(at::equal(output_map(true), output_map(false) / 2)) << name;
  }
}

TEST_F(Mamba2Options, TheLearntStateIsThatBeforeTheFirstStep) {
  const auto plain = make(Json::object()), learnt = make({{"learnable_init_states", true}});
  const auto start = at::linspace(-1, 1, 2 * 4 * 3, at::kDouble).view({2, 4, 3});  // [heads, channels, states]
  {
    const at::NoGradGuard no_grad;
    learnt->state().at("init_states").copy_(start);
  }
  auto state = plain->initial_state(2);
  state.at("s") = start.transpose(1, 2).expand({2, 2, 3, 4});
  const auto expected = plain->forward(x, {}, &state);
  EXPECT_TRUE(at::allclose(learnt->forward(x), expected, 1e-9, 1e-12));
  auto own = learnt->initial_state(2);
  EXPECT_TRUE(at::allclose(learnt->forward(x, {}, &own), expected, 1e-9, 1e-12));
}

TEST_F(Mamba2Options, LimitsOfTheStepAreTwoNumbers) {
  for (const auto& limits : {Json::array({0.1}), Json::array({0.2, 0.1}), Json::array({-1.0, 1.0})})
    EXPECT_THROW(make({{"dt_limit", limits}}), UserError) << limits;
}

}  // namespace
}  // namespace longwave
