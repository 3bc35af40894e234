#include "longwave/ops/dropout.h"

#include "longwave/kernels/dropout.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

testing::Op dropped(double p, std::int64_t key) {
  return [=](const Tensors& t) { return Tensors{ops::dropout(t[0], p, key)}; };
}

TEST(Dropout, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const std::int64_t n : {1, 7, 33, 70001})
    testing::expect_float_matches_double(dropped(0.37, 0x123456789abcdef), {at::randn({n})}, 1e-6);
}

TEST(Dropout, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(dropped(0.1, 4), {at::randn({70001})});
}

TEST(Dropout, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(dropped(0.2, 4), {at::randn({5, 7}, at::kDouble)});
}

TEST(Dropout, KeepsTheShareAndTheMean) {
  constexpr std::int64_t kCount = 1 << 20;
  for (const double p : {0.05, 0.5, 0.9}) {
    const auto y = ops::dropout(at::ones({kCount}), p, 99);
    const double sigma = std::sqrt(p * (1 - p) / kCount);
    EXPECT_NEAR(y.eq(0).to(at::kDouble).mean().item<double>(), p, 5 * sigma);
    EXPECT_NEAR(y.mean().item<double>(), 1, 5 * sigma / (1 - p));
  }
}

TEST(Dropout, NeighboursAndKeysAreIndependent) {
  constexpr std::int64_t kCount = 1 << 18;
  const auto mask = [](std::int64_t key) { return ops::dropout(at::ones({kCount}), 0.5, key) - 1; };  // +-1
  const auto a = mask(1);
  const auto correlation = [&](const at::Tensor& b) { return std::abs((a * b).mean().item<double>()); };
  const double bound = 5 / std::sqrt(kCount);
  for (const std::int64_t key : {2, 3, 1 << 20}) EXPECT_LT(correlation(mask(key)), bound) << key;
  EXPECT_LT(correlation(mask(1 + (1ll << 32))), bound);
  for (const std::int64_t shift : {1, 2, 16, 64, 1024}) EXPECT_LT(correlation(a.roll(shift)), bound) << shift;
}

TEST(Dropout, IndexAboveFourBillionIsAnotherElement) {
  const kernels::DropoutMask mask(0.5, 7);
  EXPECT_NE(mask.hash(3), mask.hash(3 + (1ull << 32)));
}

TEST(Dropout, MetaTensorsHaveTheShape) {
  EXPECT_EQ(ops::dropout(at::empty({2, 3}, at::TensorOptions().device(at::kMeta)), 0.5, 1).sizes(),
            at::IntArrayRef({2, 3}));
}

TEST(Dropout, WrongInputsGetOneLine) {
  testing::expect_error([] { ops::dropout(at::ones({2}), 1, 0); }, "dropout: p is 1; expected in [0, 1)");
}

}  // namespace
}  // namespace longwave
