#include "longwave/ops/steps.h"

#include <limits>

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using at::Tensor;
using testing::Tensors;

Tensor lengths_of(std::vector<std::int64_t> lengths) { return at::tensor(lengths, at::kLong); }

Tensor valid_of(const Tensor& lengths, std::int64_t t) {
  return (at::arange(t, at::kLong).unsqueeze(0) < lengths.unsqueeze(1)).unsqueeze(-1);
}

TEST(Steps, FillOverwritesWhateverIsThere) {
  const auto lengths = lengths_of({3, 0, 5}), valid = valid_of(lengths, 5);
  const auto x = at::randn({3, 5, 7}, at::kDouble), dirty = x.clone();
  dirty.masked_fill_(valid.logical_not(), std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(at::equal(ops::fill_steps(dirty, valid, 1.5), x.masked_fill(valid.logical_not(), 1.5)));
  const auto turned = dirty.transpose(0, 1).contiguous().transpose(0, 1);  // not contiguous
  EXPECT_TRUE(at::equal(ops::fill_steps(turned, valid, 0), x * valid));
}

TEST(Steps, ReverseTurnsEachRowsOwnSteps) {
  const auto x = at::arange(10, at::kFloat).view({2, 5, 1});
  const auto y = ops::reverse_steps(x, lengths_of({5, 2}));
  EXPECT_TRUE(at::equal(y.flatten(), at::tensor(std::vector<float>{4, 3, 2, 1, 0, 6, 5, 7, 8, 9})));
  EXPECT_TRUE(at::equal(ops::reverse_steps(y, lengths_of({5, 2})), x));
}

TEST(Steps, GradientsMatchDifferences) {
  const auto lengths = lengths_of({3, 0, 4}), valid = valid_of(lengths, 4);
  const auto x = at::randn({3, 4, 2}, at::kDouble);
  testing::expect_gradients_match_differences(
      [=](const Tensors& t) { return Tensors{ops::fill_steps(t[0], valid, 1)}; }, {x});
  testing::expect_gradients_match_differences(
      [=](const Tensors& t) { return Tensors{ops::reverse_steps(t[0], lengths)}; }, {x});
}

TEST(Steps, SameBitsForAnyNumberOfThreads) {
  const auto lengths = lengths_of({700, 13}), valid = valid_of(lengths, 1000);
  testing::expect_same_bits_for_any_threads(
      [=](const Tensors& t) {
        return Tensors{ops::fill_steps(t[0], valid, 0), ops::reverse_steps(t[0], lengths)};
      },
      {at::randn({2, 1000, 70})});
}

TEST(Steps, MetaTensorsHaveTheShape) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto x = at::empty({2, 3, 4}, meta);
  EXPECT_EQ(ops::fill_steps(x, at::empty({2, 3, 1}, meta.dtype(at::kBool)), 0).sizes(), x.sizes());
  EXPECT_EQ(ops::reverse_steps(x, at::empty({2}, meta.dtype(at::kLong))).sizes(), x.sizes());
}

TEST(Steps, WrongInputsGetOneLine) {
  const auto x = at::zeros({2, 3, 4});
  testing::expect_error(
      [&] {
        ops::fill_steps(x, at::ones({2, 3}, at::kBool), 0);
      },
      "fill_steps: valid is Bool [2, 3]; expected bool [b, t, 1] = [2, 3, 1]");
  testing::expect_error(
      [&] {
        ops::reverse_steps(x.to(at::kLong), lengths_of({1, 2}));
      },
      "reverse_steps: x is Long [2, 3, 4]; expected float or double [b, t, d]");
  testing::expect_error(
      [&] {
        ops::reverse_steps(x, lengths_of({1, 4}));
      },
      "reverse_steps: lengths[1] is 4; expected 0 .. t = 3");
}

}  // namespace
}  // namespace longwave
