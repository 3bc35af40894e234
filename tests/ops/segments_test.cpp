#include "longwave/ops/segments.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

Tensors scaled(const at::Tensor& x, std::int64_t s) {
  const auto out = ops::scaled_segments(x, s);
  return {out.z, out.mean, out.deviation};
}

TEST(ScaledSegments, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& [b, l, c, s] : std::vector<std::array<std::int64_t, 4>>{
           {3, 100, 7, 24}, {2, 1024, 7, 96}, {1, 5, 1, 9}, {2, 64, 3, 16}, {1, 2, 2, 1}}) {
    at::manual_seed(3);
    const auto x = at::randn({b, l, c}, at::kDouble) * 3 + 20;
    testing::for_every_instruction_set([&](const std::string& name) {
      testing::expect_close(scaled(x.to(at::kFloat), s), scaled(x.to(at::kFloat).to(at::kDouble), s), 2e-5, name);
    });
  }
}

TEST(ScaledSegments, ConstantSeriesAreZero) {
  EXPECT_TRUE(at::equal(ops::scaled_segments(at::full({1, 10, 2}, 7.0), 4).z, at::zeros({1, 2, 3, 4})));
}

testing::Op next_of(std::int64_t c) {
  return [=](const Tensors& t) {
    at::manual_seed(9);
    const auto random = [&](at::IntArrayRef shape) { return at::randn(shape, at::kDouble).to(t[0].options()); };
    const auto b = t[0].size(0), n = t[0].size(2), s = t[0].size(3);
    const ops::ScaledSegments of{random({b, c, n, s}), random({b, c, 1}), random({b, c, 1})};
    const auto [forecast, loss] = ops::next_segments(t[0], of);
    return Tensors{forecast, loss};
  };
}

TEST(NextSegments, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& [b, j, n, s] : std::vector<std::array<std::int64_t, 4>>{{3, 7, 11, 96}, {2, 3, 2, 5}, {1, 1, 3, 1}})
    testing::expect_float_matches_double(next_of(j + 1), {at::randn({b, j, n, s}, at::kDouble)}, 1e-5);
}

TEST(NextSegments, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(next_of(3), {at::randn({2, 3, 4, 5}, at::kDouble)});
}

TEST(NextSegments, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(next_of(4), {at::randn({9, 3, 4, 21}, at::kDouble)});
}

TEST(NextSegments, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        const auto one = at::ones({1, 2, 1});
        ops::next_segments(at::ones({1, 2, 1, 3}), {at::ones({1, 2, 1, 3}), one, one});
      },
      "next_segments: next is [1, 2, 1, 3]; expected [b, j, n, s] with n > 1");
}

}  // namespace
}  // namespace longwave
