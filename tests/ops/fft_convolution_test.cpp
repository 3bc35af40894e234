#include "longwave/ops/fft_convolution.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using namespace testing;

struct Case {
  std::int64_t b, t, h, c, l, origin;
};

const std::vector<Case> kCases = {{1, 1, 1, 1, 1, 0},    {2, 2, 3, 1, 2, 0},    {3, 37, 5, 2, 37, 0},
                                  {2, 64, 17, 1, 64, 0}, {1, 100, 16, 1, 7, 0}, {9, 33, 40, 1, 65, 32},
                                  {2, 50, 3, 2, 60, 29}, {2, 5, 2, 1, 5, 4},    {1, 1500, 18, 1, 1500, 0}};

Tensors inputs_of(const Case& c) {
  at::manual_seed(static_cast<std::uint64_t>(c.t));
  return {at::randn({c.b, c.t, c.h}), at::randn({c.c, c.h, c.l})};
}

Op op_of(const Case& c) {
  return [c](const Tensors& x) { return Tensors{ops::fft_convolution(x[0], x[1], c.origin)}; };
}

TEST(FftConvolution, IsTheSumItStandsFor) {
  for (const auto& c : kCases) {
    if (c.t > 200) continue;
    const auto x = inputs_of(c);
    const auto u = x[0].to(at::kDouble), k = x[1].to(at::kDouble);
    auto expected = at::zeros({c.b, c.t, c.c, c.h}, at::kDouble);
    for (std::int64_t t = 0; t < c.t; ++t)
      for (std::int64_t s = 0; s < c.t; ++s)
        if (const auto i = c.origin + t - s; i >= 0 && i < c.l)
          expected.select(1, t).add_(k.select(2, i) * u.select(1, s).unsqueeze(1));
    EXPECT_LT(largest_difference(ops::fft_convolution(u, k, c.origin), expected.flatten(2)), 1e-12);
    EXPECT_LT(largest_difference(ops::fft_convolution(x[0], x[1], c.origin), expected.flatten(2)), 2e-6);
  }
}

TEST(FftConvolution, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& c : kCases) expect_float_matches_double(op_of(c), inputs_of(c), 5e-6);
}

TEST(FftConvolution, GradientsMatchDifferences) {
  for (const auto& c : kCases)
    if (c.t < 200) expect_gradients_match_differences(op_of(c), inputs_of(c));
}

TEST(FftConvolution, SameBitsForAnyThreads) {
  for (const auto& c : kCases) expect_same_bits_for_any_threads(op_of(c), inputs_of(c));
}

/// Both gates, and reverse kernels; x: u, k, reverse, skip, gates.
Tensors gated(const Tensors& x) {
  return {ops::fft_convolution(x[0], x[1], {.skip = x[3], .reverse = x[2], .gate_in = x[4], .gate_out = x[5]})};
}
Tensors gated_inputs(std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t c) {
  at::manual_seed(5);
  return {at::randn({b, t, h}), at::randn({c, h, t}), at::randn({c, h, t}),
          at::randn({c, h}),    at::randn({b, t, h}), at::randn({b, t, c * h})};
}

TEST(FftConvolution, GatesMultiplyInputAndOutput) {
  for (const auto& x : {gated_inputs(2, 37, 5, 2), gated_inputs(3, 70, 33, 1)}) {
    const auto plain = ops::fft_convolution(x[0] * x[4], x[1], {.skip = x[3], .reverse = x[2]}) * x[5];
    EXPECT_LT(largest_difference(gated(x)[0], plain), 1e-6);
    expect_float_matches_double(gated, x, 5e-6);
    expect_same_bits_for_any_threads(gated, x);
  }
  expect_gradients_match_differences(gated, gated_inputs(2, 11, 3, 2));
}

TEST(FftConvolution, GatesMayBeSlices) {
  const auto joint = at::randn({2, 40, 15}), k = at::randn({1, 5, 40});
  const auto u = joint.narrow(2, 0, 5), in = joint.narrow(2, 5, 5), out = joint.narrow(2, 10, 5);
  EXPECT_TRUE(
      at::equal(ops::fft_convolution(u, k, {.gate_in = in, .gate_out = out}),
                ops::fft_convolution(u.contiguous(), k, {.gate_in = in.contiguous(), .gate_out = out.contiguous()})));
}

TEST(FftConvolution, GateOfAnotherShapeGetsOneLine) {
  const auto u = at::randn({2, 4, 3}), k = at::randn({2, 3, 4});
  expect_error([&] { ops::fft_convolution(u, k, {.gate_out = u}); },
               "fft_convolution: gate_out is Float [2, 4, 3]; expected Float [2, 4, 6]");
}

TEST(FftConvolution, TakesStridedInput) {
  const auto u = at::randn({2, 40, 12}), k = at::randn({1, 5, 40});
  const auto slice = u.narrow(2, 3, 5), transposed = at::randn({2, 5, 40}).transpose(1, 2);
  for (const auto& x : {slice, transposed})
    EXPECT_TRUE(at::equal(ops::fft_convolution(x, k), ops::fft_convolution(x.contiguous(), k)));
}

TEST(FftConvolution, BothConventionsForLaterSteps) {
  constexpr std::int64_t kSteps = 9;
  const auto u = at::randn({2, kSteps, 3}, at::kDouble), k = at::randn({1, 3, kSteps}, at::kDouble),
             reverse = at::randn({1, 3, kSteps}, at::kDouble), skip = at::randn({1, 3}, at::kDouble);
  for (const std::int64_t lag : {0, 1}) {
    auto expected = ops::fft_convolution(u, k, {.skip = skip});
    for (std::int64_t t = 0; t < kSteps; ++t)
      for (std::int64_t s = t + lag; s < kSteps; ++s)
        expected.select(1, t).add_(reverse[0].select(1, s - t - lag) * u.select(1, s));
    EXPECT_LT(largest_difference(ops::fft_convolution(u, k, {.skip = skip, .reverse = reverse, .lag = lag}), expected),
              1e-12);
  }
}

/// Kernels shorter and longer than the sequence; x: u, k, reverse, skip.
TEST(FftConvolution, PartsMayHaveAnyLength) {
  for (const std::int64_t lag : {0, 1})
    for (const auto& [t, later, earlier] : {std::tuple{9, 9, 9}, {9, 4, 6}, {9, 14, 12}, {9, 1, 1}, {1, 3, 3}}) {
      at::manual_seed(8);
      const Tensors x{at::randn({2, t, 3}), at::randn({2, 3, later}), at::randn({2, 3, earlier}), at::randn({2, 3})};
      const auto op = [lag](const Tensors& x) {
        return Tensors{ops::fft_convolution(x[0], x[1], {.skip = x[3], .reverse = x[2], .lag = lag})};
      };
      auto expected = at::zeros({2, t, 2, 3}, at::kDouble);
      for (std::int64_t to = 0; to < t; ++to)
        for (std::int64_t from = 0; from < t; ++from) {
          const auto u = x[0].select(1, from).unsqueeze(1).to(at::kDouble);
          const auto add = [&](const at::Tensor& weight) { expected.select(1, to).add_(weight * u); };
          if (from == to) add(x[3]);
          if (from <= to && to - from < later) add(x[1].select(2, to - from));
          if (from >= to + lag && from - to - lag < earlier) add(x[2].select(2, from - to - lag));
        }
      EXPECT_LT(largest_difference(op(x)[0], expected.flatten(2)), 2e-6) << lag << ' ' << later << ' ' << earlier;
      expect_float_matches_double(op, x, 5e-6);
      expect_gradients_match_differences(op, x);
    }
}

TEST(FftConvolution, GradientsOfPartsAreTensorsOfTheirOwn) {
  auto k = at::ones({1, 2, 1}).requires_grad_(), skip = at::ones({1, 2}).requires_grad_();
  for (int pass = 0; pass < 2; ++pass)
    ops::fft_convolution(at::ones({1, 1, 2}), k, {.skip = skip}).sum().backward();  // the second adds in place
  EXPECT_LT(largest_difference(k.grad(), at::full({1, 2, 1}, 2.0f)), 1e-6);
  EXPECT_LT(largest_difference(skip.grad(), at::full({1, 2}, 2.0f)), 1e-6);
}

TEST(FftConvolution, SaysWhatIsWrong) {
  const auto u = at::zeros({2, 4, 3}), k = at::zeros({1, 3, 4});
  expect_error([&] { ops::fft_convolution(u[0], k); }, "fft_convolution: u is [4, 3]; expected [b, t, h]");
  expect_error(
      [&] {
        ops::fft_convolution(u, at::zeros({1, 2, 4}));
      },
      "fft_convolution: k is [1, 2, 4]; expected [c, h, l] with h = 3 like u");
  expect_error([&] { ops::fft_convolution(u, k, 4); }, "fft_convolution: origin is 4; expected 0 .. 3");
  expect_error([&] { ops::fft_convolution(u.to(at::kDouble), k); },
               "fft_convolution: k is Float; expected Double like u");
}

}  // namespace
}  // namespace longwave
