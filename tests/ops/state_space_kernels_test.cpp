// Kernels of state-space models: sums over poles at the steps of a sequence (Vandermonde) or at nodes (Cauchy).

#include "longwave/ops/cauchy.h"
#include "longwave/ops/low_rank.h"
#include "longwave/ops/vandermonde.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using namespace testing;

struct Case {
  std::int64_t r, h, n, t;
  bool shared;
};

const std::vector<Case> kCases = {{1, 1, 1, 1, false}, {2, 3, 4, 17, false},  {1, 5, 7, 256, false},
                                  {3, 9, 2, 40, true}, {1, 2, 8, 1000, true}, {12, 1, 3, 33, false},
                                  {1, 3, 5, 16, false}};

/// Values and poles as pairs of real numbers; poles decay.
Tensors inputs_of(const Case& c) {
  at::manual_seed(static_cast<std::uint64_t>(c.t));
  const auto h = c.shared ? 1 : c.h;
  const auto poles = at::stack({-at::rand({h, c.n}) * 0.2, at::randn({h, c.n})}, -1);
  return {at::randn({c.r, c.h, c.n, 2}), poles};
}

Op kernel_of(const Case& c) {
  return [c](const Tensors& in) {
    return Tensors{ops::vandermonde_kernel(at::view_as_complex(in[0]), at::view_as_complex(in[1]), c.t)};
  };
}

TEST(VandermondeKernel, IsTheSumItStandsFor) {
  for (const auto& c : kCases) {
    const auto in = inputs_of(c);
    const auto v = at::view_as_complex(in[0].to(at::kDouble)), x = at::view_as_complex(in[1].to(at::kDouble));
    const auto powers = at::exp(x.unsqueeze(-1) * at::arange(c.t, at::kDouble));  // [h, n, t]
    const auto expected = 2 * at::real(v.unsqueeze(-1) * powers).sum(2);
    EXPECT_LT(largest_difference(ops::vandermonde_kernel(v, x, c.t), expected), 1e-12);
    EXPECT_LT(largest_difference(kernel_of(c)(in)[0], expected), 2e-6);
  }
}

TEST(VandermondeKernel, FloatMatchesDouble) {
  for (const auto& c : kCases) expect_float_matches_double(kernel_of(c), inputs_of(c), 5e-6);
}

TEST(VandermondeKernel, GradientsMatchDifferences) {
  for (const auto& c : kCases) expect_gradients_match_differences(kernel_of(c), inputs_of(c));
}

TEST(VandermondeKernel, SameBitsForAnyThreads) {
  for (const auto& c : kCases) expect_same_bits_for_any_threads(kernel_of(c), inputs_of(c));
}

TEST(VandermondeKernel, KeepsItsPhaseOverLongSequences) {
  const auto x = at::view_as_complex(at::tensor({-1e-5f, 2.0f}).view({1, 1, 2}));
  const auto v = at::ones({1, 1, 1}, at::kComplexFloat);
  constexpr std::int64_t kSteps = 100000;
  const auto exact = ops::vandermonde_kernel(v.to(at::kComplexDouble), x.to(at::kComplexDouble), kSteps);
  EXPECT_LT(largest_difference(ops::vandermonde_kernel(v, x, kSteps), exact), 1e-6);
}

TEST(VandermondeState, IsTheSumItStandsFor) {
  at::manual_seed(3);
  for (const std::int64_t t : {1, 2, 17, 64}) {
    const auto u = at::randn({2, t, 3}, at::kDouble);
    const auto x = at::complex(-at::rand({3, 4}, at::kDouble), at::randn({3, 4}, at::kDouble));
    auto expected = at::zeros({2, 3, 4}, at::kComplexDouble);
    for (std::int64_t l = 0; l < t; ++l)
      expected += u.select(1, l).unsqueeze(-1) * at::exp(x * static_cast<double>(t - 1 - l));
    EXPECT_LT(at::abs(ops::vandermonde_state(u, x) - expected).max().item<double>(), 1e-12);
  }
}

TEST(VandermondeState, WrongInputsGetOneLine) {
  const auto u = at::ones({1, 5, 2}), x = at::ones({2, 3}, at::kComplexFloat);
  expect_error([&] { ops::vandermonde_state(u.narrow(1, 0, 0), x); },
               "vandermonde_state: u is Float [1, 0, 2]; expected float or double [b, t, h] with t > 0");
  expect_error([&] { ops::vandermonde_state(u.to(at::kHalf), x); },
               "vandermonde_state: u is Half [1, 5, 2]; expected float or double [b, t, h] with t > 0");
  expect_error([&] { ops::vandermonde_state(u, x.to(at::kComplexDouble)); },
               "vandermonde_state: x is ComplexDouble [2, 3]; expected ComplexFloat [h, n] with h = 2 like u");
  expect_error(
      [&] {
        ops::vandermonde_state(u, at::ones({3, 3}, at::kComplexFloat));
      },
      "vandermonde_state: x is ComplexFloat [3, 3]; expected ComplexFloat [h, n] with h = 2 like u");
  expect_error([&] { ops::vandermonde_state(u, x.to(at::kMeta)); },
               "vandermonde_state: x is on meta; expected cpu like u");
}

/// Poles left of the imaginary axis, nodes on it.
Tensors cauchy_inputs(std::int64_t m, std::int64_t h, std::int64_t n, std::int64_t l) {
  at::manual_seed(7);
  return {at::randn({m, h, n, 2}), at::stack({-0.2 - at::rand({h, n}), at::randn({h, n})}, -1),
          at::stack({at::zeros({l}), at::randn({l})}, -1)};
}

Op cauchy_with(const at::Tensor& z) {
  return [z](const Tensors& in) {
    const auto nodes = at::view_as_complex(z.to(in[0].scalar_type()).contiguous());
    const auto r = ops::cauchy_kernel(at::view_as_complex(in[0]), nodes, at::view_as_complex(in[1]));
    return Tensors{at::view_as_real(r)};
  };
}

TEST(CauchyKernel, KeepsItsPromises) {
  for (const auto& [m, h, n, l] :
       std::vector<std::array<std::int64_t, 4>>{{1, 1, 1, 1}, {4, 3, 5, 17}, {2, 2, 8, 40}}) {
    const auto all = cauchy_inputs(m, h, n, l);
    const Tensors in = {all[0], all[1]};
    const auto op = cauchy_with(all[2]);
    const auto v = at::view_as_complex(in[0].to(at::kDouble)).unsqueeze(-1);
    const auto w = at::view_as_complex(in[1].to(at::kDouble)).unsqueeze(-1);
    const auto z = at::view_as_complex(all[2].to(at::kDouble));
    const auto expected = at::view_as_real((v / (z - w) + v.conj() / (z - w.conj())).sum(2));
    EXPECT_LT(largest_difference(op({in[0].to(at::kDouble), in[1].to(at::kDouble)})[0], expected), 1e-12);
    expect_float_matches_double(op, in, 1e-5);
    expect_gradients_match_differences(op, in);
    expect_same_bits_for_any_threads(op, in);
  }
}

TEST(CauchyKernel, TakesNodesAnywhere) {
  auto all = cauchy_inputs(3, 2, 4, 9);
  all[2].select(1, 0).fill_(0.5);
  const auto op = cauchy_with(all[2]);
  expect_float_matches_double(op, {all[0], all[1]}, 1e-5);
  expect_gradients_match_differences(op, {all[0], all[1]});
}

TEST(StateSpaceKernels, SayWhatIsWrong) {
  const auto v = at::zeros({1, 2, 3}, at::kComplexFloat), x = at::zeros({2, 3}, at::kComplexFloat);
  expect_error([&] { ops::vandermonde_kernel(v, x.narrow(1, 0, 2), 4); },
               "vandermonde_kernel: x is [2, 2]; expected [h, n] = [2, 3] or [1, n]");
  expect_error([&] { ops::vandermonde_kernel(v, x, 0); }, "vandermonde_kernel: t is 0; expected at least 1");
  expect_error([&] { ops::cauchy_kernel(v, x, x); }, "cauchy_kernel: z is [2, 3]; expected [l]");
}

// --- Low-rank part

at::Tensor tangents(const at::Tensor& sums) {
  return at::linspace(0.1, 1.5, sums.size(3), sums.options().requires_grad(false));
}
Op response_of(std::int64_t rank) {
  return [rank](const Tensors& in) {
    const auto y = ops::low_rank_response(at::view_as_complex(in[0]), tangents(in[0]), rank);
    return Tensors{at::view_as_real(y)};
  };
}
/// Sums with a part that keeps 1 + M away from singular, as those of a model do.
Tensors sums_of(std::int64_t inputs, std::int64_t outputs, std::int64_t rank, std::int64_t l) {
  at::manual_seed(static_cast<std::uint64_t>(l));
  return {0.3 * at::randn({inputs + rank, outputs + rank, 3, l, 2})};
}

TEST(LowRankResponse, IsTheInverseItStandsFor) {
  for (const std::int64_t rank : {1, 2, 3, 4}) {
    const auto in = sums_of(2, 3, rank, 7);
    const auto s = at::view_as_complex(in[0].to(at::kDouble)).permute({2, 3, 0, 1});  // [h, l, rows, columns]
    const auto left = s.slice(2, 0, 2).slice(3, 3), right = s.slice(2, 2).slice(3, 0, 3);
    const auto matrix = at::eye(rank, s.options()) + s.slice(2, 2).slice(3, 3);
    const auto expected =
        (s.slice(2, 0, 2).slice(3, 0, 3) - at::matmul(left, at::linalg_solve(matrix, right))).permute({2, 3, 0, 1}) *
        at::complex(at::ones({7}, at::kDouble), tangents(in[0].to(at::kDouble)));
    const Tensors exact{in[0].to(at::kDouble)};
    EXPECT_LT(largest_difference(response_of(rank)(exact)[0], at::view_as_real(expected)), 1e-12);
    EXPECT_LT(largest_difference(response_of(rank)(in)[0], at::view_as_real(expected)), 2e-6);
  }
}

TEST(LowRankResponse, GradientsMatchDifferences) {
  for (const std::int64_t rank : {1, 2}) expect_gradients_match_differences(response_of(rank), sums_of(2, 2, rank, 5));
}

TEST(LowRankResponse, WholeVectorsAndTheRestAreAsEachNodeAloneOnEveryInstructionSet) {
  for (const std::int64_t rank : {1, 2, 4})
    for (const auto type : {at::kFloat, at::kDouble}) {
      const auto in = sums_of(2, 3, rank, 37)[0];
      const auto tangent = tangents(in.to(type));
      const auto results = [&](std::int64_t first, std::int64_t count) {
        const auto sums = in.to(type).narrow(3, first, count).contiguous().requires_grad_();
        const auto y = at::view_as_real(
            ops::low_rank_response(at::view_as_complex(sums), tangent.narrow(0, first, count).contiguous(), rank));
        (y * y).sum().backward();
        return Tensors{y.detach(), sums.grad()};
      };
      for_every_instruction_set([&](const std::string& name) {
        const auto whole = results(0, 37);
        for (std::int64_t l = 0; l < 37; ++l) {
          const auto alone = results(l, 1);
          expect_close({whole[0].narrow(3, l, 1), whole[1].narrow(3, l, 1)}, alone, type == at::kFloat ? 2e-6 : 1e-12,
                       name + ", rank " + std::to_string(rank));
        }
      });
    }
}

TEST(LowRankResponse, WrongRankGetsOneLine) {
  expect_error(
      [] {
        ops::low_rank_response(at::zeros({2, 2, 1, 1}, at::kComplexFloat), at::zeros({1}), 5);
      },
      "low_rank_response: rank is 5; expected 1 to 4");
}

}  // namespace
}  // namespace longwave
