// Attention, convolution and decomposition forecasters: numbers of the reference programs, and properties.

#include <gtest/gtest.h>

#include <set>

#include "longwave/models/fixture.h"
#include "longwave/models/forecaster.h"

namespace longwave {
namespace {

const std::string kGolden = LONGWAVE_SOURCE_DIR "/tests/golden/forecasting/";

class Reference : public testing::TestWithParam<const char*> {};

TEST_P(Reference, EverythingStoredAgrees) {
  const auto report = run_fixture(kGolden + GetParam() + ".safetensors");
  EXPECT_EQ(report.failed + report.skipped, "");
  for (const auto& part : report.compared) EXPECT_LE(part.error, part.tolerance) << part.name;
  EXPECT_TRUE(report.not_compared.empty()) << report.not_compared.front();
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Reference,
                         testing::Values("cats", "cats_grad", "cats_no_gate", "timesnet", "formerbaseline", "informer",
                                         "autoformer", "transformer", "transformer_values_only"));

/// A model on small odd sizes, the last 2 of 3 channels forecast.
struct Case {
  const char* model;
  Json config;
  std::set<std::string> unused = {};  // weights that the reference has but never reads
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.model << " " << c.config.dump(); }

class Properties : public testing::TestWithParam<Case> {
 protected:
  static std::shared_ptr<Forecaster> make(std::uint64_t seed = 7) {
    const auto& info = find_forecaster(GetParam().model);
    const auto config = info.resolve(settings_from_json(GetParam().config, "test"), "model", false);
    return info.make({.lookback = 37, .horizon = 11, .channels = 3, .targets = 2, .label = 13, .time_features = 5},
                     config, seed);
  }

  static ForecastInput input() {
    at::manual_seed(5);
    ForecastInput in{at::randn({4, 37, 3}), at::rand({4, 37, 5}) - 0.5, {}, at::rand({4, 24, 5}) - 0.5, true, {}};
    in.x_dec = at::cat({in.x.narrow(1, 24, 13), at::zeros({4, 11, 3})}, 1);
    return in;
  }
};

TEST_P(Properties, EvaluationRepeatsAndHasTheShapeOfTheTargets) {
  const auto model = make(), twin = make();
  model->eval();
  twin->eval();
  const auto y = model->forward(input()).forecast;
  EXPECT_EQ(y.sizes(), at::IntArrayRef({4, 11, 2}));
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_TRUE(at::equal(y, twin->forward(input()).forecast));
  EXPECT_TRUE(at::equal(y, model->forward(input()).forecast));
}

TEST_P(Properties, TrainingRepeatsFromTheStateOfTheStreamAlone) {
  const auto model = make();
  const auto start = model->random;
  const auto first = model->forward(input()).forecast;
  const auto other = model->forward(input()).forecast;
  model->random = start;
  EXPECT_TRUE(at::equal(first, model->forward(input()).forecast));
  EXPECT_FALSE(at::equal(first, other));
}

TEST_P(Properties, GradientsReachEveryUsedWeight) {
  const auto model = make();
  const at::NoGradGuard no_grad;
  for (auto& weight : model->parameters()) weight.add_(0.02 * at::randn_like(weight));  // some start at zero
  const at::AutoGradMode grad(true);
  const auto out = model->forward(input());
  auto loss = out.forecast.square().mean();
  for (const auto& [name, extra] : out.extra_losses) loss = loss + extra;
  loss.backward();
  for (const auto& item : model->named_parameters()) {
    const auto gradient = item.value().grad();
    const bool reached = gradient.defined() && gradient.isfinite().all().item<bool>() && gradient.any().item<bool>();
    EXPECT_EQ(reached, GetParam().unused.count(item.key()) == 0) << item.key();
  }
}

TEST_P(Properties, StateOfOneModelMakesAnotherTheSame) {
  const auto model = make(1), other = make(2);
  other->load(model->state(), "test");
  model->eval();
  other->eval();
  EXPECT_TRUE(at::equal(model->forward(input()).forecast, other->forward(input()).forecast));
}

Json small(Json extra) {
  Json config = {{"d_model", 12}, {"n_heads", 3}, {"d_ff", 10}};
  config.update(extra);
  return config;
}

TEST(Cats, ForecastsInDoubleWithAndWithoutTheGate) {
  for (const bool gate : {true, false}) {
    const auto& info = find_forecaster("cats");
    const Json settings = {{"mlp_ratio", 1}, {"mid_gate", gate}};
    const auto config = info.resolve(settings_from_json(settings, "test"), "model", false);
    const auto model = info.make({.lookback = 37, .horizon = 11, .channels = 3, .targets = 2}, config, 7);
    model->eval();
    at::manual_seed(5);
    ForecastInput in;
    in.x = at::randn({4, 37, 3});
    in.with_losses = true;
    const auto expected = model->forward(in);
    model->to(at::kDouble);
    in.x = in.x.to(at::kDouble);
    const auto out = model->forward(in);
    EXPECT_EQ(out.forecast.scalar_type(), at::kDouble);
    EXPECT_LT((out.forecast - expected.forecast).abs().max().item<double>(), 1e-4) << gate;
    const auto loss = expected.extra_losses.at("continuity").item<double>();
    EXPECT_NEAR(out.extra_losses.at("continuity").item<double>(), loss, 1e-4 * loss) << gate;
  }
}

const std::set<std::string> kCatsUnused = {"channel_w", "channel_b"};
INSTANTIATE_TEST_SUITE_P(
    Models, Properties,
    testing::Values(Case{"cats", {{"mlp_ratio", 2}}, kCatsUnused},
                    Case{"cats",
                         {{"F_conv_output", 3},
                          {"F_noconv_output", 2},
                          {"F_gconv_output_rate", 2},
                          {"F_lin_output", 5},
                          {"F_id_output_rate", 2},
                          {"F_emb_output", 1},
                          {"mlp_ratio", 1}},
                         kCatsUnused},
                    Case{"cats", {{"mlp_ratio", 1}, {"mid_gate", false}}, kCatsUnused},
                    Case{"timesnet", {{"d_model", 8}, {"d_ff", 6}, {"num_kernels", 3}, {"top_k", 4}}},
                    Case{"formerbaseline", {{"d_model", 12}, {"n_heads", 3}, {"e_layers", 2}, {"mlp_ratio", 2}}},
                    Case{"transformer", small({{"activation", "relu"}, {"d_layers", 2}})},
                    Case{"transformer", small({{"embed_type", 2}})},
                    Case{"transformer",
                         small({{"embed_type", 4}}),
                         {"enc_embedding.temporal_embedding.embed.weight",
                          "dec_embedding.temporal_embedding.embed.weight"}},
                    Case{"informer", small({{"e_layers", 3}, {"factor", 2}})},
                    Case{"informer", small({{"distil", false}, {"d_layers", 2}, {"activation", "relu"}})},
                    Case{"autoformer", small({{"moving_avg", 7}, {"factor", 2}})},
                    Case{"autoformer", small({{"d_layers", 2}, {"e_layers", 1}, {"activation", "relu"}})}));

}  // namespace
}  // namespace longwave
