#include "longwave/train/optimizer.h"

#include <gtest/gtest.h>

#include "longwave/train/schedule.h"
#include "tests/support/forecast_fixture.h"

namespace longwave {
namespace {

void expect_state(const testing::ForecastFixture& fixture, const std::string& prefix, const TensorMap& state) {
  const auto expected = read_tensors(fixture.file, prefix);
  ASSERT_FALSE(expected.empty());
  for (const auto& [name, tensor] : expected)
    EXPECT_LT((state.at(name).reshape(tensor.sizes()) - tensor).abs().max().item<double>(), 1e-4) << prefix << name;
}

TEST(Optimizer, EightStepsOfSamovarAreTheReferences) {
  const testing::ForecastFixture fixture("samovar_trainsteps");
  auto& model = *fixture.model;
  model.train();
  AdamW optimizer(model, {.beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1});
  TrainConfig config;
  config.learning_rate = 6e-4;
  config.warmup_fraction = 0.25;
  for (int i = 0; i < 8; ++i) {
    const auto number = std::to_string(i);
    optimizer.zero_grad();
    ForecastInput in;
    in.x = fixture.at("in.x." + number);
    in.with_losses = true;
    const auto out = model.forward(in);
    const auto mse = at::mse_loss(out.forecast, fixture.at("in.y." + number));
    const auto next = out.extra_losses.at("next_step");
    (mse + next).backward();
    const auto norm = optimizer.gradient_norm();
    const auto size = one_cycle(i, 20, config);
    EXPECT_NEAR(mse.item<double>(), fixture.at("out.mse")[i].item<double>(), 1e-4);
    EXPECT_NEAR(next.item<double>(), fixture.at("out.next")[i].item<double>(), 1e-4);
    EXPECT_NEAR(norm / fixture.at("out.gnorm")[i].item<double>(), 1, 1e-3);
    EXPECT_NEAR(size.learning_rate, fixture.at("out.lr")[i].item<double>(), 1e-12);
    optimizer.step(size.learning_rate, size.beta1, std::min(1.0, 1 / (norm + 1e-6)));
    if (i == 0) expect_state(fixture, "out.step1.", model.state());
  }
  expect_state(fixture, "out.step8.", model.state());
}

struct TwoNumbers : Module {
  at::Tensor used, unused;
  TwoNumbers() {
    used = register_parameter("used", at::ones({1}));
    unused = register_parameter("unused", at::ones({1}));
  }
};

TEST(Optimizer, ParametersWithoutGradientAreNotDecayed) {
  TwoNumbers model;
  AdamW optimizer(model, {.weight_decay = 0.5});
  model.used.sum().backward();
  optimizer.step(0.1, 0.9);
  EXPECT_EQ(model.unused.item<float>(), 1);
  EXPECT_NEAR(model.used.item<float>(), 0.95 - 0.1, 1e-6) << "decay, then a first step of the learning rate";
  EXPECT_EQ(optimizer.steps()["unused"], 0);
}

TEST(Optimizer, NamesTheFirstGradientThatIsNotFinite) {
  TwoNumbers model;
  AdamW optimizer(model, {});
  (model.used + model.unused * INFINITY).sum().backward();
  EXPECT_EQ(optimizer.first_bad_gradient(), "unused");
  EXPECT_FALSE(std::isfinite(optimizer.gradient_norm()));
}

TEST(Optimizer, StateOfAnotherModelIsRefused) {
  TwoNumbers model;
  AdamW optimizer(model, {});
  auto state = optimizer.state();
  state["m.used"] = at::zeros({2});
  EXPECT_THROW(optimizer.load(state, optimizer.steps(), "a.safetensors"), UserError);
}

}  // namespace
}  // namespace longwave
