#include "longwave/ops/bilinear_step.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

struct Problem {
  at::Tensor a, b, half, x, u;
  at::Tensor next(at::ScalarType type) const { return ops::bilinear_step(a, b, half, x.to(type), u.to(type)); }
};

Problem random_problem(std::int64_t rows, std::int64_t h, std::int64_t n) {
  at::manual_seed(3);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const auto a = at::randn({n, n}, options).tril(-1) - at::diag(at::rand({n}, options) + 0.5);
  return {a, at::randn({n}, options), 0.3 * at::rand({h}, options), at::randn({rows, h, n}, options),
          at::randn({rows, h}, options)};
}

TEST(BilinearStep, SolvesTheBilinearRule) {
  const auto p = random_problem(2, 5, 7);
  const auto one = at::eye(7, p.a.options()), s = p.half.view({5, 1, 1});
  const auto right =
      at::matmul(one + s * p.a, p.x.unsqueeze(-1)).squeeze(-1) + 2 * p.half.view({5, 1}) * p.b * p.u.unsqueeze(-1);
  const auto expected = at::linalg_solve(one - s * p.a, right.unsqueeze(-1)).squeeze(-1);
  EXPECT_LT(testing::largest_difference(p.next(at::kDouble), expected), 1e-12);
}

TEST(BilinearStep, FloatMatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, h, n] : {std::tuple{1, 1, 1}, {1, 33, 2}, {3, 7, 64}, {2, 150, 5}}) {
    const auto p = random_problem(rows, h, n);
    const auto expected = p.next(at::kDouble);
    testing::for_every_instruction_set([&](const std::string& name) {
      EXPECT_LT(testing::largest_difference(p.next(at::kFloat), expected), 1e-6) << name << " " << h;
    });
  }
}

TEST(BilinearStep, SameBitsForAnyNumberOfThreads) {
  const auto p = random_problem(3, 90, 9);
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto expected = p.next(at::kFloat);
  omp_set_num_threads(3);
  EXPECT_TRUE(at::equal(p.next(at::kFloat), expected));
  omp_set_num_threads(before);
}

TEST(BilinearStep, DoesNotReadAboveTheDiagonal) {
  const auto p = random_problem(2, 3, 4);
  auto other = p;
  other.a = at::where(at::ones_like(p.a).triu(1) > 0, at::full_like(p.a, std::nan("")), p.a);
  for (const auto type : {at::kFloat, at::kDouble}) EXPECT_TRUE(at::equal(other.next(type), p.next(type)));
}

TEST(BilinearStep, RefusesWhatDoesNotFit) {
  auto p = random_problem(2, 3, 4);
  const auto message = [&] {
    try {
      p.next(at::kFloat);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message(), "accepted");
  p.half = p.half.slice(0, 1);
  EXPECT_NE(message().find("half is [2]; expected [h]"), std::string::npos) << message();
  p = random_problem(2, 3, 4);
  p.a = p.a.to(at::kFloat);
  EXPECT_NE(message().find("a is Float; expected double"), std::string::npos) << message();
  p = random_problem(2, 3, 4);
  p.b.requires_grad_();
  EXPECT_NE(message().find("has no gradient"), std::string::npos) << message();
}

}  // namespace
}  // namespace longwave
