#include "longwave/ops/pole_convolution.h"

#include "longwave/ops/fft_convolution.h"
#include "longwave/ops/vandermonde.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using at::Tensor;
using testing::Tensors;

Tensor complex(const Tensor& parts) { return at::complex(parts[0], parts[1]); }

/// exp(decay and frequency) - 1: poles inside the unit circle, of any frequency.
Tensor change(const Tensor& parts) { return at::exp(at::complex(-0.01 - 0.3 * parts[0].square(), 2 * parts[1])) - 1; }

/// x, v, g, skip; v and g as parts.
Tensors draw(std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t n, std::int64_t directions) {
  at::manual_seed(7);
  const auto normal = [](at::IntArrayRef sizes) { return at::randn(sizes, at::kDouble); };
  return {normal({b, t, h}), normal({2, directions, h, n}), normal({2, h, n}), normal({h})};
}
Tensors run(const Tensors& x) { return {ops::pole_convolution(x[0], complex(x[1]), change(x[2]), x[3])}; }
Tensors without_skip(const Tensors& x) { return {ops::pole_convolution(x[0], complex(x[1]), change(x[2]))}; }

TEST(PoleConvolution, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const std::int64_t directions : {1, 2})
    for (const std::int64_t n : {1, 2, 3, 4, 5, 8}) {
      testing::expect_float_matches_double(run, draw(2, 71, 35, n, directions), 3e-5);
      testing::expect_float_matches_double(without_skip, draw(3, 1 + n, 3, n, directions), 3e-5);
      testing::expect_float_matches_double(run, draw(1, 32, 32, n, directions), 3e-5);
    }
}

TEST(PoleConvolution, RowsEndAtTheirLengths) {
  for (const std::int64_t t : {71, 4111})
    for (const std::int64_t directions : {1, 2}) {
      const auto lengths = at::tensor({t - 30, std::int64_t{0}, t, std::int64_t{33}});
      const auto ends = [&](const Tensors& x) {
        return Tensors{ops::pole_convolution(x[0], complex(x[1]), change(x[2]), x[3], lengths)};
      };
      const auto in = draw(4, t, 35, 2, directions);
      testing::expect_float_matches_double(ends, in, 1e-4);
      const auto y = ends(in)[0];
      for (std::int64_t row = 0; row < 4; ++row) {
        const auto length = lengths[row].item<std::int64_t>();
        const auto x = in[0].slice(0, row, row + 1).slice(1, 0, length);
        EXPECT_LT(testing::largest_difference(y[row].slice(0, 0, length), run({x, in[1], in[2], in[3]})[0][0]), 1e-12);
        EXPECT_EQ(y[row].slice(0, length).abs().sum().item<double>(), 0);
      }
      in[0][0].slice(0, t - 30).fill_(NAN);
      testing::expect_same_bits(testing::outputs_and_gradients(ends, in, at::kFloat),
                                testing::outputs_and_gradients(ends, draw(4, t, 35, 2, directions), at::kFloat), "NaN");
    }
}

TEST(PoleConvolution, LongSequencesAreNotCopiedButAlike) {
  testing::expect_float_matches_double(run, draw(1, 4111, 35, 2, 2), 1e-4);
}

TEST(PoleConvolution, GradientsMatchDifferences) {
  for (const std::int64_t directions : {1, 2}) {
    testing::expect_gradients_match_differences(run, draw(2, 5, 3, 2, directions));
    testing::expect_gradients_match_differences(without_skip, draw(1, 6, 2, 1, directions));
  }
}

TEST(PoleConvolution, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(run, draw(3, 100, 70, 2, 2));
}

TEST(PoleConvolution, IsTheConvolutionWithTheKernelsOfItsPoles) {
  for (const std::int64_t directions : {1, 2}) {
    const auto x = draw(2, 67, 5, 3, directions);
    const auto z = at::complex(-0.01 - 0.3 * x[2][0].square(), 2 * x[2][1]);
    ops::ConvolutionParts parts{.skip = x[3].unsqueeze(0)};
    const auto kernels = ops::vandermonde_kernel(complex(x[1]), z, 67);
    const auto expected = ops::fft_convolution(x[0], ops::causal_kernels(kernels, directions == 2, parts), parts);
    EXPECT_LT(testing::largest_difference(run(x)[0], expected), 1e-12);
  }
}

TEST(PoleConvolution, PolesOfAllFeaturesMayBeOne) {
  auto x = draw(2, 9, 4, 2, 2);
  const auto shared = change(x[2].narrow(1, 0, 1));
  const auto y = ops::pole_convolution(x[0], complex(x[1]), shared, x[3]);
  EXPECT_TRUE(at::equal(y, ops::pole_convolution(x[0], complex(x[1]), shared.expand({4, 2}), x[3])));
}

TEST(PoleConvolution, SlowPolesKeepTheirDigits) {
  constexpr std::int64_t kSteps = 20000;
  at::manual_seed(3);
  const auto decay = at::tensor({1e-3, 1e-4, 1e-5, 1e-5, 1e-6, 1e-7}, at::kDouble).view({6, 1});
  const auto frequency = at::tensor({0.0, 1e-3, 0.0, 1e-3, 1e-3, 0.0}, at::kDouble).view({6, 1});
  const auto g = at::complex(-1.137 * decay, 1.073 * frequency).to(at::kComplexFloat);
  const auto v = at::randn({2, 6, 1}, at::kComplexFloat);
  const auto x = at::randn({1, kSteps, 6}) + 0.3f;
  const auto y = ops::pole_convolution(x, v, g);
  const auto exact = ops::pole_convolution(x.to(at::kDouble), v.to(at::kComplexDouble), g.to(at::kComplexDouble));
  const auto error = (y - exact).square().mean(1).sqrt() / exact.square().mean(1).sqrt();
  EXPECT_LT(error.max().item<double>(), 1e-5) << error;
}

TEST(PoleConvolution, MetaTensorsHaveTheShape) {
  const auto on_meta = [](at::IntArrayRef sizes, at::ScalarType type) {
    return at::empty(sizes, at::TensorOptions().device(at::kMeta).dtype(type));
  };
  const auto x = on_meta({2, 3, 4}, at::kFloat);
  const auto y = ops::pole_convolution(x, on_meta({2, 4, 5}, at::kComplexFloat), on_meta({4, 5}, at::kComplexFloat));
  EXPECT_EQ(y.sizes(), x.sizes());
}

TEST(PoleConvolution, WrongInputsGetOneLine) {
  const auto x = at::ones({2, 3, 4});
  const auto numbers = [](at::IntArrayRef sizes) { return at::ones(sizes, at::kComplexFloat); };
  testing::expect_error(
      [&] {
        ops::pole_convolution(x, numbers({3, 4, 5}), numbers({4, 5}));
      },
      "pole_convolution: w is [3, 2, 5, 4]; expected [1, 2, n, h] or [2, 2, n, h] with n = 5, h = 4");
  testing::expect_error(
      [&] {
        ops::pole_convolution(x, numbers({1, 4, 9}), numbers({4, 9}));
      },
      "pole_convolution: g has 9 states; expected at most 8, or fft_convolution for more");
  testing::expect_error(
      [&] {
        ops::pole_convolution(x, at::ones({1, 4, 5}), numbers({4, 5}));
      },
      "pole_convolution: v is Float [1, 4, 5], g is ComplexFloat [4, 5]; expected complex [1 or 2, h, "
      "n] and [h, n]");
}

}  // namespace
}  // namespace longwave
