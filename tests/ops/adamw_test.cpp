#include "longwave/ops/adamw.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>
#include <sstream>

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

struct Run {
  Tensors params, averages, squares;
};

Run run_steps(at::ScalarType type) {
  at::manual_seed(5);
  Run run;
  for (const std::int64_t n : {1, 37, 40000}) {
    run.params.push_back(at::randn({n}, at::kDouble).to(type));
    run.averages.push_back(at::zeros({n}, type));
    run.squares.push_back(at::zeros({n}, type));
  }
  for (std::int64_t step = 1; step <= 5; ++step) {
    Tensors grads;
    for (const auto& w : run.params) grads.push_back(at::randn(w.sizes(), at::kDouble).to(type));
    if (step == 2) grads[1] = at::Tensor();
    ops::adamw_step(
        run.params, grads, run.averages, run.squares,
        {.lr = 0.01, .beta1 = 0.95 - 0.02 * step, .beta2 = 0.95, .weight_decay = 0.1, .step = step, .grad_scale = 0.5});
  }
  return run;
}

TEST(AdamW, FloatMatchesDoubleOnEveryInstructionSet) {
  const auto expected = run_steps(at::kDouble);
  testing::for_every_instruction_set([&](const std::string& name) {
    const auto actual = run_steps(at::kFloat);
    testing::expect_close(actual.params, expected.params, 2e-6, name);
    testing::expect_close(actual.averages, expected.averages, 2e-6, name);
    testing::expect_close(actual.squares, expected.squares, 2e-6, name);
  });
}

TEST(AdamW, OneStepByHand) {
  // m = 0.2, v = 0.2, both corrected: 2 and 4; w = 1 - 0.1*0.5*1 - 0.1 * 2 / (2 + eps)
  const auto w = at::ones({1}, at::kDouble), m = at::zeros({1}, at::kDouble), v = at::zeros({1}, at::kDouble);
  ops::adamw_step({w}, {at::full({1}, 2.0, at::kDouble)}, {m}, {v},
                  {.lr = 0.1, .beta1 = 0.9, .beta2 = 0.95, .eps = 0, .weight_decay = 0.5});
  EXPECT_NEAR(m.item<double>(), 0.2, 1e-15);
  EXPECT_NEAR(v.item<double>(), 0.2, 1e-15);
  EXPECT_NEAR(w.item<double>(), 0.95 - 0.1, 1e-15);
}

TEST(AdamW, WithoutGradientNothingMoves) {
  const auto w = at::ones({3}), m = at::ones({3}), v = at::ones({3});
  ops::adamw_step({w}, {at::Tensor()}, {m}, {v}, {.weight_decay = 0.5});
  for (const auto& x : {w, m, v}) EXPECT_TRUE(at::equal(x, at::ones({3})));
}

TEST(AdamW, NormIsThatOfAllGradientsAndTheSameForAnyThreads) {
  at::manual_seed(1);
  const Tensors grads{at::randn({70001}), at::Tensor(), at::randn({3, 5}).t()};
  const double expected = std::sqrt(grads[0].to(at::kDouble).square().sum().item<double>() +
                                    grads[2].to(at::kDouble).square().sum().item<double>());
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const double one = ops::grad_norm(grads);
  omp_set_num_threads(2);
  EXPECT_EQ(ops::grad_norm(grads), one);
  omp_set_num_threads(before);
  EXPECT_NEAR(one, expected, 1e-6 * expected);
  EXPECT_TRUE(std::isnan(ops::grad_norm({at::full({1}, NAN)})));
}

TEST(AdamW, NoGradientAtAllIsNoStep) {
  ops::adamw_step({}, {}, {}, {}, {});
  EXPECT_EQ(ops::grad_norm({at::Tensor()}), 0);
}

c10::OperatorHandle registered(const char* name) { return c10::Dispatcher::singleton().findSchemaOrThrow(name, ""); }

at::Tensor registered_norm(const Tensors& grads) {
  return registered("longwave::grad_norm").typed<at::Tensor(at::TensorList)>().call(grads);
}

TEST(AdamW, OperatorsAreRegisteredAndSayWhatTheyWrite) {
  std::ostringstream schema;
  schema << registered("longwave::adamw_step").schema();
  EXPECT_NE(schema.str().find("Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] exp_avg, Tensor(c!)[] exp_avg_sq"),
            std::string::npos)
      << schema.str();
  const Tensors grads{at::full({4}, 2.0), at::full({9}, 1.0, at::kDouble)};
  EXPECT_EQ(registered_norm(grads).item<double>(), 5);
  EXPECT_EQ(ops::grad_norm(grads), 5);
}

TEST(AdamW, MetaTensorsHaveTheShape) {
  const Tensors x{at::empty({3}, at::TensorOptions().device(at::kMeta))};
  ops::adamw_step(x, x, x, x, {});
  EXPECT_EQ(registered_norm(x).dim(), 0);
  EXPECT_EQ(registered_norm(x).scalar_type(), at::kDouble);
}

TEST(AdamW, WrongInputsGetOneLine) {
  const auto w = at::ones({3});
  testing::expect_error([&] { ops::adamw_step({w}, {at::ones({2})}, {w}, {w}, {}); },
                        "adamw: gradient 0 is [2]; expected [3] like its parameter");
}

}  // namespace
}  // namespace longwave
