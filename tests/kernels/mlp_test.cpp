#include "longwave/kernels/mlp.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

/// `m` with its sizes and options; its tensors are made here.
Results mlp_results(Mlp m, bool norm, bool keep_product, Form form) {
  Random random;
  const auto x = random.numbers(m.rows * m.d_in), norm_weight = random.numbers(m.d_in);
  const auto w1 = random.numbers(m.d_hidden * m.d_in, 0.3), b1 = random.numbers(m.d_hidden);
  const auto w2 = random.numbers(m.d_out * m.d_hidden, 0.3), b2 = random.numbers(m.d_out);
  const auto dy = random.numbers(m.rows * m.d_out);
  auto product = unwritten(m.rows * m.d_hidden), y = unwritten(m.rows * m.d_out), dx = unwritten(m.rows * m.d_in);
  auto dnorm = norm ? unwritten(m.d_in) : Numbers();
  auto dw1 = unwritten(m.d_hidden * m.d_in), db1 = unwritten(m.d_hidden);
  auto dw2 = unwritten(m.d_out * m.d_hidden), db2 = unwritten(m.d_out);
  m.x = x.data();
  m.norm_weight = norm ? norm_weight.data() : nullptr;
  m.w1 = w1.data(), m.b1 = b1.data(), m.w2 = w2.data(), m.b2 = b2.data();
  m.product = keep_product ? product.data() : nullptr;
  const MlpGrad g{dy.data(), dx.data(), norm ? dnorm.data() : nullptr, dw1.data(), db1.data(), dw2.data(), db2.data()};
  if (form == Form::reference) {
    mlp_reference(m, y.data());
    mlp_grad_reference(m, g);
  } else {
    mlp(m, y.data(), Workspace(mlp_workspace(m)));
    mlp_grad(m, g, Workspace(mlp_grad_workspace(m)));
  }
  return {y, dx, dnorm, dw1, db1, dw2, db2};
}

void expect_mlp(const Mlp& m, bool norm, bool keep_product) {
  testing::expect_matches_reference([&](Form form) { return mlp_results(m, norm, keep_product, form); }, 2e-5,
                                    std::to_string(m.rows) + " rows, " + std::to_string(m.d_hidden) + " hidden" +
                                        (norm ? ", normed" : "") + (keep_product ? ", product kept" : ""));
}

Mlp sized(std::int64_t rows, std::int64_t in, std::int64_t hidden, std::int64_t out) {
  Mlp m{};
  m.rows = rows, m.d_in = in, m.d_hidden = hidden, m.d_out = out;
  return m;
}

TEST(MlpKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, in, hidden, out] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 1}, {5, 7, 3, 2}, {50, 16, 33, 16}, {151, 5, 17, 9}, {7, 19, 270, 35}})
    for (const bool all : {false, true}) {
      auto m = sized(rows, in, hidden, out);
      expect_mlp(m, all, all);
      m.activation = Activation::relu;
      expect_mlp(m, !all, all);
    }
}

TEST(MlpKernel, MatchesTheReferenceWithDropoutAndResidual) {
  auto m = sized(61, 13, 37, 13);
  m.hidden_dropout = DropoutMask(0.3, 5);
  m.output_dropout = DropoutMask(0.2, 1LL << 40);
  m.residual = true;
  for (const auto place : {DropoutPlace::after_activation, DropoutPlace::before_activation})
    for (const bool norm : {false, true}) {
      m.place = place;
      expect_mlp(m, norm, false);
    }
}

}  // namespace
}  // namespace longwave::kernels
