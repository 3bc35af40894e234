#include "longwave/train/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "longwave/nn/tensor_file.h"

namespace longwave {
namespace {

TEST(Schedule, OneCycleIsTheReferences) {
  const auto fixture = read_tensors(SafetensorsFile(LONGWAVE_SOURCE_DIR "/tests/golden/onecycle_schedule.safetensors"));
  for (const std::string name : {"default", "samovar", "tiny"}) {
    const auto in = fixture.at("in." + name);
    const auto number = [&](int i) { return in[i].item<double>(); };
    TrainConfig config;
    config.epochs = static_cast<std::int64_t>(number(0)) - 1;
    config.warmup_fraction = number(2);
    config.learning_rate = number(3);
    config.initial_division = number(4);
    config.final_division = number(5);
    const Schedule schedule(config, static_cast<std::int64_t>(number(1)));
    const auto rate = fixture.at("out." + name + ".lr"), beta1 = fixture.at("out." + name + ".beta1");
    for (std::int64_t step = 0; step < rate.size(0); ++step) {
      const auto size = schedule.at(step);
      EXPECT_NEAR(size.learning_rate, rate[step].item<double>(), 1e-12 * config.learning_rate) << name << " " << step;
      EXPECT_NEAR(size.beta1, beta1[step].item<double>(), 1e-12) << name << " " << step;
    }
  }
}

TrainConfig plain(const std::string& schedule) {
  TrainConfig config;
  config.schedule = schedule;
  config.epochs = 10;
  config.warmup_epochs = 2;
  config.learning_rate = 1;
  config.min_learning_rate = 0.1;
  return config;
}

TEST(Schedule, WarmUpRisesFromZero) {
  for (const auto* name : {"cosine", "constant", "plateau", "linear", "inverse_sqrt"}) {
    const Schedule schedule(plain(name), 5);
    EXPECT_EQ(schedule.at(0).learning_rate, 0) << name;
    EXPECT_DOUBLE_EQ(schedule.at(4).learning_rate, 0.4) << name;
    EXPECT_DOUBLE_EQ(schedule.at(10).learning_rate, 1) << name;
  }
}

TEST(Schedule, EndsWhereItsNameSays) {
  EXPECT_DOUBLE_EQ(Schedule(plain("linear"), 5).at(50).learning_rate, 0);
  EXPECT_DOUBLE_EQ(Schedule(plain("linear"), 5).at(30).learning_rate, 0.5);
  EXPECT_DOUBLE_EQ(Schedule(plain("cosine"), 5).at(50).learning_rate, 0.1);
  EXPECT_DOUBLE_EQ(Schedule(plain("cosine"), 5).at(30).learning_rate, 0.55);
  EXPECT_DOUBLE_EQ(Schedule(plain("constant"), 5).at(49).learning_rate, 1);
}

TEST(Schedule, InverseSquareRootIsThatOfLongRangeArena) {
  const double base = 0.05, w = 1000;  // base * min(1, step / w) / sqrt(max(step, w))
  TrainConfig config;
  config.schedule = "inverse_sqrt";
  config.steps = 5000;
  config.warmup_steps = 1000;
  config.learning_rate = base / std::sqrt(w);
  for (const std::int64_t step : {0, 1, 500, 999, 1000, 1001, 4000, 4999}) {
    const auto t = static_cast<double>(step);
    EXPECT_NEAR(Schedule(config, 10).at(step).learning_rate, base * std::min(1.0, t / w) / std::sqrt(std::max(t, w)),
                1e-15)
        << step;
  }
  config.warmup_steps = 0;
  EXPECT_DOUBLE_EQ(Schedule(config, 10).at(0).learning_rate, config.learning_rate);
  EXPECT_DOUBLE_EQ(Schedule(config, 10).at(4).learning_rate, config.learning_rate / 2);
}

TEST(Schedule, PlateauLowersTheRateAndRemembers) {
  auto config = plain("plateau");
  config.plateau_patience = 1;
  Schedule schedule(config, 5);
  for (const auto score : {3.0, 2.0, 2.0, 2.5}) schedule.report(score);
  EXPECT_DOUBLE_EQ(schedule.at(20).learning_rate, 1) << "one epoch without improvement is allowed; equal counts as one";
  Schedule resumed(config, 5);
  resumed.load(schedule.state());
  resumed.report(2.5);
  EXPECT_DOUBLE_EQ(resumed.at(20).learning_rate, 0.5);
  for (int i = 0; i < 20; ++i) resumed.report(9);
  EXPECT_DOUBLE_EQ(resumed.at(20).learning_rate, 0.1);
}

}  // namespace
}  // namespace longwave
