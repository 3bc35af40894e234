// The channel-independent, linear and naive forecasters, iTransformer and TiDE: fixtures of the reference and
// properties.

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "longwave/models/fixture.h"
#include "longwave/models/forecaster.h"
#include "longwave/models/seasonality.h"

namespace longwave {
namespace {

std::shared_ptr<Forecaster> make(const std::string& name, const ForecastSizes& sizes, const Json& config = {}) {
  const auto& info = find_forecaster(name);
  const auto settings = config.empty() ? Settings{} : settings_from_json(config, "test");
  return info.make(sizes, info.resolve(settings, "model", false), 7);
}

ForecastInput input_of(const ForecastSizes& sizes, std::int64_t batch) {
  at::manual_seed(5);
  ForecastInput in;
  in.x = at::randn({batch, sizes.lookback, sizes.channels}).cumsum(1) * 0.3;
  in.x_mark = at::rand({batch, sizes.lookback, sizes.time_features}) - 0.5;
  in.y_mark = at::rand({batch, sizes.label + sizes.horizon, sizes.time_features}) - 0.5;
  return in;
}

TEST(ForecasterFixtures, EveryStoredNumberIsReproduced) {
  const std::filesystem::path golden = LONGWAVE_SOURCE_DIR "/tests/golden/forecasting";
  for (const auto* name : {"linear", "linear_individual", "nlinear", "dlinear", "dlinear_individual", "rlinear", "fits",
                           "patchtst", "patchtst_short_window", "itransformer", "tide"}) {
    const auto report = run_fixture(golden / (std::string(name) + ".safetensors"));
    EXPECT_TRUE(report.ok()) << name << ": " << report.failed << " " << report.skipped << " "
                             << (report.worst() ? report.worst()->name : "");
    EXPECT_TRUE(report.not_compared.empty()) << name;
  }
}

/// A model, options of it, and the parameters that no gradient reaches by the specification.
struct Case {
  std::string label, model;
  Json config;
  std::set<std::string> dead = {};
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.label; }

std::vector<Case> cases() {
  const Json small = {{"d_model", 8}, {"n_heads", 2}, {"e_layers", 2}, {"d_ff", 12}};
  const auto with = [](Json json, const Json& more) {
    json.update(more);
    return json;
  };
  const Json dense = {{"d_model", 6}, {"e_layers", 3}, {"d_layers", 3}, {"d_ff", 5}};
  return {
      {"linear", "linear", {}},
      {"linear_individual", "linear", {{"individual", 1}}},
      {"nlinear_individual", "nlinear", {{"individual", true}}},
      {"dlinear_window", "dlinear", {{"moving_avg", 5}, {"individual", 1}}},
      {"rlinear", "rlinear", {}},
      {"rlinear_last", "rlinear", {{"subtract_last", 1}, {"affine", 0}, {"individual", 1}}},
      {"fits", "fits", {}},
      {"fits_individual", "fits", {{"individual", 1}, {"cut_freq", 7}}},
      {"patchtst", "patchtst", small},
      {"patchtst_plain", "patchtst", with(small, {{"revin", 0}, {"padding_patch", nullptr}, {"stride", 5}})},
      {"patchtst_parts", "patchtst", with(small, {{"decomposition", 1}, {"kernel_size", 7}, {"individual", 1}})},
      {"patchtst_affine", "patchtst", with(small, {{"affine", 1}, {"subtract_last", 1}, {"patch_len", 7}})},
      {"itransformer", "itransformer", small},
      {"itransformer_relu", "itransformer", with(small, {{"activation", "relu"}})},
      {"tide_fixed", "tide", with(dense, {{"temporal_norm", false}})},
      {"tide",
       "tide",
       dense,
       {"feature_encoder", "encoders", "decoders", "temporalDecoder.fc", "temporalDecoder.ln.weight"}},
  };
}

class ForecasterA : public testing::TestWithParam<Case> {
 protected:
  const ForecastSizes sizes{.lookback = 37, .horizon = 11, .channels = 3, .targets = 3, .label = 4, .time_features = 5};
};

TEST_P(ForecasterA, SameForecastTwiceInEvaluationAndEachSampleForItself) {
  auto model = make(GetParam().model, sizes, GetParam().config);
  model->eval();
  const auto in = input_of(sizes, 3);
  const auto first = model->forward(in).forecast;
  EXPECT_EQ(first.sizes(), (at::IntArrayRef{3, 11, 3}));
  EXPECT_TRUE(at::equal(first, model->forward(in).forecast));
  auto one = in;
  one.x = in.x.narrow(0, 1, 1), one.x_mark = in.x_mark.narrow(0, 1, 1), one.y_mark = in.y_mark.narrow(0, 1, 1);
  EXPECT_TRUE(at::allclose(model->forward(one).forecast, first.narrow(0, 1, 1), 1e-4, 1e-5));
}

TEST_P(ForecasterA, GradientReachesEveryLivingParameter) {
  auto model = make(GetParam().model, sizes, GetParam().config);
  model->train();
  const auto forecast = model->forward(input_of(sizes, 4)).forecast;
  (forecast * at::randn_like(forecast)).sum().backward();
  for (const auto& item : model->named_parameters()) {
    const bool dead = std::any_of(GetParam().dead.begin(), GetParam().dead.end(),
                                  [&](const auto& prefix) { return item.key().starts_with(prefix); });
    const auto& gradient = item.value().grad();
    const bool reached = gradient.defined() && gradient.abs().max().item<double>() > 1e-12;
    // Softmax is blind to a shift of all scores; rounding leaves a trace.
    const bool blind = item.key().ends_with("W_K.bias") || item.key().ends_with("key_projection.bias");
    if (!blind) {
      EXPECT_EQ(reached, !dead) << item.key();
    }
  }
}

TEST_P(ForecasterA, WeightsMoveToAnotherModel) {
  auto from = make(GetParam().model, sizes, GetParam().config);
  const auto& info = find_forecaster(GetParam().model);
  const auto settings = GetParam().config.empty() ? Settings{} : settings_from_json(GetParam().config, "test");
  auto to = info.make(sizes, info.resolve(settings, "model", false), 8);
  to->load(from->state(), "other model");
  from->eval(), to->eval();
  const auto in = input_of(sizes, 2);
  EXPECT_TRUE(at::equal(from->forward(in).forecast, to->forward(in).forecast));
}

TEST_P(ForecasterA, FewerTargetsAreTheLastChannels) {
  auto all = make(GetParam().model, sizes, GetParam().config);
  auto fewer_sizes = sizes;
  fewer_sizes.targets = 2;
  auto fewer = make(GetParam().model, fewer_sizes, GetParam().config);
  fewer->load(all->state(), "same model");
  all->eval(), fewer->eval();
  const auto in = input_of(sizes, 2);
  EXPECT_TRUE(at::equal(all->forward(in).forecast.narrow(2, 1, 2), fewer->forward(in).forecast));
}

INSTANTIATE_TEST_SUITE_P(All, ForecasterA, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.label; });

TEST(Naive, ExactValues) {
  const ForecastSizes sizes{.lookback = 5, .horizon = 3, .channels = 2, .targets = 1};
  ForecastInput in;
  in.x = at::arange(10, at::kFloat).view({1, 5, 2});  // the target is 1 3 5 7 9
  const auto forecast = [&](const std::string& name, const Json& config) {
    return make(name, sizes, config)->forward(in).forecast.flatten();
  };
  EXPECT_TRUE(at::equal(forecast("naive-last", {}), at::tensor({9.F, 9.F, 9.F})));
  EXPECT_TRUE(at::equal(forecast("mean", {}), at::tensor({5.F, 5.F, 5.F})));
  EXPECT_TRUE(at::equal(forecast("seasonal-naive", {{"period", 2}}), at::tensor({7.F, 9.F, 7.F})));
  EXPECT_THROW(forecast("seasonal-naive", {{"period", 6}}), UserError);
}

TEST(Naive, PeriodIsFoundPerSeriesAndNoiseHasNone) {
  at::manual_seed(3);
  const auto t = at::arange(200, at::kFloat);
  const auto noise = at::randn({200}) * 0.3;
  const auto x = at::stack({at::sin(t * (2 * M_PI / 24)) + noise, at::sin(t * (2 * M_PI / 7)) + 0.05 * t,
                            at::randn({200}), at::full({200}, 4.F), 3 * t},
                           1)
                     .unsqueeze(0);
  const auto period = detect_period(x)[0];
  EXPECT_EQ(period[0].item<int>(), 24);
  EXPECT_EQ(period[1].item<int>(), 7);
  EXPECT_EQ(period[2].item<int>(), 1);
  EXPECT_EQ(period[3].item<int>(), 1);
  EXPECT_EQ(period[4].item<int>(), 1);
  const auto walks = at::randn({50, 200, 1}).cumsum(1);
  EXPECT_LE(detect_period(walks).ne(1).sum().item<int>(), 5);
}

TEST(Naive, DetectedPeriodIsRepeated) {
  const ForecastSizes sizes{.lookback = 48, .horizon = 20, .channels = 1, .targets = 1};
  const auto t = at::arange(68).remainder(12).to(at::kFloat).square().view({1, 68, 1});
  ForecastInput in;
  in.x = t.narrow(1, 0, 48);
  EXPECT_TRUE(at::equal(make("seasonal-naive", sizes)->forward(in).forecast, t.narrow(1, 48, 20)));
}

TEST(ForecasterOptions, DropoutComesFromTheModelsOwnStream) {
  const ForecastSizes sizes{.lookback = 32, .horizon = 4, .channels = 2, .targets = 2};
  auto model = make("patchtst", sizes);
  const auto in = input_of(sizes, 2);
  const auto state = model->random;
  const auto first = model->forward(in).forecast;
  EXPECT_FALSE(at::equal(first, model->forward(in).forecast));
  model->random = state;
  EXPECT_TRUE(at::equal(first, model->forward(in).forecast));
}

TEST(ForecasterOptions, SizesThatDoNotFitAreUserErrors) {
  const ForecastSizes sizes{.lookback = 12, .horizon = 4, .channels = 2, .targets = 2};
  EXPECT_THROW(make("patchtst", sizes, {{"stride", 3}}), UserError);                       // patch 16 > 12 + 3 steps
  EXPECT_THROW(make("itransformer", sizes, {{"d_model", 9}, {"n_heads", 2}}), UserError);  // 9 is no multiple of 2
  EXPECT_THROW(make("dlinear", sizes, {{"moving_avg", 4}}), UserError);                    // even window
}

}  // namespace
}  // namespace longwave
