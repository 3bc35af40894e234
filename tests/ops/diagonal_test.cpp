// Diagonal recurrences whose poles stay the same over time: many inputs and outputs (diagonal_scan), and one input and
// output for each channel (diagonal_ssm).

#include "longwave/ops/diagonal_scan.h"
#include "longwave/ops/diagonal_ssm.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

at::Tensor draw(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }

/// Poles inside the unit circle from any numbers.
at::Tensor decaying(const at::Tensor& x) { return at::tanh(x) * 0.7; }

at::Tensor odd_lengths(std::int64_t b, std::int64_t t) { return at::arange(b, at::kLong) * (t / 2); }

// --- diagonal_scan

/// pole, u, state.
Tensors scan_inputs(std::int64_t b, std::int64_t t, std::int64_t n) {
  at::manual_seed(7);
  return {draw({2, n}), draw({b, t, 2, n}), draw({b, 2, n})};
}
Tensors run_scan(const Tensors& x, bool reverse, bool padded) {
  const auto lengths = padded ? odd_lengths(x[1].size(0), x[1].size(1)) : at::Tensor();
  const auto [h, state] = ops::diagonal_scan(decaying(x[0]), x[1], reverse, x[2], lengths);
  return {h, state};
}
Tensors scan(const Tensors& x) { return run_scan(x, false, false); }
Tensors scan_back_padded(const Tensors& x) { return run_scan(x, true, true); }

TEST(DiagonalScan, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const std::int64_t n : {1, 7, 33, 200}) {
    testing::expect_float_matches_double(scan, scan_inputs(2, 21, n), 1e-5);
    testing::expect_float_matches_double(scan_back_padded, scan_inputs(3, 10, n), 1e-5);
  }
}

TEST(DiagonalScan, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(scan, scan_inputs(2, 6, 3));
  testing::expect_gradients_match_differences(scan_back_padded, scan_inputs(3, 6, 3));
}

TEST(DiagonalScan, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(scan, scan_inputs(3, 17, 300));
}

TEST(DiagonalScan, IsTheComplexRecurrence) {
  const auto x = scan_inputs(2, 5, 3);
  const auto complex = [](const at::Tensor& v) { return at::complex(v.select(-2, 0), v.select(-2, 1)); };
  auto h = complex(x[2]);
  for (std::int64_t t = 0; t < 5; ++t) h = complex(decaying(x[0])) * h + complex(x[1].select(1, t));
  EXPECT_LT((complex(scan(x)[1]) - h).abs().max().item<double>(), 1e-12);
}

TEST(DiagonalScan, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::diagonal_scan(at::ones({2, 3}), at::ones({1, 4, 2, 5}));
      },
      "diagonal_scan: pole is [2, 3]; expected [2, n] = [2, 5]");
  testing::expect_error(
      [] {
        ops::diagonal_scan(at::ones({2, 5}), at::ones({1, 4, 2, 5}), false, {}, at::tensor({5}, at::kLong));
      },
      "diagonal_scan: lengths[0] is 5; expected 0 .. t = 4");
  testing::expect_error(
      [] {
        ops::diagonal_scan(at::ones({2, 5}), at::ones({1, 4, 2, 5}), false, {}, at::tensor({4, 4}, at::kLong));
      },
      "diagonal_scan: lengths is Long [2]; expected int64 [b] = [1]");
}

// --- diagonal_ssm

/// x, a, b, c, state.
Tensors ssm_inputs(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t n, std::int64_t planes) {
  at::manual_seed(7);
  return {draw({b, t, d}), draw({planes, d, n}), draw({planes, d, n}), draw({planes, d, n}), draw({b, planes, d, n})};
}
testing::Op ssm(bool liquid, bool reverse, bool padded) {
  return [=](const Tensors& x) -> Tensors {
    ops::DiagonalSsmOptions options{.liquid = liquid, .reverse = reverse, .state = x[4], .lengths = {}};
    if (padded) options.lengths = odd_lengths(x[0].size(0), x[0].size(1));
    const auto [y, state] = ops::diagonal_ssm(x[0], {decaying(x[1]), 0.3 * x[2], x[3]}, options);
    return {y, state};
  };
}

TEST(DiagonalSsm, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const std::int64_t planes : {1, 2})
    for (const bool liquid : {false, true}) {
      testing::expect_float_matches_double(ssm(liquid, false, false), ssm_inputs(2, 70, 21, 5, planes), 2e-5);
      testing::expect_float_matches_double(ssm(liquid, true, true), ssm_inputs(3, 67, 3, 1, planes), 2e-5);
    }
}

TEST(DiagonalSsm, GradientsMatchDifferences) {
  for (const std::int64_t planes : {1, 2})
    for (const bool liquid : {false, true}) {
      testing::expect_gradients_match_differences(ssm(liquid, false, false), ssm_inputs(2, 6, 3, 2, planes));
      testing::expect_gradients_match_differences(ssm(liquid, true, true), ssm_inputs(3, 6, 3, 2, planes));
    }
}

TEST(DiagonalSsm, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(ssm(true, false, false), ssm_inputs(3, 40, 50, 4, 2));
}

TEST(DiagonalSsm, IsAConvolutionWithItsImpulseResponse) {
  const auto x = ssm_inputs(1, 9, 2, 3, 2);
  const auto complex = [](const at::Tensor& v) { return at::complex(v[0], v[1]); };
  const auto a = complex(decaying(x[1])), b = complex(0.3 * x[2]), c = complex(x[3]);
  const auto y = ops::diagonal_ssm(x[0], {decaying(x[1]), 0.3 * x[2], x[3]}).y;
  auto expected = at::zeros({2}, at::kDouble);
  for (std::int64_t lag = 0; lag < 9; ++lag)
    expected = expected + at::real((c * b * a.pow(lag)).sum(-1)) * x[0][0][8 - lag];
  EXPECT_LT((y[0][8] - expected).abs().max().item<double>(), 1e-12);
}

TEST(DiagonalSsm, MetaTensorsHaveTheShape) {
  const auto options = at::TensorOptions().device(at::kMeta);
  const auto x = at::empty({2, 3, 4}, options), k = at::empty({2, 4, 5}, options);
  EXPECT_EQ(ops::diagonal_ssm(x, {k, k, k}).y.sizes(), x.sizes());
  EXPECT_EQ(ops::diagonal_scan(at::empty({2, 5}, options), at::empty({1, 4, 2, 5}, options)).state.dim(), 3);
}

TEST(DiagonalSsm, WrongInputsGetOneLine) {
  const auto x = at::ones({2, 3, 4}), k = at::ones({1, 4, 5});
  testing::expect_error(
      [&] {
        ops::diagonal_ssm(x, {at::ones({3, 4, 5}), k, k});
      },
      "diagonal_ssm: a is [3, 4, 5]; expected [1, d, n] or [2, d, n] with d = 4");
  testing::expect_error(
      [&] {
        ops::diagonal_ssm(x, {k, k, at::ones({1, 4, 2})});
      },
      "diagonal_ssm: c is [1, 4, 2]; expected [1, 4, 5] like a");
}

}  // namespace
}  // namespace longwave
