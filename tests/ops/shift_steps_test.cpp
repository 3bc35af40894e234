#include "longwave/ops/shift_steps.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

/// x, b, c, skip, state.
Tensors inputs(std::int64_t rows, std::int64_t t, std::int64_t d, std::int64_t n) {
  at::manual_seed(3);
  const auto draw = [](at::IntArrayRef shape) { return at::randn(shape, at::kDouble); };
  return {draw({rows, t, d}), draw({d, n}), draw({d, n}), draw({d}), draw({rows, d, n})};
}

testing::Op steps(const at::Tensor& lengths = {}) {
  return [=](const Tensors& in) -> Tensors {
    const auto r = ops::shift_steps(in[0], in[1], in[2], in[3], in[4], lengths);
    return {r.y, r.state};
  };
}

Tensors in_float(Tensors x) {
  for (auto& v : x) v = v.to(at::kFloat);
  return x;
}

TEST(ShiftSteps, AnswersAnImpulseWithItsTaps) {
  auto in = inputs(1, 6, 2, 3);
  in[0].zero_().select(1, 0).fill_(1), in[3].zero_(), in[4].zero_();
  const auto y = steps()(in)[0];
  for (std::int64_t lag = 0; lag < 6; ++lag) {
    const auto taps =
        lag < 3 ? (in[1].narrow(1, 0, 3 - lag) * in[2].narrow(1, lag, 3 - lag)).sum(1) : at::zeros({2}, at::kDouble);
    EXPECT_LT(testing::largest_difference(y[0][lag], taps), 1e-12) << lag;
  }
}

TEST(ShiftSteps, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& [d, n] : {std::pair{1, 1}, {3, 5}, {2, 64}, {5, 37}})
    for (const auto& lengths : {at::Tensor(), at::tensor({0, 4, 7}, at::kLong)}) {
      const auto in = inputs(3, 7, d, n);
      const auto op = steps(lengths);
      testing::for_every_instruction_set(
          [&](const std::string& name) { testing::expect_close(op(in_float(in)), op(in), 1e-5, name); });
      testing::expect_float_matches_double(op, in, 1e-5);  // with gradients
    }
}

TEST(ShiftSteps, SameBitsForAnyNumberOfThreads) {
  const auto in = in_float(inputs(3, 9, 70, 64));
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto expected = steps()(in);
  omp_set_num_threads(3);
  testing::expect_same_bits(steps()(in), expected, "3 threads");
  omp_set_num_threads(before);
}

TEST(ShiftSteps, WrongInputsGetOneLine) {
  auto in = inputs(2, 3, 4, 5);
  in[2] = in[2].slice(1, 1);
  testing::expect_error([&] { steps()(in); }, "shift_steps: c is Double [4, 4]; expected Double [4, 5]");
}

}  // namespace
}  // namespace longwave
