// Perplexity in its named modes, and language models on large vocabularies.

#include "longwave/tasks/language.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

LanguageModel small_model(std::vector<std::int64_t> cutoffs = {}, bool tied = true, const std::string& mixer = "mingru",
                          const std::string& positions = "none") {
  LanguageModelConfig config;
  config.backbone.mixer = mixer;
  config.backbone.d_model = 8;
  config.backbone.layers = 2;
  config.backbone.l_max = 64;
  config.tokens = 23;
  config.cutoffs = std::move(cutoffs);
  config.division = 2;
  config.tied = tied;
  config.positions = positions;
  return LanguageModel(config, 3);
}

std::vector<std::int32_t> random_stream(std::int64_t n) {
  RandomStream random{1, 0};
  std::vector<std::int32_t> stream;
  for (std::int64_t i = 0; i < n; ++i) stream.push_back(static_cast<std::int32_t>(random.below(23)));
  return stream;
}

SequenceTaskOptions mode(const std::string& evaluation, std::int64_t context, std::int64_t stride = 1) {
  return {.bucket = false, .evaluation = evaluation, .context = context, .stride = stride};
}

/// -log p of token `at` given the tokens [begin, at), from the logits of that piece alone.
double nats_of(LanguageModel& model, const std::vector<std::int32_t>& stream, std::int64_t begin, std::int64_t at) {
  std::vector<std::int64_t> tokens(stream.begin() + begin, stream.begin() + at);
  const auto x = at::tensor(tokens, at::kLong).unsqueeze(0);
  const auto logits = model.forward(x).select(1, at - begin - 1)[0].to(at::kDouble);
  return (at::logsumexp(logits, {0}) - logits[stream[at]]).item<double>();
}

class Modes : public ::testing::Test {
 protected:
  Modes() { model_.eval(); }
  double nats(const SequenceTaskOptions& options) { return stream_nats(model_, stream_, options, 3); }

  at::NoGradGuard no_grad_;
  LanguageModel model_ = small_model();
  std::vector<std::int32_t> stream_ = random_stream(30);
};

TEST_F(Modes, SegmentsHaveNoContextBeforeTheirBegin) {
  double expected = 0;
  for (std::int64_t at = 1; at < 30; ++at) expected += nats_of(model_, stream_, (at - 1) / 7 * 7, at);
  EXPECT_NEAR(nats(mode("segment", 7)), expected, 1e-4);
}

TEST_F(Modes, SlidingWindowsScoreTheirLastSteps) {
  // Windows of 7 every 3: the first scores tokens 1 .. 7, then each scores 3 with the 4 inputs before them as context.
  double expected = 0;
  for (std::int64_t at = 1; at < 30; ++at) {
    const auto end = at <= 7 ? 7 : std::min<std::int64_t>(29, 7 + (at - 7 + 2) / 3 * 3);
    expected += nats_of(model_, stream_, end - 7, at);
  }
  EXPECT_NEAR(nats(mode("sliding", 7, 3)), expected, 1e-4);
}

TEST_F(Modes, WholeAndStreamSeeAllThatWasBefore) {
  double expected = 0;
  for (std::int64_t at = 1; at < 30; ++at) expected += nats_of(model_, stream_, 0, at);
  EXPECT_NEAR(nats(mode("whole", 7)), expected, 1e-4);
  EXPECT_NEAR(nats(mode("stream", 7)), expected, 1e-4);
  EXPECT_NEAR(nats(mode("sliding", 29, 1)), expected, 1e-4);
}

TEST(Windows, ScoreEveryPredictionOnce) {
  for (const auto& options : {mode("segment", 7), mode("sliding", 7, 3), mode("sliding", 7, 7), mode("sliding", 50, 2),
                              mode("whole", 7), mode("stream", 7)})
    for (const std::int64_t n : {2, 7, 8, 9, 30}) {
      std::vector<int> scored(n, 0);
      for (const auto& w : stream_windows(n, options)) {
        EXPECT_LE(w.scored, w.length);
        for (std::int64_t i = w.begin + w.length - w.scored; i < w.begin + w.length; ++i) ++scored.at(i + 1);
      }
      EXPECT_EQ(std::count(scored.begin() + 1, scored.end(), 1), n - 1) << evaluation_name(options) << " of " << n;
      EXPECT_EQ(scored[0], 0);
    }
}

TEST(Windows, ModesHaveNames) {
  EXPECT_EQ(evaluation_name(mode("sliding", 512, 64)), "sliding(512, 64)");
  EXPECT_EQ(evaluation_name(mode("segment", 512)), "segment(512)");
  EXPECT_EQ(evaluation_name(mode("stream", 512)), "stream");
}

TEST(LanguageTask, SegmentsOfAPassCoverTheStreamFromARandomPlace) {
  const auto data = testing::tiny_sequences(SequenceGoal::language);
  const auto task = make_language_task(data, mode("segment", 16));
  ASSERT_EQ(task->samples(Split::train), 25);
  std::vector<std::int64_t> order{0, 1, 24}, other = order;
  task->arrange(order, 8, {1, 0});
  task->arrange(other, 8, {2, 0});
  EXPECT_NE(order, other);
  EXPECT_EQ(order[1] - order[0], 16);
  Batch batch;
  task->gather(Split::train, {0, 395}, batch);
  const auto &x = batch.tensors.at("x"), &y = batch.tensors.at("y");
  EXPECT_TRUE(at::equal(x.narrow(1, 1, 15), y.narrow(1, 0, 15)));
  EXPECT_EQ(x[1][6].item<std::int64_t>(), data->stream(Split::train)[0]) << "goes on at the beginning";
}

TEST(LanguageTask, TextsByCharactersAreScoredInBitsAndByTheWord) {
  struct Spelt final : testing::TinySequences {
    explicit Spelt(const std::string& unit) : TinySequences(SequenceGoal::language) { facts_.unit = unit; }
    TextSize text_size(Split) const override { return {.words = 80, .bytes = 500}; }  // of 400 predictions
    std::vector<Baseline> baselines() const override { return {{"unigram", 8, ""}}; }
  };
  auto model = small_model();
  const auto scores_of = [&](const std::string& unit) {
    return make_language_task(std::make_shared<const Spelt>(unit), mode("segment", 16))
        ->evaluate(model, Split::test, {.batch = 4});
  };
  const auto plain = scores_of(""), characters = scores_of("character"), words = scores_of("word");
  const double bits = plain.at("bits");
  EXPECT_EQ(plain.at("tokens"), 400);
  EXPECT_EQ(words, plain);
  EXPECT_FALSE(characters.contains("bits"));
  EXPECT_DOUBLE_EQ(characters.at("bits_per_character"), bits);
  EXPECT_NEAR(characters.at("bits_per_byte"), bits * 400 / 500, 1e-9);
  EXPECT_NEAR(std::log2(characters.at("word_perplexity")), bits * 400 / 80, 1e-9);
  const auto task = make_language_task(std::make_shared<const Spelt>("character"), mode("segment", 16));
  EXPECT_EQ(task->selection().score, "bits_per_character");
  EXPECT_EQ(task->baselines().front().score, 3) << "bits, not perplexity";
  EXPECT_EQ(make_language_task(std::make_shared<const Spelt>("byte"), mode("segment", 16))->selection().score,
            "bits_per_byte");
}

class Vocabulary : public ::testing::TestWithParam<bool> {};

TEST_P(Vocabulary, BandedSoftmaxIsAProbabilityAndTheLossIsItsLogarithm) {
  auto model = small_model({5, 11}, GetParam());
  model.to(at::kDouble);
  model.eval();
  const auto tokens = at::randint(23, {2, 12}, at::kLong);
  const auto log_p = model.forward(tokens);
  EXPECT_LT((log_p.exp().sum(-1) - 1).abs().max().item<double>(), 1e-12);
  auto targets = at::randint(23, {2, 12}, at::kLong);
  targets[1][3].fill_(-100);
  const auto expected =
      (-log_p.gather(2, targets.clamp_min(0).unsqueeze(-1)).squeeze(-1)).masked_fill(targets.eq(-100), 0);
  EXPECT_LT((model.losses(tokens, targets) - expected).abs().max().item<double>(), 1e-10);
}

TEST_P(Vocabulary, EveryWeightOfTheBandsLearns) {
  auto model = small_model({5, 11}, GetParam());
  model.to(at::kDouble);
  const auto tokens = at::arange(24, at::kLong).remainder(23).unsqueeze(0);
  model.loss(tokens).backward();
  for (const auto& item : model.named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
  }
}

INSTANTIATE_TEST_SUITE_P(TiedOrNot, Vocabulary, ::testing::Bool());

TEST(Cutoffs, MustRiseInsideTheVocabulary) {
  EXPECT_THROW(small_model({5, 5}), UserError);
  EXPECT_THROW(small_model({23}), UserError);
  EXPECT_THROW(small_model({5}, true, "mingru", "learned"), UserError);
}

TEST(Positions, AreCarriedInTheState) {
  for (const std::string positions : {"sinusoidal", "learned"}) {
    auto model = small_model({}, true, "attention", positions);
    model.eval();
    const at::NoGradGuard no_grad;
    const auto tokens = at::randint(23, {2, 13}, at::kLong);
    const auto whole = model.forward(tokens);
    auto state = model.initial_state(2);
    for (std::int64_t t = 0; t < 13; ++t)
      EXPECT_LT((model.forward(tokens.narrow(1, t, 1), {}, &state).squeeze(1) - whole.select(1, t))
                    .abs()
                    .max()
                    .item<double>(),
                1e-5)
          << positions << " " << t;
  }
}

TEST(Positions, LearnedOnesSayWhereTheyEnd) {
  auto model = small_model({}, true, "mingru", "learned");
  EXPECT_THROW(model.forward(at::zeros({1, 65}, at::kLong)), UserError);
}

}  // namespace
}  // namespace longwave
