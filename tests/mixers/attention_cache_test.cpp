// Keys and values of attention's state grow in place, but never under the eyes of another.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>

#include "longwave/models/backbone.h"
#include "tests/support/by_steps.h"

namespace longwave {
namespace {

using testing::by_steps;

constexpr std::int64_t kRows = 2, kSteps = 21, kWidth = 12;

Backbone small_model() {
  Backbone model({.mixer = "attention", .mixer_settings = {{"heads", 2}}, .d_model = kWidth, .layers = 2}, 1);
  model.eval();
  return model;
}

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(AttentionCache, StepsAreTheWhole) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  const auto x = at::randn({kRows, kSteps, kWidth});
  auto state = model.initial_state(kRows);
  EXPECT_LT(difference(by_steps(model, x, state), model.forward(x)), 1e-5);
  EXPECT_EQ(state.at("0.k").size(1), kSteps);
}

TEST(AttentionCache, StepsMostlyStayInTheSameMemory) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  auto state = model.initial_state(kRows);
  int moves = 0;
  const void* place = nullptr;
  for (int i = 0; i < 100; ++i) {
    by_steps(model, at::randn({kRows, 1, kWidth}), state);
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
  by_steps(model, x, state);
  const auto seen = state.at("0.k");
  const auto as_it_was = seen.clone();
  auto other = state;  // the same tensors
  const auto y_left = by_steps(model, left, state), y_right = by_steps(model, right, other);
  EXPECT_LT(difference(y_left, model.forward(at::cat({x, left}, 1)).narrow(1, 7, 5)), 1e-5);
  EXPECT_LT(difference(y_right, model.forward(at::cat({x, right}, 1)).narrow(1, 7, 5)), 1e-5);
  EXPECT_TRUE(at::equal(seen, as_it_was));
}

TEST(AttentionCache, GoesOnFromADetachedState) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  const auto x = at::randn({kRows, 9, kWidth});
  auto state = model.initial_state(kRows);
  auto y = by_steps(model, x.narrow(1, 0, 5), state);
  for (auto& [name, tensor] : state) tensor = tensor.detach();
  y = at::cat({y, by_steps(model, x.narrow(1, 5, 4), state)}, 1);
  EXPECT_LT(difference(y, model.forward(x)), 1e-5);
}

TEST(AttentionCache, WhatSharesItsMemoryStaysAsItIs) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  const auto moves_beside = [&](const std::function<at::Tensor(const at::Tensor&)>& share) {
    auto state = model.initial_state(kRows);
    by_steps(model, at::randn({kRows, 5, kWidth}), state);  // there is room for more
    const auto other = share(state.at("0.v"));
    const auto* place = state.at("0.v").data_ptr();
    by_steps(model, at::randn({kRows, 1, kWidth}), state);
    return state.at("0.v").data_ptr() != place;
  };
  EXPECT_TRUE(moves_beside([](const at::Tensor& x) { return x.narrow(1, 2, 3); }));  // refers to the tensor
  EXPECT_TRUE(moves_beside([](const at::Tensor& x) { return x.variable_data(); }));  // to its memory alone
  EXPECT_FALSE(moves_beside([](const at::Tensor& x) { return x.clone(); }));
}

TEST(AttentionCache, RowsThatPauseKeepTheirKeys) {
  auto model = small_model();
  const at::NoGradGuard no_grad;
  const auto x = at::randn({kRows, 6, kWidth});
  auto state = model.initial_state(kRows), alone = model.initial_state(1);
  by_steps(model, x.narrow(1, 0, 3), state);
  model.forward(x.narrow(1, 3, 2), at::tensor({2, 0}, at::kLong), &state);
  const auto y = model.forward(x.narrow(1, 5, 1), {}, &state);
  by_steps(model, x.narrow(0, 1, 1).narrow(1, 0, 3), alone);
  EXPECT_LT(difference(y.narrow(0, 1, 1), model.forward(x.narrow(0, 1, 1).narrow(1, 5, 1), {}, &alone)), 1e-5);
  EXPECT_LT(difference(y.narrow(0, 0, 1), model.forward(x.narrow(0, 0, 1)).narrow(1, 5, 1)), 1e-5);
}

}  // namespace
}  // namespace longwave
