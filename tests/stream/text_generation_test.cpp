// Drawing tokens, text of tokens, stopping.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/stream/sampling.h"
#include "longwave/stream/stop_strings.h"
#include "longwave/stream/token_text.h"

namespace longwave {
namespace {

const std::vector<float> kLogits{1.0f, 3.0f, 2.0f, 3.0f, -1.0f};

std::vector<double> softmax(double temperature) {
  std::vector<double> p;
  double sum = 0;
  for (const auto logit : kLogits) sum += p.emplace_back(std::exp(logit / temperature));
  for (auto& value : p) value /= sum;
  return p;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
}

TEST(Sampling, WithoutOptionsIsTheSoftmaxAtTheTemperature) {
  expect_near(next_distribution(kLogits, {}, {}), softmax(1));
  expect_near(next_distribution(kLogits, {}, {.temperature = 0.7}), softmax(0.7));
}

TEST(Sampling, TemperatureZeroTakesTheBestAndTheLowerOfEqualOnes) {
  expect_near(next_distribution(kLogits, {}, {.temperature = 0}), {0, 1, 0, 0, 0});
}

TEST(Sampling, TopKKeepsTheBestAndRenormalises) {
  const auto p = softmax(1);
  const auto sum = p[1] + p[3] + p[2];
  expect_near(next_distribution(kLogits, {}, {.top_k = 3}), {0, p[1] / sum, p[2] / sum, p[3] / sum, 0});
  expect_near(next_distribution(kLogits, {}, {.top_k = 99}), p);
}

TEST(Sampling, TopPKeepsTheFewestThatReachIt) {
  const auto p = softmax(1);  // 1 and 3 have 0.405 each, 2 has 0.149
  expect_near(next_distribution(kLogits, {}, {.top_p = p[1] - 1e-6}), {0, 1, 0, 0, 0});
  expect_near(next_distribution(kLogits, {}, {.top_p = p[1] + 1e-6}), {0, 0.5, 0, 0.5, 0});
  expect_near(next_distribution(kLogits, {}, {.top_p = 1}), p);
}

TEST(Sampling, TopPCountsWhatTopKLeft) {
  expect_near(next_distribution(kLogits, {}, {.top_k = 2, .top_p = 0.5}), {0, 1, 0, 0, 0});
}

TEST(Sampling, RepetitionPenaltyCountsATokenOnceAndLowersNegativeLogitsToo) {
  const std::vector<std::int32_t> history{1, 1, 4};
  const auto got = next_distribution(kLogits, history, {.repetition_penalty = 2});
  const std::vector<double> logits{1, 1.5, 2, 3, -2};
  double sum = 0;
  for (const auto logit : logits) sum += std::exp(logit);
  for (std::size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(got[i], std::exp(logits[i]) / sum, 1e-12) << i;
}

TEST(Sampling, DrawsFollowTheDistributionAndTheSeed) {
  const auto p = next_distribution(kLogits, {}, {});
  std::vector<int> counts(p.size());
  RandomStream random{7}, again{7};
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const auto token = draw(p, random);
    EXPECT_EQ(token, draw(p, again));
    ++counts[token];
  }
  for (std::size_t i = 0; i < p.size(); ++i)
    EXPECT_NEAR(counts[i], kDraws * p[i], 5 * std::sqrt(kDraws * p[i] * (1 - p[i]))) << i;
}

TEST(Sampling, RefusesOptionsOutOfRange) {
  EXPECT_THROW(check_sampling({.temperature = -1}), UserError);
  EXPECT_THROW(check_sampling({.top_k = -1}), UserError);
  EXPECT_THROW(check_sampling({.top_p = 0}), UserError);
  EXPECT_THROW(check_sampling({.repetition_penalty = 0}), UserError);
}

TEST(TokenText, CharactersGoBackAndForth) {
  const TokenText text({"\\n", " ", "a", "b", "é", "\\"});
  const std::vector<std::int32_t> tokens{2, 1, 4, 0, 5, 3};
  EXPECT_EQ(text.decode(tokens), "a é\n\\b");
  EXPECT_EQ(text.encode("a é\n\\b"), tokens);
  EXPECT_EQ(text.start(), 0);
}

TEST(TokenText, BytesMakeCharactersOfSeveral) {
  const TokenText text({"a", "\\xc3", "\\xa9"});
  EXPECT_EQ(text.encode("éa"), (std::vector<std::int32_t>{1, 2, 0}));
  EXPECT_EQ(text.decode({1, 2, 0}), "éa");
}

TEST(TokenText, WordsArePartedBySpacesAndLinesByEos) {
  const TokenText text({"<eos>", "the", "<unk>", "cat"});
  EXPECT_EQ(text.encode("the  dog\n cat"), (std::vector<std::int32_t>{1, 2, 0, 3}));
  EXPECT_EQ(text.decode({1, 3, 0, 1, 2}), "the cat\nthe <unk>");
  EXPECT_EQ(text.start(), 0);
}

TEST(TokenText, NamesWhatItDoesNotKnow) {
  const auto message = [](const TokenText& text, const char* prompt) {
    try {
      text.encode(prompt);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message(TokenText({"a", "b"}), "aé").find("'é'"), std::string::npos);
  EXPECT_NE(message(TokenText({"the", "<eos>"}), "the dog").find("'dog'"), std::string::npos);
  EXPECT_NE(message(TokenText({"a", "b"}), "a\nb").find("the character '\\n'"), std::string::npos);
  EXPECT_NE(message(TokenText({"a", "b"}), "a\x1b").find("the character '\\x1b'"), std::string::npos);
  EXPECT_NE(message(TokenText({"the", "<eos>"}), "\x07ring").find("the word '\\x07ring'"), std::string::npos);
  for (const auto& names : {std::vector<std::string>{"a", "b"}, {"the", "<unk>", "<eos>"}})
    EXPECT_TRUE(message(TokenText(names), "a\xe9").starts_with("prompt: it is no UTF-8, which the model reads"))
        << names[0];
  EXPECT_EQ(message(TokenText({"a", "\\xe9"}), "a\xe9"), "") << "a byte that the model reads";
  EXPECT_THROW(TokenText({}), UserError);
}

TEST(StopStrings, HoldBackWhatMayBeginOne) {
  StopStrings stop({"END", "xx"});
  EXPECT_EQ(stop.push("ab"), "ab");
  EXPECT_EQ(stop.push("cE"), "c");
  EXPECT_EQ(stop.push("N"), "");
  EXPECT_EQ(stop.push("x"), "EN");
  EXPECT_FALSE(stop.stopped());
  EXPECT_EQ(stop.push("yEND more"), "xy");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.push("never"), "");
  EXPECT_EQ(stop.finish(), "");
}

TEST(StopStrings, GiveBackWhatWasHeldAtTheEnd) {
  StopStrings stop({"END"});
  EXPECT_EQ(stop.push("aEN"), "a");
  EXPECT_EQ(stop.finish(), "EN");
  EXPECT_THROW(StopStrings({""}), UserError);
}

}  // namespace
}  // namespace longwave
