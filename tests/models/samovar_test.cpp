#include <gtest/gtest.h>

#include "tests/support/forecast_fixture.h"

namespace longwave {
namespace {

using testing::ForecastFixture;
using testing::relative_error;

ForecastInput input(const at::Tensor& x, const at::Tensor& x_mark = {}) {
  ForecastInput in;
  in.x = x;
  in.x_mark = x_mark;
  return in;
}

constexpr double kForward = 2e-5, kGradient = 1e-4;

class Segments : public ::testing::TestWithParam<std::string> {};

TEST_P(Segments, ForecastAndEveryIntermediateMatchTheReference) {
  const ForecastFixture fixture(GetParam());
  fixture.model->eval();
  TensorMap trace;
  fixture.model->trace = &trace;
  const at::NoGradGuard no_grad;
  // With the losses all segments are computed, without them only the last.
  auto in = input(fixture.at("in.x"));
  in.with_losses = true;
  const auto out = fixture.model->forward(in);
  EXPECT_LT(relative_error(out.forecast, fixture.at("out.pred")), kForward);
  const auto plain = fixture.model->forward(input(fixture.at("in.x")));
  EXPECT_LT(relative_error(plain.forecast, fixture.at("out.pred")), kForward);
  EXPECT_TRUE(plain.extra_losses.empty());
  int compared = 0;
  for (const auto& [name, expected] : fixture.tensors)
    if (name.starts_with("out.mid.")) {
      const auto key = name.substr(8);
      ASSERT_TRUE(trace.count(key)) << key << " is not traced";
      EXPECT_LT(relative_error(trace.at(key), expected), kForward) << key;
      ++compared;
    }
  EXPECT_GE(compared, 4);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Segments,
                         ::testing::Values("samovar", "samovar_univariate", "samovar_train", "samovar_fixedvar",
                                           "lintrans", "lintrans_train"));

class SegmentsTraining : public ::testing::TestWithParam<std::string> {};

TEST_P(SegmentsTraining, LossesAndEveryGradientMatchTheReference) {
  const ForecastFixture fixture(GetParam());
  const auto x = fixture.at("in.x").clone().requires_grad_(true);
  const auto out = fixture.model->forward(input(x));
  const auto mse = at::mse_loss(out.forecast, fixture.at("in.y"));
  const auto& next = out.extra_losses.at("next_step");
  EXPECT_LT(relative_error(mse, fixture.at("out.loss_mse")), kForward);
  EXPECT_LT(relative_error(next, fixture.at("out.loss_next_step")), kForward);
  (mse + next).backward();
  EXPECT_LT(relative_error(x.grad(), fixture.at("grad.in.x")), kGradient);
  for (const auto& item : fixture.model->named_parameters()) {
    const auto name = "grad.param." + item.key();
    const auto gradient = item.value().grad();
    ASSERT_EQ(gradient.defined(), fixture.has(name)) << item.key();
    if (gradient.defined()) {
      EXPECT_LT(relative_error(gradient, fixture.at(name)), kGradient) << item.key();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, SegmentsTraining, ::testing::Values("samovar_train", "lintrans_train"));

std::shared_ptr<Forecaster> make(const std::string& name, const ForecastSizes& sizes, Json config = Json::object()) {
  const auto& info = find_forecaster(name);
  return info.make(sizes, info.resolve(settings_from_json(config, "test"), "model", false), 3);
}

const std::vector<std::string> kNames{"samovar", "fixedvar", "lintrans"};
const Json kTiny{{"d_model", 8}, {"n_heads", 2}, {"e_layers", 2}};

TEST(SegmentModels, SizesOfEtth1MatchTheReference) {
  const ForecastSizes sizes{.lookback = 1024, .horizon = 96, .channels = 7, .targets = 7};
  EXPECT_EQ(make("samovar", sizes)->parameter_count(), 156824);  // width 64 by the rule
  EXPECT_EQ(make("lintrans", sizes)->parameter_count(), 180190);
  EXPECT_EQ(make("fixedvar", sizes)->parameter_count(), 475544);
}

TEST(SegmentModels, AnyLookbackHorizonAndTargetsGiveForecasts) {
  for (const auto& name : kNames)
    for (const auto& [lookback, horizon] : {std::pair{7, 3}, {3, 7}, {8, 8}, {9, 1}}) {
      const auto model = make(name, {.lookback = lookback, .horizon = horizon, .channels = 5, .targets = 2}, kTiny);
      const auto out = model->forward(input(at::randn({3, lookback, 5})));
      EXPECT_EQ(out.forecast.sizes(), (at::IntArrayRef{3, horizon, 2})) << name;
      EXPECT_TRUE(out.forecast.isfinite().all().item<bool>()) << name << " " << lookback << " " << horizon;
      EXPECT_EQ(out.extra_losses.count("next_step"), lookback > horizon);
    }
}

TEST(SegmentModels, CalendarFeaturesChangeTheForecastOnlyIfAskedFor) {
  for (const auto& name : kNames)
    for (const bool asked : {false, true}) {
      auto config = kTiny;
      if (asked) config["time_emb_dim"] = 4;
      const auto model = make(name, {.lookback = 12, .horizon = 4, .channels = 3, .targets = 3}, config);
      model->eval();
      EXPECT_EQ(model->uses_calendar(), asked);
      const auto x = at::randn({2, 12, 3});
      const auto one = model->forward(input(x, at::randn({2, 12, 4}))).forecast;
      const auto two = model->forward(input(x, at::randn({2, 12, 4}))).forecast;
      EXPECT_EQ(at::equal(one, two), !asked) << name;
    }
}

TEST(SegmentModels, MainTokensDoNotSeeTheFuture) {
  for (const auto& name : kNames) {
    const auto model = make(name, {.lookback = 12, .horizon = 3, .channels = 2, .targets = 2}, kTiny);
    model->eval();
    TensorMap one, two;
    auto x = at::randn({1, 12, 2});
    auto y = x.clone();
    // Swapping two steps of the last segment keeps the statistics of the window and changes only its last tokens.
    y.select(1, 10).copy_(x.select(1, 11));
    y.select(1, 11).copy_(x.select(1, 10));
    model->trace = &one;
    model->forward(input(x));
    model->trace = &two;
    model->forward(input(y));
    const auto layer = std::string("attn_out.1");
    const auto early = [&](const TensorMap& t) { return t.at(layer).narrow(1, 0, 6); };
    const auto late = [&](const TensorMap& t) { return t.at(layer).narrow(1, 6, 2); };
    EXPECT_LT(relative_error(early(one), early(two)), 1e-5) << name;
    EXPECT_GT(relative_error(late(one), late(two)), 1e-3) << name;
  }
}

TEST(SegmentModels, SameSeedSameBitsWithDropout) {
  for (const auto& name : kNames) {
    const auto x = at::randn({2, 9, 2});
    const auto run = [&] {
      const auto model = make(name, {.lookback = 9, .horizon = 3, .channels = 2, .targets = 2},
                              {{"d_model", 8}, {"n_heads", 2}, {"dropout", 0.5}});
      const auto out = model->forward(input(x));
      out.extra_losses.at("next_step").backward();
      return std::pair{out.forecast.detach(), model->named_parameters()["channel_emb"].grad()};
    };
    const auto a = run(), b = run();
    EXPECT_TRUE(at::equal(a.first, b.first)) << name;
    EXPECT_TRUE(at::equal(a.second, b.second)) << name;
  }
}

// With a trace the layers run one by one, without it as one operator.
TEST(SegmentModels, ATraceDoesNotChangeTheTrainingForward) {
  for (const auto& name : kNames) {
    const auto x = at::randn({2, 9, 2});
    const auto run = [&](TensorMap* trace) {
      const auto model = make(name, {.lookback = 9, .horizon = 3, .channels = 2, .targets = 2},
                              {{"d_model", 8}, {"n_heads", 2}, {"dropout", 0.5}});
      model->trace = trace;
      model->forward(input(x));
      return model->forward(input(x)).forecast.detach();  // the second: as many draws were taken
    };
    TensorMap trace;
    EXPECT_LT((run(&trace) - run(nullptr)).abs().max().item<double>(), 1e-5) << name;
  }
}

TEST(SegmentModels, GradientsMatchDifferencesInDouble) {
  for (const auto& name : kNames) {
    const auto model = make(name, {.lookback = 7, .horizon = 3, .channels = 2, .targets = 1},
                            {{"d_model", 4}, {"n_heads", 2}, {"e_layers", 2}, {"dropout", 0.0}});
    model->to(at::kDouble);
    for (auto& parameter : model->parameters()) parameter.detach().add_(at::randn_like(parameter), 0.3);
    const auto x = at::randn({2, 7, 2}, at::kDouble), y = at::randn({2, 3, 1}, at::kDouble);
    const auto loss = [&] {
      const auto out = model->forward(input(x));
      return at::mse_loss(out.forecast, y) + out.extra_losses.at("next_step");
    };
    loss().backward();
    const at::NoGradGuard no_grad;
    for (auto& item : model->named_parameters()) {
      if (!item.value().grad().defined()) continue;
      const auto direction = at::randn_like(item.value());
      const auto at_step = [&](double step) {
        item.value().add_(direction, step);
        const auto value = loss().item<double>();
        item.value().sub_(direction, step);
        return value;
      };
      const auto expected = (at_step(1e-6) - at_step(-1e-6)) / 2e-6;
      const auto actual = (item.value().grad() * direction).sum().item<double>();
      EXPECT_NEAR(actual, expected, 1e-6 * std::max(1.0, std::abs(expected))) << name << " " << item.key();
    }
  }
}

TEST(SegmentModels, BadSettingsAreNamed) {
  const auto message = [](const std::string& name, const ForecastSizes& sizes, Json config) -> std::string {
    try {
      make(name, sizes, config);
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  const ForecastSizes sizes{.lookback = 90, .horizon = 1, .channels = 2, .targets = 2};
  EXPECT_EQ(message("samovar", sizes, {{"d_model", 10}, {"n_heads", 4}}),
            "model.n_heads is 4; expected a divisor of the width 10 (model.d_model)");
  EXPECT_EQ(message("samovar", sizes, {{"number_of_targets", 3}}),
            "model.number_of_targets is 3; the data have only 2 channels");
  EXPECT_EQ(message("fixedvar", sizes, {}),
            "fixedvar: a lookback of 90 with horizon 1 makes 90 segments; expected at most 64: shorten the lookback");
}

}  // namespace
}  // namespace longwave
