#include "longwave/tasks/forecast.h"

#include <gtest/gtest.h>

#include "longwave/base/check.h"
#include "longwave/tasks/synthetic_var.h"
#include "tests/support/series.h"

namespace longwave {
namespace {

/// Says zero everywhere, so that the scores are moments of the targets.
struct Zeros final : Forecaster {
  ForecastOutput forward(const ForecastInput& in) override {
    training_seen |= is_training();
    return {at::zeros({in.x.size(0), 3, 2}), {{"extra", at::ones({})}}};
  }
  bool training_seen = false;
};

std::shared_ptr<const ForecastTask> make(bool with_calendar, std::int64_t label = -1, bool extra_losses = true) {
  const auto data = testing::wave_data();
  return make_forecast_task(data, forecast_sizes(*data, label),
                            {.with_calendar = with_calendar, .extra_losses = extra_losses});
}

TEST(ForecastTask, WindowsAreTheRowsTheyShouldBe) {
  const auto data = testing::wave_data();
  const auto task = make(true, 5);
  Batch batch;
  task->gather(Split::val, {4, 0}, batch);
  const auto series = at::from_blob(data->val.values.data(), {data->val.rows, 2});
  const auto marks = at::from_blob(data->val.marks.data(), {data->val.rows, 4});
  EXPECT_TRUE(at::equal(batch.tensors.at("x")[0], series.slice(0, 4, 17)));
  EXPECT_TRUE(at::equal(batch.tensors.at("y")[0], series.slice(0, 17, 20)));
  EXPECT_TRUE(at::equal(batch.tensors.at("x_mark")[1], marks.slice(0, 0, 13)));
  EXPECT_TRUE(at::equal(batch.tensors.at("y_mark")[1], marks.slice(0, 8, 16)));
  EXPECT_TRUE(at::equal(batch.tensors.at("x_dec")[1].slice(0, 0, 5), series.slice(0, 8, 13)));
  EXPECT_EQ(batch.tensors.at("x_dec")[1].slice(0, 5).abs().max().item<float>(), 0);
  EXPECT_EQ(batch.tensors.at("x_dec").size(1), 8);
}

TEST(ForecastTask, ScoresAreMeansOverAllWindowsWhateverTheBatch) {
  const auto data = testing::wave_data();
  const auto task = make(false);
  double squares = 0, count = 0;
  for (std::int64_t w = 0; w < data->windows(Split::test); ++w)
    for (std::int64_t i = (w + 13) * 2; i < (w + 16) * 2; ++i, ++count) squares += std::pow(data->test.values[i], 2);
  Zeros model;
  for (const std::int64_t batch : {1, 4, 100})
    EXPECT_NEAR(task->evaluate(model, Split::test, {.batch = batch}).at("mse"), squares / count, 1e-6) << batch;
  EXPECT_FALSE(model.training_seen);
  EXPECT_TRUE(model.is_training()) << "the mode comes back";
  EXPECT_NE(task->evaluate(model, Split::test, {.batch = 4, .drop_last = true}).at("mse"),
            task->evaluate(model, Split::test, {.batch = 4}).at("mse"));
  EXPECT_THROW(task->evaluate(model, Split::test, {.batch = 100, .drop_last = true}), UserError);
}

TEST(SyntheticVarTask, AShorterLookbackSeesTheLastSteps) {
  const auto make = [](std::int64_t lookback) {
    return make_synthetic_var_task(3, 20, 10, synthetic_var_sizes(lookback, -1), {.with_calendar = true});
  };
  Batch whole, tail;
  make(64)->gather(Split::val, {7, 2}, whole);
  make(8)->gather(Split::val, {7, 2}, tail);
  EXPECT_TRUE(at::equal(whole.tensors.at("x").slice(1, 56), tail.tensors.at("x")));
  EXPECT_TRUE(at::equal(whole.tensors.at("y"), tail.tensors.at("y")));
  EXPECT_EQ(make(8)->samples(Split::train), 20);
  EXPECT_EQ(make(8)->samples(Split::test), 0);
  EXPECT_THROW(synthetic_var_sizes(65, -1), UserError);
}

TEST(ForecastTask, ExtraLossesCanBeLeftOut) {
  Zeros model;
  Batch batch;
  make(false)->gather(Split::train, {0, 1, 2}, batch);
  const auto with = make(false)->loss(model, batch), without = make(false, -1, false)->loss(model, batch);
  EXPECT_NEAR(with.total.item<double>(), without.total.item<double>() + 1, 1e-6);
  EXPECT_EQ(with.parts.size(), 2u);
  EXPECT_EQ(without.parts.size(), 1u);
}

TEST(ForecastTask, DroppedChannelsAreZeroInInputAndTarget) {
  const auto task = make(true);
  RandomStream random{3, 0};
  int dropped = 0, kept = 0;
  for (int i = 0; i < 40; ++i) {
    Batch batch;
    task->gather(Split::train, {0, 5}, batch);
    task->augment(batch, random);
    for (int c = 0; c < 2; ++c) {
      const bool zero_x = batch.tensors.at("x").select(2, c).abs().max().item<float>() == 0;
      const bool zero_y = batch.tensors.at("y").select(2, c).abs().max().item<float>() == 0;
      const bool zero_dec = batch.tensors.at("x_dec").select(2, c).abs().max().item<float>() == 0;
      EXPECT_EQ(zero_x, zero_y);
      EXPECT_EQ(zero_x, zero_dec);
      ++(zero_x ? dropped : kept);
    }
  }
  EXPECT_GT(dropped, 20);
  EXPECT_GT(kept, 20);
}

}  // namespace
}  // namespace longwave
