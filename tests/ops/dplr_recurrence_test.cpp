#include "longwave/ops/dplr_recurrence.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

at::Tensor draw(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }

/// x, g, b, p, q, c, state. The transition contracts.
Tensors inputs(std::int64_t rows, std::int64_t t, std::int64_t d, std::int64_t n, std::int64_t ranks,
               std::int64_t outputs) {
  at::manual_seed(5);
  const auto low = 0.2 / static_cast<double>(n);
  return {draw({rows, t, d}),
          at::tanh(draw({2, n, d})) * 0.4 - at::stack({at::ones({n, d}), at::zeros({n, d})}),
          draw({2, n, d}),
          draw({ranks, 2, n, d}) * low,
          draw({ranks, 2, n, d}) * low,
          draw({outputs, 2, n, d}),
          draw({rows, 2, n, d})};
}

Tensors run(const Tensors& x, const at::Tensor& lengths) {
  const auto [y, state] = ops::dplr_recurrence(x[0], {x[1], x[2], x[3], x[4], x[5]}, x[6], lengths);
  return {y, state};
}
Tensors full(const Tensors& x) { return run(x, {}); }
Tensors padded(const Tensors& x) { return run(x, at::arange(x[0].size(0), at::kLong) * (x[0].size(1) / 2)); }

at::Tensor complex(const at::Tensor& planes, std::int64_t axis) {
  return at::complex(planes.select(axis, 0), planes.select(axis, 1));
}

TEST(DplrRecurrence, IsThatOfItsDenseMatrices) {
  const auto x = inputs(2, 5, 3, 4, 2, 2);
  const auto g = complex(x[1], 0), b = complex(x[2], 0), p = complex(x[3], 1), q = complex(x[4], 1),
             c = complex(x[5], 1);
  auto h = complex(x[6], 1);  // [rows, n, d]
  std::vector<at::Tensor> y;
  for (std::int64_t t = 0; t < x[0].size(1); ++t) {
    auto next = h + g * h + b * x[0].select(1, t).unsqueeze(1);
    for (std::int64_t j = 0; j < 2; ++j) next = next - p[j] * (2 * at::real(q[j] * h).sum(1, true));
    h = next;
    y.push_back(2 * at::real(c * h.unsqueeze(1)).sum(2));  // [rows, m, d]
  }
  const auto result = full(x);
  EXPECT_LT(testing::largest_difference(result[0], at::stack(y, 1)), 1e-12);
  EXPECT_LT((complex(result[1], 1) - h).abs().max().item<double>(), 1e-12);
}

Tensors in_float(Tensors x) {
  for (auto& v : x) v = v.to(at::kFloat);
  return x;
}

TEST(DplrRecurrence, FloatMatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [d, n, ranks, outputs] : {std::tuple{1, 1, 0, 1}, {7, 3, 1, 2}, {33, 32, 1, 1}, {64, 5, 2, 3}}) {
    const auto x = inputs(3, 21, d, n, ranks, outputs);
    for (const auto& op : {full, padded})
      testing::for_every_instruction_set([&, d = d](const std::string& name) {
        testing::expect_close(op(in_float(x)), op(x), 1e-5, name + ", d " + std::to_string(d));
      });
  }
}

TEST(DplrRecurrence, AStepOfManyAndCoefficientsSharedByChannelsGiveTheSameBits) {
  for (const auto d : {5, 40}) {
    auto x = in_float(inputs(2, 3, d, 6, 1, 2));
    x[1] = x[1].slice(2, 0, 1), x[2] = x[2].slice(2, 0, 1);
    auto expanded = x;
    expanded[1] = x[1].expand({2, 6, d}), expanded[2] = x[2].expand({2, 6, d});
    const auto whole = full(expanded);
    testing::expect_same_bits(full(x), whole, "shared");
    for (std::int64_t t = 0; t < 3; ++t) {
      auto step = x;
      step[0] = x[0].narrow(1, t, 1);
      const auto result = full(step);
      EXPECT_TRUE(at::equal(result[0], whole[0].narrow(1, t, 1))) << t;
      x[6] = result[1];
    }
    EXPECT_TRUE(at::equal(x[6], whole[1]));
    x[0] = x[0].narrow(1, 0, 1);
    const auto ended = run(x, at::tensor({0, 1}, at::kLong));
    EXPECT_TRUE(at::equal(ended[1][0], x[6][0]));
    EXPECT_FALSE(at::equal(ended[1][1], x[6][1]));
    EXPECT_EQ(ended[0][0].abs().max().item<double>(), 0);
  }
  const auto x = inputs(2, 3, 4, 6, 1, 1);
  auto shared = x;
  shared[1] = x[1].slice(2, 0, 1), shared[2] = x[2].slice(2, 0, 1);
  testing::expect_close(full(in_float(shared)), full(shared), 1e-5, "the reference");
}

TEST(DplrRecurrence, SameBitsForAnyNumberOfThreads) {
  const auto x = in_float(inputs(3, 17, 70, 8, 1, 1));
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto expected = full(x);
  omp_set_num_threads(3);
  testing::expect_same_bits(full(x), expected, "3 threads");
  omp_set_num_threads(before);
}

TEST(DplrRecurrence, RowsEndAtTheirLengths) {
  const auto x = inputs(2, 8, 5, 3, 1, 1);
  const auto whole = run(x, at::tensor({3, 8}, at::kLong));
  auto first = x;
  first[0] = x[0].slice(0, 0, 1).slice(1, 0, 3), first[6] = x[6].slice(0, 0, 1);
  const auto alone = full(first);
  EXPECT_TRUE(at::equal(whole[0].slice(0, 0, 1).slice(1, 0, 3), alone[0]));
  EXPECT_TRUE(at::equal(whole[1].slice(0, 0, 1), alone[1]));
  EXPECT_EQ(whole[0].slice(0, 0, 1).slice(1, 3).abs().max().item<double>(), 0);
}

TEST(DplrRecurrence, WrongInputsGetOneLine) {
  auto x = inputs(2, 3, 4, 2, 1, 1);
  x[4] = x[4].slice(2, 0, 1);
  testing::expect_error([&] { full(x); },
                        "dplr_recurrence: q is [1, 2, 1, 4]; expected [1, 2, 2, 4] to fit x [2, 3, 4] and g [2, 2, 4]");
  auto asks = inputs(2, 3, 4, 2, 1, 1);
  asks[1].requires_grad_();
  testing::expect_error([&] { full(asks); }, "dplr_recurrence: has no gradient, but an input asks for one");
}

}  // namespace
}  // namespace longwave
