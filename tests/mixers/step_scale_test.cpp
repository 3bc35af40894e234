// Step sizes that are scaled to evaluate sequences of another sampling rate.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

constexpr std::int64_t kWidth = 6;

std::shared_ptr<SequenceMixer> make(const std::string& name, const Json& settings, std::int64_t l_max = 32) {
  const auto& info = find_mixer(name);
  const auto mixer = info.make({kWidth, l_max}, info.resolve(settings_from_json(settings, "test"), "mixer", false), 3);
  mixer->to(at::kDouble);
  mixer->eval();
  return mixer;
}

at::Tensor input(std::int64_t t) {
  at::manual_seed(5);
  return at::randn({2, t, kWidth}, at::kDouble);
}

/// The outputs of a mixer that streams, a step at a time.
at::Tensor stepwise(SequenceMixer& mixer, const at::Tensor& x) {
  auto state = mixer.initial_state(x.size(0));
  std::vector<at::Tensor> y;
  for (const auto& step : x.split(1, 1)) y.push_back(mixer.forward(step, {}, &state));
  return at::cat(y, 1);
}

void expect_close(const at::Tensor& got, const at::Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  EXPECT_LT((got - expected).abs().max().item<double>(), tolerance) << what;
}

struct Case {
  std::string mixer;
  Json settings;
  std::string log_step;  // name of the parameter
};

TEST(StepScale, IsThatOfAMixerBuiltWithSuchSteps) {
  const at::NoGradGuard no_grad;
  const std::vector<Case> cases = {{"s4d", {{"d_state", 8}}, "kernel.inv_dt"},
                                   {"s4d", {{"d_state", 8}, {"disc", "bilinear"}, {"dt_tie", false}}, "kernel.inv_dt"},
                                   {"s4_block", {{"mode", "diag"}, {"d_state", 8}}, "layer.kernel.inv_dt"},
                                   {"s4d_minimal", {{"d_state", 8}}, "kernel.log_dt"},
                                   {"dss", {{"d_state", 6}}, "kernel.log_dt"},
                                   {"dss", {{"d_state", 6}, {"version", "exp"}}, "kernel.log_dt"},
                                   {"lssl", {{"d_state", 6}}, "log_dt"},
                                   {"lssl", {{"d_state", 6}, {"learn", 3}}, "log_dt"},
                                   {"s5", {{"d_state", 6}}, "log_step"},
                                   {"s5", {{"d_state", 6}, {"bidirectional", true}}, "log_step"},
                                   {"h3", {{"d_state", 6}}, "kernel.kernel.log_dt"},
                                   {"liquid_s4", {{"d_state", 6}}, "log_dt"}};
  const auto x = input(40), half = x.slice(1, 0, x.size(1), 2);
  for (const auto& c : cases) {
    const auto what = c.mixer + " " + c.settings.dump();
    const auto mixer = make(c.mixer, c.settings), other = make(c.mixer, c.settings);
    const auto streams = mixer->properties().streams;
    mixer->forward(half);  // what is kept of these steps must not survive
    if (streams) stepwise(*mixer, half);
    ASSERT_TRUE(mixer->scale_step(2)) << what;
    auto weights = other->state();
    weights.at(c.log_step).add_(std::log(2.0));
    expect_close(mixer->forward(half), other->forward(half), 1e-11, what);
    if (streams) expect_close(stepwise(*mixer, half), other->forward(half), 1e-9, what + ", step by step");
  }
}

// Its stored output vector C (I - dA^L) must follow, for sequences shorter and longer than L.
TEST(StepScale, OfLowRankModelsKeepsTheOutputVector) {
  const at::NoGradGuard no_grad;
  for (const double factor : {2.0, 0.5}) {
    const auto mixer = make("s4", {{"d_state", 8}}), other = make("s4", {{"d_state", 8}});
    TensorMap noted;
    other->trace = &noted;
    other->forward(input(4));
    other->trace = nullptr;
    auto weights = other->state();
    weights.at("kernel.C").copy_(noted.at("C_full").slice(2, 0, 4));
    weights.at("kernel.l_kernel").zero_();
    weights.at("kernel.inv_dt").add_(std::log(factor));
    stepwise(*mixer, input(4));
    ASSERT_TRUE(mixer->scale_step(factor));
    for (const std::int64_t t : {16, 32, 70})
      expect_close(mixer->forward(input(t)), other->forward(input(t)), 1e-8, std::to_string(t) + " steps");
    expect_close(stepwise(*mixer, input(70)), other->forward(input(70)), 1e-8, "step by step");
  }
}

// A system sampled with zero-order hold does in one long step what it does in two short ones with the same input.
TEST(StepScale, OfTwoIsTwoStepsWithTheInputHeld) {
  const at::NoGradGuard no_grad;
  const std::vector<std::pair<std::string, Json>> cases = {
      {"s4d", {{"d_state", 8}}},
      {"s4d", {{"d_state", 8}, {"dt_transform", "sigmoid"}, {"dt_min", 0.4}, {"dt_max", 0.9}}},
      {"s4d", {{"d_state", 8}, {"dt_transform", "relu"}}},
      {"s4d", {{"d_state", 16}, {"bandlimit", 0.5}, {"dt_max", 0.5}}},
      {"s4d", {{"d_state", 8}, {"cut_kernel", true}, {"l_max", 10}}},
      {"s4_block", {{"mode", "diag"}, {"d_state", 8}, {"second_layer", "same"}}},
      {"s4d_minimal", {{"d_state", 8}}},
      {"s5", {{"d_state", 6}}},
      {"dss", {{"d_state", 6}, {"version", "exp"}, {"epsilon", 0}}},
      {"dss", {{"d_state", 6}, {"epsilon", 0}}},
      {"gss", {{"d_state", 5}}},
      {"gss", {{"d_state", 5}, {"lambda_imag_exp", false}}}};
  const auto x = input(20);
  for (const auto& [name, settings] : cases) {
    const auto mixer = make(name, settings, 64);
    const auto held = mixer->forward(x.repeat_interleave(2, 1));
    ASSERT_TRUE(mixer->scale_step(2)) << name;
    expect_close(mixer->forward(x), held.slice(1, 1, held.size(1), 2), 1e-9, name + " " + settings.dump());
  }
}

TEST(StepScale, IsRefusedWhereThereIsNoStepOrTheInputDecidesIt) {
  const at::NoGradGuard no_grad;
  for (const auto* name : {"mamba", "mamba2", "lru", "mingru", "lstm", "mega_ema", "hyena", "attention"}) {
    const auto mixer = make(name, Json::object());
    const auto y = mixer->forward(input(9));
    EXPECT_FALSE(mixer->scale_step(2)) << name;
    EXPECT_TRUE(at::equal(mixer->forward(input(9)), y)) << name;
  }
}

}  // namespace
}  // namespace longwave
