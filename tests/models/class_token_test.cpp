// Classifiers that read a learnt class token in front of the steps (pool = "cls").

#include <gtest/gtest.h>

#include "longwave/base/check.h"
#include "longwave/models/classifier.h"
#include "longwave/models/flops.h"

namespace longwave {
namespace {

constexpr std::int64_t kTokens = 5, kWidth = 8, kLongest = 9;

ClassifierConfig config_of(const std::string& pool, const std::string& positions = "none") {
  ClassifierConfig config;
  config.backbone = {.mixer = "attention",
                     .mixer_settings = {{"causal", false}, {"heads", 2}, {"rotary", "none"}},
                     .channel = "mlp",
                     .d_model = kWidth,
                     .layers = 2,
                     .l_max = kLongest};
  config.tokens = kTokens;
  config.classes = 3;
  config.pool = pool;
  config.positions = positions;
  return config;
}

/// In double precision, with a class token that is not zero.
std::shared_ptr<Classifier> make(const ClassifierConfig& config) {
  auto model = std::make_shared<Classifier>(config, 1);
  model->to(at::kDouble);
  model->eval();
  auto weights = model->state();
  weights.at("encoder.class_token") = at::randn({kWidth}, at::kDouble);
  model->load(weights, "test");
  return model;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

at::Tensor lengths_of(const std::vector<std::int64_t>& lengths) { return at::tensor(lengths, at::kLong); }

/// The token kTokens of a model without class token is embedded as that of `model`.
std::shared_ptr<Classifier> with_a_token_for_it(const Classifier& model) {
  auto config = config_of("first", model.config().positions);
  ++config.tokens, ++config.backbone.l_max;
  auto other = std::make_shared<Classifier>(config, 2);
  other->to(at::kDouble);
  other->eval();
  auto weights = model.state();
  const auto token = weights.extract("encoder.class_token").mapped();
  weights.at("encoder.weight") = at::cat({weights.at("encoder.weight"), token.unsqueeze(0)});
  other->load(weights, "test");
  return other;
}

TEST(ClassToken, IsAFirstStepAtPositionZero) {
  for (const std::string positions : {"none", "sinusoidal", "learned"}) {
    const auto model = make(config_of("cls", positions));
    const auto x = at::randint(kTokens, {2, kLongest}, at::kLong);  // the longest: l_max has grown by one
    const auto prefixed = at::cat({at::full({2, 1}, kTokens, at::kLong), x}, 1);
    const auto other = with_a_token_for_it(*model);
    EXPECT_LT(largest_difference(model->forward(x), other->forward(prefixed)), 1e-12) << positions;
    EXPECT_LT(largest_difference(model->forward(x, lengths_of({9, 3})), other->forward(prefixed, lengths_of({10, 4}))),
              1e-12)
        << positions;
    EXPECT_LT(largest_difference(model->features(x), other->features(prefixed).narrow(1, 1, kLongest)), 1e-12)
        << positions << ": features are those of the steps";
  }
}

TEST(ClassToken, PaddedRowsGiveTheLogitsOfTheRowsAlone) {
  auto both_directions = config_of("cls", "learned");
  both_directions.backbone.mixer = "mingru", both_directions.backbone.mixer_settings = Json::object();
  both_directions.backbone.bidirectional = true;
  for (const auto& config : {config_of("cls", "learned"), both_directions}) {
    const auto model = make(config);
    const auto x = at::randint(kTokens, {2, kLongest}, at::kLong);
    const auto logits = model->forward(x, lengths_of({9, 3}));
    EXPECT_LT(largest_difference(logits[1], model->forward(x[1].narrow(0, 0, 3).unsqueeze(0))[0]), 1e-10);
    auto other = x.clone();
    other[0][8].add_(1).remainder_(kTokens);
    EXPECT_GT(largest_difference(model->forward(other, lengths_of({9, 3}))[0], logits[0]), 1e-6)
        << "all steps are seen";
  }
}

TEST(ClassToken, StandsBeforeNumbersPairsAndScoredStepsToo) {
  auto config = config_of("cls");
  config.tokens = 0, config.inputs = 2;
  EXPECT_EQ(make(config)->forward(at::randn({4, 6, 2}, at::kDouble)).sizes(), (std::vector<std::int64_t>{4, 3}));
  config.head = "pair";
  EXPECT_EQ(make(config)->forward(at::randn({4, 6, 2}, at::kDouble)).sizes(), (std::vector<std::int64_t>{2, 3}));
  config.head = "steps";  // so that pretraining, which scores steps, has the parameters of the task
  EXPECT_EQ(make(config)->forward(at::randn({4, 6, 2}, at::kDouble)).sizes(), (std::vector<std::int64_t>{4, 6, 3}));
}

TEST(ClassToken, CountsAsAVectorOfTheEmbeddingAndAStepOfWork) {
  Classifier with(config_of("cls", "learned"), 1), without(config_of("first", "learned"), 1);
  const auto before = parameter_parts(without), parts = parameter_parts(with);
  EXPECT_EQ(parts.embedding - before.embedding, 2 * kWidth);  // and its position
  EXPECT_EQ(parts.body, before.body);
  EXPECT_EQ(parts.head, before.head);
  const auto flops = [](Classifier& model, std::int64_t t) {
    return count_flops([&] { model.forward(at::zeros({1, t}, at::kLong)); }).flops;
  };
  EXPECT_EQ(flops(with, 5), flops(without, 6));
}

TEST(ClassToken, LearnsAndBeginsAtZero) {
  Classifier model(config_of("cls"), 1);
  const auto token = model.named_parameters()["encoder.class_token"];
  EXPECT_EQ(token.abs().max().item<double>(), 0);
  model.forward(at::randint(kTokens, {2, 4}, at::kLong)).square().sum().backward();
  EXPECT_GT(token.grad().abs().max().item<double>(), 0);
}

std::string refusal_of(const ClassifierConfig& config) {
  try {
    Classifier model(config, 1);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST(ClassToken, IsRefusedBeforeACausalMixer) {
  auto config = config_of("cls");
  config.backbone.mixer_settings = {{"heads", 2}};
  EXPECT_NE(refusal_of(config).find("attention is causal here, so that a class token"), std::string::npos);
}

TEST(FirstStep, IsRefusedOfACausalMixer) {
  auto config = config_of("first");
  config.backbone.mixer_settings = {{"heads", 2}};
  EXPECT_NE(refusal_of(config).find("attention is causal here, so that the first step sees no other"),
            std::string::npos);
  config.head = "pair";
  EXPECT_NE(refusal_of(config), "");
  config.head = "steps";  // reads them all
  EXPECT_EQ(refusal_of(config), "");
}

}  // namespace
}  // namespace longwave
