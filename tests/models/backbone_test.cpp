// Stacks of blocks, classifiers and language models.

#include "longwave/models/backbone.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "longwave/base/check.h"
#include "longwave/models/classifier.h"
#include "longwave/models/language_model.h"
#include "tests/support/error_message.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

BackboneConfig small(const std::string& mixer, const std::string& channel = "none") {
  BackboneConfig config;
  config.mixer = mixer;
  config.channel = channel;
  config.d_model = 8;
  config.layers = 2;
  return config;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

class Stack : public ::testing::TestWithParam<std::tuple<std::string, bool, std::string>> {
 protected:
  std::shared_ptr<Backbone> make() const {
    auto config = small("mingru", std::get<2>(GetParam()));
    config.norm = std::get<0>(GetParam());
    config.prenorm = std::get<1>(GetParam());
    auto backbone = std::make_shared<Backbone>(config, 3);
    backbone->to(at::kDouble);
    backbone->eval();
    return backbone;
  }
};

TEST_P(Stack, AnySplitWithCarriedStateIsTheWhole) {
  const auto backbone = make();
  const at::NoGradGuard no_grad;
  const auto x = at::randn({2, 11, 8}, at::kDouble);
  const auto whole = backbone->forward(x);
  auto state = backbone->initial_state(2);
  std::vector<at::Tensor> pieces;
  for (const auto& piece : x.split(4, 1)) pieces.push_back(backbone->forward(piece, {}, &state));
  EXPECT_LT(largest_difference(at::cat(pieces, 1), whole), 1e-10);
}

TEST_P(Stack, PaddingInfluencesNothing) {
  const auto backbone = make();
  const auto lengths = at::tensor(std::vector<std::int64_t>{9, 4}, at::kLong);
  auto x = at::randn({2, 9, 8}, at::kDouble);
  x[1].narrow(0, 4, 5).fill_(1e4);
  const auto y = backbone->forward(x, lengths);
  EXPECT_LT(largest_difference(y[1].narrow(0, 0, 4), backbone->forward(x[1].narrow(0, 0, 4).unsqueeze(0))[0]), 1e-10);
  EXPECT_EQ(y[1].narrow(0, 4, 5).abs().max().item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(NormsAndPlaces, Stack,
                         ::testing::Combine(::testing::Values("layer", "rms", "batch", "scalar", "none"),
                                            ::testing::Bool(), ::testing::Values("none", "swiglu")));

TEST(Backbone, InitialMemoriesDependOnThePlaceInTheStack) {
  const auto places = at::arange(8, at::kDouble) / 7;
  const auto of_layer = [](const Backbone& model, int layer, const std::string& name) {
    return model.named_parameters()["layers." + std::to_string(layer) + ".mixer." + name].detach().to(at::kDouble);
  };
  auto config = small("rwkv4");
  config.layers = 3;
  const Backbone rwkv(config, 1);
  config.mixer = "slstm";
  config.mixer_settings = {{"heads", 1}};
  const Backbone slstm(config, 1);
  for (int layer = 0; layer < 3; ++layer) {
    const double depth = layer / 2.0;
    EXPECT_LT(largest_difference(of_layer(rwkv, layer, "time_decay"), -5 + 8 * places.pow(0.7 + 1.3 * depth)), 1e-6);
    EXPECT_LT(largest_difference(of_layer(slstm, layer, "b").select(0, 1)[0], 5 - 12 * places.pow(0.3 + 1.3 * depth)),
              1e-5);
  }
}

TEST(Backbone, LongSequencesAreEvaluatedInPiecesAsTheWhole) {
  for (const auto* mixer : {"mingru", "mamba", "deltanet"}) {
    Backbone model(small(mixer), 3);
    model.to(at::kDouble);  // DeltaNet's unit keys magnify the rounding of products of other sizes
    model.eval();
    const auto x = at::randn({2, 5001, 8}, at::kDouble);
    const auto lengths = at::tensor({5001, 2100}, at::kLong);
    auto state = model.initial_state(2);
    const auto whole = model.forward(x, lengths, &state).detach();  // with gradients: at once
    const at::NoGradGuard no_grad;
    auto carried = model.initial_state(2);
    EXPECT_LT(largest_difference(model.forward(x, lengths, &carried), whole), 1e-9) << mixer;
    EXPECT_LT(largest_difference(model.forward(x, lengths), whole), 1e-9) << mixer;
    for (const auto& [name, tensor] : state)
      EXPECT_LT(largest_difference(carried.at(name), tensor), 1e-9) << mixer << " " << name;
  }
}

TEST(Backbone, BatchNormInTrainingCountsOnlyRealSteps) {
  auto config = small("mingru");
  config.norm = "batch";
  Backbone padded(config, 3), exact(config, 3);
  const auto x = at::randn({1, 5, 8});
  const auto y = exact.forward(x);
  const auto longer = at::cat({x, at::full({1, 3, 8}, 1e3)}, 1);
  const auto y_padded = padded.forward(longer, at::tensor(std::vector<std::int64_t>{5}, at::kLong));
  EXPECT_LT(largest_difference(y_padded.narrow(1, 0, 5), y), 1e-5);
  for (const auto& [name, tensor] : exact.state())
    EXPECT_LT(largest_difference(padded.state().at(name), tensor), 1e-5) << name;
}

TEST(Backbone, BatchNormRefusesToLearnFromOneStep) {
  Backbone model({.mixer = "conv", .d_model = 4, .layers = 1, .norm = "batch"}, 1);
  testing::expect_error(
      [&] {
        model.forward(at::randn({1, 1, 4}));
      },
      "batch norm: a batch of one step has no variance; expected a larger batch");
  model.eval();
  EXPECT_TRUE(at::isfinite(model.forward(at::randn({1, 1, 4}))).all().item<bool>());
}

TEST(Backbone, TiedDropoutHasOneMaskForAllSteps) {
  auto config = small("mingru");
  config.layers = 1;
  config.prenorm = false;
  config.norm = "none";
  config.dropout = 0.5;
  config.tied_dropout = true;
  Backbone backbone(config, 3);
  const auto x = at::randn({3, 7, 8});
  const auto added = backbone.forward(x) - x;  // dropout(mixer(x))
  const auto dropped = (added == 0).to(at::kLong).sum(1);
  EXPECT_TRUE(((dropped == 0) | (dropped == 7)).all().item<bool>());
  EXPECT_GT((dropped == 7).sum().item<std::int64_t>(), 0);
}

TEST(Backbone, DropoutOfItsMixersIsRestoredWithItsOwnStream) {
  for (const std::string mixer : {"s4_block", "sgconv"}) {
    auto config = small(mixer);
    config.mixer_settings = {{"dropout", 0.5}};
    Backbone model(config, 3);
    const auto x = at::randn({2, 7, 8});
    const auto saved = model.random;
    const auto first = model.forward(x);
    EXPECT_FALSE(at::equal(model.forward(x), first)) << mixer;
    model.random = saved;
    EXPECT_TRUE(at::equal(model.forward(x), first)) << mixer;
  }
}

TEST(Backbone, ScalarNormOfAConstantStepIsFinite) {
  auto config = small("mingru");
  config.norm = "scalar";
  Backbone model(config, 3);
  auto x = at::randn({1, 3, 8});
  x.select(1, 0).zero_();  // as a class token is at the start
  x.requires_grad_();
  const auto y = model.forward(x);
  y.sum().backward();
  EXPECT_TRUE(at::isfinite(y).all().item<bool>());
  EXPECT_TRUE(at::isfinite(x.grad()).all().item<bool>());
}

TEST(Backbone, NamesAMixerThatDoesNotKeepTheWidth) {
  auto config = small("s4d");
  config.mixer_settings = {{"channels", 2}};
  Backbone model(config, 3);
  EXPECT_EQ(testing::message([&] {
              model.forward(at::zeros({1, 3, 8}));
            }),
            "backbone: with these settings s4d gives 16 features for 8; expected as many, to be added to what went in "
            "(channels = 1)");
}

TEST(Backbone, RefusesInputsOnAnotherDevice) {
  Backbone model(small("mingru"), 3);
  const auto x = at::zeros({1, 3, 8});
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto refuses = [](const std::function<void()>& call, const char* line) {
    EXPECT_EQ(testing::message(call), line);
  };
  refuses(
      [&] {
        model.forward(at::zeros({1, 3, 8}, meta));
      },
      "backbone: x is on meta; expected cpu, where the weights are");
  refuses([&] { model.forward(x, at::zeros({1}, meta.dtype(at::kLong))); },
          "backbone: lengths is on meta; expected cpu like the sequences");
  auto state = model.initial_state(1);
  for (auto& [name, tensor] : state) tensor = at::zeros(tensor.sizes(), meta);
  refuses([&] { model.forward(x, {}, &state); }, "mingru: state h is on meta; expected cpu like x");
}

TEST(Backbone, BidirectionalBlocksSeeBothSidesAndNoPadding) {
  auto config = small("mingru");
  config.bidirectional = true;
  Backbone backbone(config, 3);
  backbone.to(at::kDouble);
  EXPECT_FALSE(backbone.properties().causal);
  EXPECT_THROW(backbone.initial_state(1), UserError);
  const auto x = at::randn({2, 9, 8}, at::kDouble);
  const auto lengths = at::tensor(std::vector<std::int64_t>{9, 4}, at::kLong);
  const auto y = backbone.forward(x, lengths);
  EXPECT_LT(largest_difference(y[1].narrow(0, 0, 4), backbone.forward(x[1].narrow(0, 0, 4).unsqueeze(0))[0]), 1e-10);
  auto other = x.clone();
  other[0][8].add_(1);
  EXPECT_GT(largest_difference(backbone.forward(other, lengths)[0][0], y[0][0]), 1e-6)
      << "the first step sees the last";
}

TEST(Backbone, ReversedStepsKeepThePaddingBehind) {
  const auto x = at::arange(8, at::kDouble).view({2, 4, 1});
  const auto y = reverse_steps(x, at::tensor(std::vector<std::int64_t>{4, 2}, at::kLong)).flatten();
  EXPECT_TRUE(at::equal(y, at::tensor(std::vector<double>{3, 2, 1, 0, 5, 4, 6, 7}, at::kDouble)));
}

TEST(Backbone, ScalesTheStepOfEveryMixer) {
  auto config = small("s4d");
  config.bidirectional = true;
  Backbone scaled(config, 3), other(config, 3);
  scaled.to(at::kDouble), other.to(at::kDouble);
  scaled.scale_step(2);
  const at::NoGradGuard no_grad;
  std::int64_t steps = 0;
  for (auto& [name, tensor] : other.state())
    if (name.ends_with("inv_dt")) tensor.add_(std::log(2.0)), ++steps;
  EXPECT_EQ(steps, 4);  // two layers, two directions
  const auto x = at::randn({2, 9, 8}, at::kDouble);
  EXPECT_LT(largest_difference(scaled.forward(x), other.forward(x)), 1e-10);
}

TEST(Backbone, NamesTheMixerThatHasNoStep) {
  Backbone backbone(small("mingru"), 3);
  try {
    backbone.scale_step(2);
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("mingru"), std::string::npos) << error.what();
  }
  Backbone other(small("s4d"), 3);
  for (const double factor : {0.0, -1.0, std::nan("")}) EXPECT_THROW(other.scale_step(factor), UserError) << factor;
}

TEST(Backbone, RefusesTheStateOfAnotherModel) {
  auto config = small("mamba");
  Backbone model(config, 3);
  config.layers = 3;
  Backbone deeper(config, 3);
  config.layers = 1;
  Backbone flatter(config, 3);
  config = small("mamba");
  config.d_model = 16;
  Backbone wider(config, 3);
  const auto x = at::randn({1, 3, 8});
  const auto of = [&](Backbone& other) {
    auto state = other.initial_state(1);
    return testing::message([&] { model.forward(x, {}, &state); });
  };
  EXPECT_EQ(of(model), "accepted");
  EXPECT_EQ(of(deeper),
            "backbone: the state has '2.conv', but there are 2 layers, from 0; expected one of this model's "
            "initial_state");
  EXPECT_NE(of(flatter).find("mamba: the state has no 'conv'"), std::string::npos) << of(flatter);
  EXPECT_NE(of(wider).find("mamba: state conv is Float [1, 4, 32]; expected Float [1, 4, 16]"), std::string::npos)
      << of(wider);
}

TEST(Backbone, RefusesAnotherTypeThanTheWeightsUnderEveryNorm) {
  for (const auto& norm : sequence_norm_kinds())
    for (const bool prenorm : {true, false}) {
      auto config = small("mingru");
      config.norm = norm;
      config.prenorm = prenorm;
      Backbone model(config, 3);
      const auto of = [&](at::ScalarType type) {
        return testing::message([&] { model.forward(at::zeros({1, 3, 8}, type)); });
      };
      EXPECT_EQ(of(at::kDouble), "backbone: x is Double; expected Float like the weights") << norm;
      EXPECT_EQ(of(at::kLong), "backbone: x is Long; expected Float like the weights") << norm;
      model.to(at::kDouble);
      EXPECT_EQ(of(at::kFloat), "backbone: x is Float; expected Double like the weights") << norm;
    }
}

TEST(Backbone, RefusesLengthsOutOfRange) {
  for (const bool bidirectional : {false, true}) {
    auto config = small("mingru");
    config.bidirectional = bidirectional;
    Backbone model(config, 3);
    model.eval();
    const at::NoGradGuard no_grad;
    for (const std::int64_t t : {8, 5001})
      for (const std::int64_t length : {t + 1, std::int64_t{-1}})
        EXPECT_EQ(testing::message([&] {
                    model.forward(at::randn({1, t, 8}), at::full({1}, length, at::kLong));
                  }),
                  "backbone: lengths[0] is " + std::to_string(length) + "; expected 0 .. t = " + std::to_string(t));
  }
}

TEST(Backbone, NamesAnUnknownMixerOrSetting) {
  EXPECT_THROW(Backbone(small("mingro"), 0), UserError);
  auto config = small("mingru");
  config.mixer_settings = {{"expansion", 2}};
  EXPECT_THROW(Backbone(config, 0), UserError);
}

TEST(Pooling, SpeaksOfTheTrueLength) {
  const auto y = at::arange(12, at::kDouble).view({2, 3, 2});  // rows 0..5 and 6..11
  const auto lengths = at::tensor(std::vector<std::int64_t>{2, 3}, at::kLong);
  const auto pooled = [&](const std::string& kind) { return pool_sequence(kind, y, lengths).contiguous(); };
  const auto expect = [&](const std::string& kind, std::vector<double> numbers) {
    EXPECT_TRUE(at::equal(pooled(kind).view({-1}), at::tensor(numbers, at::kDouble))) << kind;
  };
  expect("mean", {1, 2, 8, 9});
  expect("sum", {2, 4, 24, 27});
  expect("max", {2, 3, 10, 11});
  expect("last", {2, 3, 10, 11});
  expect("first", {0, 1, 6, 7});
  EXPECT_THROW(pooled("median"), UserError);
}

TEST(Classifier, PaddedRowsGiveTheLogitsOfTheRowsAlone) {
  for (const std::string pool : {"mean", "max", "last", "sum", "first"}) {
    ClassifierConfig config;
    config.backbone = small("mingru", "mlp");
    config.tokens = 5;
    config.classes = 3;
    config.pool = pool;
    config.backbone.bidirectional = pool == "first";
    Classifier model(config, 1);
    model.to(at::kDouble);
    model.eval();
    const auto x = at::randint(5, {2, 9}, at::kLong);
    const auto logits = model.forward(x, at::tensor(std::vector<std::int64_t>{9, 3}, at::kLong));
    EXPECT_LT(largest_difference(logits[1], model.forward(x[1].narrow(0, 0, 3).unsqueeze(0))[0]), 1e-10) << pool;
  }
}

TEST(Classifier, PairsAndStepsHaveTheirOwnHeads) {
  ClassifierConfig config;
  config.backbone = small("mingru");
  config.tokens = 5;
  config.classes = 3;
  const auto x = at::randint(5, {4, 6}, at::kLong);
  for (const std::string kind : {"s4", "nli", "concat"}) {
    config.head = "pair";
    config.pair_head = kind;
    Classifier pair(config, 1);
    pair.eval();
    const auto logits = pair.forward(x);
    EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{2, 3})) << kind;
    const auto second = pair.forward(x.narrow(0, 2, 2));
    EXPECT_LT(largest_difference(logits[1], second[0]), 1e-5) << kind << ": rows 2 and 3 belong together";
  }
  config.head = "steps";
  Classifier steps(config, 1);
  EXPECT_EQ(steps.forward(x).sizes(), (std::vector<std::int64_t>{4, 6, 3}));
  const auto parts = parameter_parts(steps);
  EXPECT_EQ(parts.embedding, 5 * 8);
  EXPECT_EQ(parts.head, 8 * 3 + 3);
  EXPECT_EQ(parts.body + parts.embedding + parts.head, steps.parameter_count());
}

TEST(LanguageModel, StepsGiveTheLogitsOfTheWhole) {
  LanguageModelConfig config;
  config.backbone = small("mamba");
  config.tokens = 11;
  LanguageModel model(config, 1);
  model.eval();
  const at::NoGradGuard no_grad;
  const auto tokens = at::randint(11, {2, 13}, at::kLong);
  const auto whole = model.forward(tokens);
  auto state = model.initial_state(2);
  for (std::int64_t t = 0; t < 13; ++t)
    EXPECT_LT(largest_difference(model.forward(tokens.narrow(1, t, 1), {}, &state).squeeze(1), whole.select(1, t)),
              1e-5);
}

TEST(LanguageModel, LossOfPaddedRowsIsTheMeanOverRealTokens) {
  LanguageModelConfig config;
  config.backbone = small("mingru");
  config.tokens = 7;
  config.tied = false;
  LanguageModel model(config, 1);
  model.to(at::kDouble);
  const auto tokens = at::randint(7, {2, 8}, at::kLong);
  const auto padded = model.loss(tokens, at::tensor(std::vector<std::int64_t>{8, 3}, at::kLong)).item<double>();
  const auto first = model.loss(tokens[0].unsqueeze(0)).item<double>();
  const auto second = model.loss(tokens[1].narrow(0, 0, 3).unsqueeze(0)).item<double>();
  EXPECT_NEAR(padded, (7 * first + 2 * second) / 9, 1e-10);
}

TEST(LanguageModel, NamesATokenOutsideItsVocabulary) {
  for (const auto& cutoffs : std::vector<std::vector<std::int64_t>>{{}, {5}}) {
    LanguageModelConfig config;
    config.backbone = small("mingru");
    config.tokens = 16;
    config.cutoffs = cutoffs;
    LanguageModel model(config, 1);
    for (const std::int64_t token : {99, 16, -1}) {
      auto tokens = at::zeros({2, 3}, at::kLong);
      tokens[1][2] = token;
      EXPECT_EQ(testing::message([&] { model.forward(tokens); }),
                std::string(cutoffs.empty() ? "encoder" : "language model") + ": token " + std::to_string(token) +
                    " at row 1, step 2; expected 0 .. 15, a vocabulary of 16");
    }
  }
}

TEST(LanguageModel, RefusesTheStateOfAModelWithOtherPositions) {
  LanguageModelConfig config;
  config.backbone = small("mingru");
  LanguageModel without(config, 1);
  config.positions = "sinusoidal";
  LanguageModel with(config, 1);
  const auto tokens = at::zeros({1, 3}, at::kLong);
  auto state = with.initial_state(1), plain = without.initial_state(1), rows = with.initial_state(2);
  EXPECT_EQ(testing::message([&] { without.forward(tokens, {}, &state); }),
            "language model: the state has 'position', which is not this model's; expected one of its initial_state");
  EXPECT_EQ(testing::message([&] { with.forward(tokens, {}, &plain); }),
            "encoder: the state has no 'position'; expected one of this model's initial_state");
  EXPECT_EQ(testing::message([&] { with.forward(tokens, {}, &rows); }),
            "encoder: state position is Long [2]; expected int64 [b] = [1]");
}

TEST(Classifier, NamesNumbersOfAnotherType) {
  ClassifierConfig config;
  config.backbone = small("mingru");
  Classifier model(config, 1);
  EXPECT_EQ(testing::message([&] {
              model.forward(at::zeros({2, 3, 1}, at::kDouble));
            }),
            "encoder: x is Double [2, 3, 1]; expected Float [b, t, 1]");
}

TEST(LanguageModel, LearnsToCopyAPeriod) {
  LanguageModelConfig config;
  config.backbone = small("mingru");
  config.tokens = 4;
  LanguageModel model(config, 1);
  const auto tokens = at::arange(24, at::kLong).remainder(4).unsqueeze(0);
  const auto before = model.loss(tokens).item<double>();
  for (int step = 0; step < 30; ++step) {
    model.zero_grad();
    model.loss(tokens).backward();
    const at::NoGradGuard no_grad;
    for (auto& parameter : model.parameters()) parameter.sub_(0.3 * parameter.grad());
  }
  EXPECT_LT(model.loss(tokens).item<double>(), 0.5 * before);
}

TEST(LanguageModel, RefusesAMixerThatIsNotCausal) {
  LanguageModelConfig config;
  config.backbone = small("s4d");
  config.backbone.mixer_settings = {{"bidirectional", true}};
  EXPECT_THROW(LanguageModel(config, 0), UserError);
}

}  // namespace
}  // namespace longwave
