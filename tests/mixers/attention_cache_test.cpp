// Keys and values of attention's state grow in place, but never under the eyes of another.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/models/backbone.h"

namespace longwave {
namespace {

constexpr std::int64_t kRows = 2, kSteps = 21, kWidth = 12;

Backbone small_model() {
  Backbone model({.mixer = "attention", .mixer_settings = {{"heads", 2}}, .d_model = kWidth, .layers = 2}, 1);
  model.eval();
  return model;
}

at::Tensor run(Backbone& model, const at::Tensor& x, State& state) {
  std::vector<at::Tensor> y;
  for (std::int64_t i = 0; i < x.size(1); ++i) y.push_back(model.forward(x.narrow(1, i, 1), {}, &state));
  return at::cat(y, 1);
}

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(AttentionCache, StepsAreTheWhole) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  const auto x = at::randn({kRows, kSteps, kWidth});
  auto state = model.initial_state(kRows);
  EXPECT_LT(difference(run(model, x, state), model.forward(x)), 1e-5);
  EXPECT_EQ(state.at("0.k").size(1), kSteps);
}

TEST(AttentionCache, StepsMostlyStayInTheSameMemory) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  auto state = model.initial_state(kRows);
  int moves = 0;
  const void* place = nullptr;
  for (int i = 0; i < 100; ++i) {
    run(model, at::randn({kRows, 1, kWidth}), state);
    moves += state.at("1.v").data_ptr() != place;
    place = state.at("1.v").data_ptr();
  }
  EXPECT_LE(moves, 9);  // 1, 4, 10, 22, 46, 94 and so on
}

TEST(AttentionCache, StreamsThatPartDoNotDisturbEachOther) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  const auto x = at::randn({kRows, 7, kWidth}), left = at::randn({kRows, 5, kWidth}),
             right = at::randn({kRows, 5, kWidth});
  auto state = model.initial_state(kRows);
  run(model, x, state);
  const auto seen = state.at("0.k");
  const auto as_it_was = seen.clone();
  auto other = state;  // the same tensors
  const auto y_left = run(model, left, state), y_right = run(model, right, other);
  EXPECT_LT(difference(y_left, model.forward(at::cat({x, left}, 1)).narrow(1, 7, 5)), 1e-5);
  EXPECT_LT(difference(y_right, model.forward(at::cat({x, right}, 1)).narrow(1, 7, 5)), 1e-5);
  EXPECT_TRUE(at::equal(seen, as_it_was));
}

}  // namespace
}  // namespace longwave
