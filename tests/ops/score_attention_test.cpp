#include "longwave/ops/score_attention.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

struct Case {
  std::int64_t b, t, s, h, e;
  bool carried;
  ops::ScoreAttentionOptions options;
};
const std::vector<Case> kCases{{2, 64, 64, 2, 16, true, {.scale = 0.25, .p = 0.3, .key = 4, .keep_scores = true}},
                               {3, 11, 11, 3, 16, false, {.scale = 0.25, .p = 0.1, .key = 9}},
                               {1, 7, 70, 2, 5, true, {.scale = 0.5}},
                               {2, 33, 3, 1, 66, false, {.scale = 0.1, .keep_scores = true}},
                               {1, 1, 1, 1, 1, false, {}}};

testing::Op op_of(const Case& c) {
  return [c](const Tensors& t) {
    const auto [y, scores] = ops::score_attention(t[0], t[1], t[2], c.carried ? t[3] : at::Tensor(), c.options);
    return scores.defined() ? Tensors{y, scores} : Tensors{y};
  };
}

Tensors inputs_of(const Case& c) {
  at::manual_seed(1);
  Tensors inputs{at::randn({c.b, c.t, c.h, c.e}, at::kDouble), at::randn({c.b, c.s, c.h, c.e}, at::kDouble),
                 at::randn({c.b, c.s, c.h, c.e}, at::kDouble)};
  if (c.carried) inputs.push_back(at::randn({c.b, c.h, c.t, c.s}, at::kDouble));
  return inputs;
}

TEST(ScoreAttention, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& c : kCases) testing::expect_float_matches_double(op_of(c), inputs_of(c), 2e-5);
}

TEST(ScoreAttention, GradientsMatchDifferences) {
  for (const auto& c : {Case{2, 3, 4, 2, 3, true, {.scale = 0.7, .p = 0.3, .key = 1, .keep_scores = true}},
                        Case{1, 4, 2, 1, 5, false, {.scale = 0.4}}})
    testing::expect_gradients_match_differences(op_of(c), inputs_of(c));
}

TEST(ScoreAttention, SameBitsForAnyNumberOfThreads) {
  for (const auto& c : kCases) testing::expect_same_bits_for_any_threads(op_of(c), inputs_of(c));
}

TEST(ScoreAttention, LargeScoresDoNotOverflow) {
  const auto q = at::full({1, 2, 1, 4}, 100.0f), v = at::randn({1, 3, 1, 4});
  const auto y = ops::score_attention(q, at::full({1, 3, 1, 4}, 100.0f), v, {}, {.scale = 1}).first;
  EXPECT_LT(testing::largest_difference(y, v.mean(1, true).expand({1, 2, 1, 4})), 1e-6);
}

TEST(ScoreAttention, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::score_attention(at::ones({1, 2, 3, 4}), at::ones({1, 5, 2, 4}), at::ones({1, 5, 2, 4}), {}, {});
      },
      "score_attention: k is [1, 5, 2, 4]; expected [b, s, h, e] for q [1, 2, 3, 4]");
}

}  // namespace
}  // namespace longwave
