#include "longwave/ops/linear_scan.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

Tensors scan(const Tensors& t) { return {ops::linear_scan(at::sigmoid(t[0]), t[1], t[2])}; }

Tensors random_inputs(std::int64_t b, std::int64_t t, std::int64_t d) {
  at::manual_seed(7);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  return {at::randn({b, t, d}, options), at::randn({b, t, d}, options), at::randn({b, d}, options)};
}

/// Poles inside the unit circle that change over time; real numbers hold both parts: [2, b, t, d].
Tensors complex_scan(const Tensors& t) {
  const auto number = [](const at::Tensor& parts) { return at::complex(parts[0], parts[1]); };
  const auto a = at::sigmoid(t[0][0]) * at::exp(at::complex(at::zeros_like(t[0][1]), t[0][1]));
  return {at::view_as_real(ops::linear_scan(a, number(t[1]), number(t[2])))};
}

Tensors complex_inputs(std::int64_t b, std::int64_t t, std::int64_t d) {
  at::manual_seed(7);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  return {at::randn({2, b, t, d}, options), at::randn({2, b, t, d}, options), at::randn({2, b, d}, options)};
}

TEST(LinearScan, ComplexFloatMatchesDoubleOnEveryInstructionSet) {
  for (const std::int64_t d : {1, 7, 33, 300})
    testing::expect_float_matches_double(complex_scan, complex_inputs(2, 29, d), 1e-5);
  testing::expect_float_matches_double(complex_scan, complex_inputs(3, 1, 5), 1e-5);
}

TEST(LinearScan, ComplexGradientsMatchDifferences) {
  testing::expect_gradients_match_differences(complex_scan, complex_inputs(2, 6, 3));
}

TEST(LinearScan, ComplexSameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(complex_scan, complex_inputs(3, 17, 515));
}

TEST(LinearScan, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const std::int64_t d : {1, 7, 33, 300})
    testing::expect_float_matches_double(scan, random_inputs(2, 29, d), 1e-5);
  testing::expect_float_matches_double(scan, random_inputs(3, 1, 5), 1e-5);
}

TEST(LinearScan, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(scan, random_inputs(2, 6, 3));
}

TEST(LinearScan, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(scan, random_inputs(3, 17, 515));
}

TEST(LinearScan, StepsFromTheCarriedStateEqualTheWhole) {
  const auto inputs = random_inputs(2, 9, 21);
  const auto a = at::sigmoid(inputs[0]).to(at::kFloat), u = inputs[1].to(at::kFloat);
  const auto whole = ops::linear_scan(a, u);
  auto h = at::zeros({2, 21});
  for (std::int64_t t = 0; t < 9; ++t) {
    h = ops::linear_scan(a.narrow(1, t, 1), u.narrow(1, t, 1), h).select(1, 0);
    EXPECT_TRUE(at::equal(h, whole.select(1, t))) << t;
  }
}

TEST(LinearScan, SecondDerivativesAreRefused) {
  const auto a = at::rand({1, 3, 2}).requires_grad_();
  const auto y = ops::linear_scan(a, a);
  testing::expect_error([&] { y.sum().backward({}, true, true); },
                        "linear_scan: second derivatives are not implemented");
}

TEST(LinearScan, WrongInputsGetOneLine) {
  const auto u = at::ones({2, 3, 4});
  testing::expect_error(
      [&] {
        ops::linear_scan(at::ones({2, 3, 1}), u);
      },
      "linear_scan: a is [2, 3, 1]; expected [2, 3, 4] like u");
  testing::expect_error([&] { ops::linear_scan(u, u, at::ones({4})); },
                        "linear_scan: h_init is [4]; expected [b, d] = [2, 4]");
  testing::expect_error([&] { ops::linear_scan(u, u.to(at::kDouble)); },
                        "linear_scan: a is Float; expected Double like u");
  testing::expect_error([&] { ops::linear_scan(u.narrow(1, 0, 0), u.narrow(1, 0, 0)); },
                        "linear_scan: u is [2, 0, 4]; expected [b, t, d] with t > 0");
}

}  // namespace
}  // namespace longwave
