// Beam search over tables and over a language model's session.

#include "longwave/stream/beam_search.h"

#include <gtest/gtest.h>

#include <ATen/Functions.h>

#include <algorithm>
#include <set>

#include "longwave/base/check.h"
#include "longwave/models/fixture.h"
#include "longwave/stream/session.h"

namespace longwave {
namespace {

/// A model that looks at the last token alone: row i of a table of log-probabilities follows token i, the last row
/// the prompt.
BeamStep table_model(const at::Tensor& table) {
  return [table](const auto&, const std::vector<std::int32_t>& tokens) {
    std::vector<std::int64_t> rows(tokens.begin(), tokens.end());
    if (rows.empty()) rows.push_back(table.size(0) - 1);
    return at::index_select(table, 0, at::tensor(rows, at::kLong));
  };
}

at::Tensor random_table(std::int64_t vocabulary, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::log_softmax(at::randn({vocabulary + 1, vocabulary}, at::kDouble), 1);
}

/// The log-probability of every sequence of `steps` tokens, best first.
std::vector<double> all_sequences(const at::Tensor& table, int steps) {
  std::vector<std::pair<std::int64_t, double>> open{{table.size(0) - 1, 0}};
  for (int i = 0; i < steps; ++i) {
    std::vector<std::pair<std::int64_t, double>> next;
    for (const auto& [row, score] : open)
      for (std::int64_t token = 0; token < table.size(1); ++token)
        next.emplace_back(token, score + table[row][token].item<double>());
    open = std::move(next);
  }
  std::vector<double> scores;
  for (const auto& [row, score] : open) scores.push_back(score);
  std::sort(scores.rbegin(), scores.rend());
  return scores;
}

TEST(BeamSearch, WithRoomForAllIsExhaustive) {
  const auto table = random_table(3, 1);
  const auto expected = all_sequences(table, 4);
  const auto beams = beam_search({.per_group = 81, .steps = 4}, table_model(table));
  ASSERT_EQ(beams.size(), 81u);
  for (std::size_t i = 0; i < beams.size(); ++i) EXPECT_NEAR(beams[i].log_probability, expected[i], 1e-12) << i;
}

TEST(BeamSearch, OneBeamIsGreedy) {
  const auto table = random_table(5, 2);
  const auto beams = beam_search({.per_group = 1, .steps = 6}, table_model(table));
  std::int64_t row = 5;
  for (const auto token : beams.at(0).tokens) {
    EXPECT_EQ(token, table[row].argmax().item<std::int64_t>());
    row = token;
  }
  EXPECT_EQ(beams[0].tokens.size(), 6u);
}

TEST(BeamSearch, GroupsWithoutDiversityAreAlikeAndWithItDiffer) {
  const auto table = random_table(9, 3);
  const auto alike = beam_search({.groups = 2, .per_group = 2, .steps = 5}, table_model(table));
  EXPECT_EQ(alike[0].tokens, alike[2].tokens);
  EXPECT_EQ(alike[1].tokens, alike[3].tokens);
  const auto diverse = beam_search({.groups = 2, .per_group = 2, .diversity = 50, .steps = 5}, table_model(table));
  for (std::size_t i = 0; i < 5; ++i)
    for (const auto a : {0, 1})
      for (const auto b : {2, 3}) EXPECT_NE(diverse[a].tokens[i], diverse[b].tokens[i]);
  EXPECT_EQ(diverse[0].tokens, alike[0].tokens);  // the first group sees nobody before it
  EXPECT_DOUBLE_EQ(diverse[0].score, diverse[0].log_probability);
}

TEST(BeamSearch, FinishedBeamsStayAndLengthCounts) {
  // From the prompt: end (-1.0) or 1 (-0.5); from 1: end (-0.8) or 1 (-0.6).
  const auto table = at::tensor({-9.0, -9.0, -0.8, -0.6, -1.0, -0.5}, at::kDouble).view({3, 2});
  const auto plain = beam_search({.per_group = 3, .steps = 3, .end = 0}, table_model(table));
  const std::vector<std::int32_t> one{0}, two{1, 0}, three{1, 1, 1};
  EXPECT_EQ(plain[0].tokens, one);
  EXPECT_NEAR(plain[0].log_probability, -1.0, 1e-12);
  EXPECT_EQ(plain[1].tokens, two);
  EXPECT_NEAR(plain[1].log_probability, -1.3, 1e-12);
  EXPECT_EQ(plain[2].tokens, three);
  const auto by_length = beam_search({.per_group = 3, .steps = 3, .end = 0, .length_penalty = 1}, table_model(table));
  EXPECT_EQ(by_length[0].tokens, three);  // -1.7 / 3 is more than -1.3 / 2, and that more than -1
  EXPECT_EQ(by_length[2].tokens, one);
}

TEST(BeamSearch, FixtureOfDiverseBeamSearch) {
  const auto report = run_fixture(LONGWAVE_SOURCE_DIR "/tests/golden/attention/diverse_beam_search.safetensors");
  EXPECT_TRUE(report.ok()) << report.failed << report.skipped;
  EXPECT_EQ(report.compared.size(), 3u);
}

TEST(BeamSearch, RefusesOptionsOutOfRange) {
  const auto table = random_table(3, 1);
  EXPECT_THROW(beam_search({.per_group = 0, .steps = 1}, table_model(table)), UserError);
  EXPECT_THROW(beam_search({.groups = 0, .steps = 1}, table_model(table)), UserError);
  EXPECT_THROW(beam_search({.diversity = -1, .steps = 1}, table_model(table)), UserError);
  EXPECT_THROW(beam_search({.steps = 0}, table_model(table)), UserError);
}

std::shared_ptr<LanguageModel> small_model() {
  LanguageModelConfig config;
  config.backbone.mixer = "mingru";
  config.backbone.d_model = 8;
  config.backbone.layers = 2;
  config.tokens = 7;
  const auto model = std::make_shared<LanguageModel>(config, 5);
  model->eval();
  return model;
}

TEST(Session, AnyCutOfTheTokensGivesTheLogitsOfTheWhole) {
  const auto model = small_model();
  const at::NoGradGuard no_grad;
  const auto tokens = at::randint(7, {2, 600}, at::kLong);
  const auto whole = model->forward(tokens).select(1, 599);
  Session pieces(*model, 2), at_once(*model, 2);
  at::Tensor logits;
  for (const auto& [from, count] : {std::pair{0, 1}, {1, 300}, {301, 298}, {599, 1}})
    logits = pieces.feed(tokens.narrow(1, from, count));
  EXPECT_LT((logits - whole).abs().max().item<double>(), 1e-5);
  EXPECT_LT((at_once.feed(tokens) - whole).abs().max().item<double>(), 1e-5);
}

TEST(Session, ManyTokensAreWorthTheThreadsThatOneIsNot) {
  const auto model = small_model();
  const Session session(*model);
  EXPECT_EQ(session.useful_threads(), 1);
  EXPECT_EQ(session.useful_threads(1 << 24), at::get_num_threads());
}

TEST(Session, BeamsOfAModelAreScoredAsTheModelScoresThem) {
  const auto model = small_model();
  const at::NoGradGuard no_grad;
  const std::vector<std::int32_t> prompt{3, 1};
  Session session(*model);
  const auto first = session.feed(prompt);
  const auto beams = beam_search({.per_group = 3, .steps = 4}, [&](const auto& parents, const auto& tokens) {
    if (tokens.empty()) return at::log_softmax(first, -1);
    session.select(parents);
    const std::vector<std::int64_t> next(tokens.begin(), tokens.end());
    return at::log_softmax(session.feed(at::tensor(next, at::kLong).unsqueeze(1)), -1);
  });
  ASSERT_EQ(beams.size(), 3u);
  std::set<std::vector<std::int32_t>> distinct;
  for (const auto& beam : beams) {
    distinct.insert(beam.tokens);
    std::vector<std::int64_t> all(prompt.begin(), prompt.end());
    all.insert(all.end(), beam.tokens.begin(), beam.tokens.end());
    const auto tokens = at::tensor(all, at::kLong).unsqueeze(0);
    const auto scores = at::log_softmax(model->forward(tokens), -1)[0];
    double expected = 0;
    for (std::size_t i = prompt.size(); i < all.size(); ++i)
      expected += scores[static_cast<std::int64_t>(i) - 1][all[i]].item<double>();
    EXPECT_NEAR(beam.log_probability, expected, 1e-5);
  }
  EXPECT_EQ(distinct.size(), 3u);
}

}  // namespace
}  // namespace longwave
