#pragma once

// What every operator promises, as functions: tests name the property and hand over the operator as a lambda.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <functional>
#include <string>
#include <vector>

#include "longwave/base/check.h"
#include "tests/support/instruction_sets.h"

namespace longwave::testing {

using Tensors = std::vector<at::Tensor>;
using Op = std::function<Tensors(const Tensors&)>;

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>() /
         std::max(1.0, b.to(at::kDouble).abs().max().item<double>());
}

/// Outputs and gradients of fixed random combinations of the outputs with respect to all inputs, at one precision.
inline Tensors outputs_and_gradients(const Op& op, const Tensors& inputs, at::ScalarType type) {
  Tensors leaves;
  for (const auto& input : inputs) leaves.push_back(input.detach().to(type).clone().requires_grad_());
  auto outputs = op(leaves);
  at::manual_seed(11);
  auto loss = at::zeros({}, at::TensorOptions().dtype(type));
  for (const auto& out : outputs) loss = loss + (out * at::randn(out.sizes(), at::kDouble).to(type)).sum();
  loss.backward();
  Tensors all;
  for (const auto& out : outputs) all.push_back(out.detach());
  for (const auto& leaf : leaves) all.push_back(leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf));
  return all;
}

inline void expect_close(const Tensors& actual, const Tensors& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_LT(largest_difference(actual[i], expected[i]), tolerance) << what << ", result " << i;
}

inline void expect_same_bits(const Tensors& actual, const Tensors& expected, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_TRUE(at::equal(actual[i], expected[i])) << what << ", result " << i;
}

/// Float results and gradients on every instruction set against double (the definition).
inline void expect_float_matches_double(const Op& op, const Tensors& inputs, double tolerance) {
  const auto expected = outputs_and_gradients(op, inputs, at::kDouble);
  for_every_instruction_set([&](const std::string& name) {
    expect_close(outputs_and_gradients(op, inputs, at::kFloat), expected, tolerance, name);
  });
}

inline void expect_same_bits_for_any_threads(const Op& op, const Tensors& inputs) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto expected = outputs_and_gradients(op, inputs, at::kFloat);
  for (const int threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    expect_same_bits(outputs_and_gradients(op, inputs, at::kFloat), expected, std::to_string(threads) + " threads");
  }
  omp_set_num_threads(before);
}

/// Analytic gradients in double against central differences along random directions.
inline void expect_gradients_match_differences(const Op& op, const Tensors& inputs) {
  const auto all = outputs_and_gradients(op, inputs, at::kDouble);
  const auto first_gradient = all.size() - inputs.size();
  const auto loss = [&](const Tensors& at_point) {
    const at::NoGradGuard no_grad;
    const auto outputs = op(at_point);
    at::manual_seed(11);
    double sum = 0;
    for (const auto& out : outputs) sum += (out * at::randn(out.sizes(), at::kDouble)).sum().item<double>();
    return sum;
  };
  constexpr double kEps = 1e-6;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensors up, down;
    for (const auto& input : inputs) up.push_back(input.to(at::kDouble)), down.push_back(input.to(at::kDouble));
    at::manual_seed(static_cast<std::uint64_t>(i) + 1);
    const auto direction = at::randn(inputs[i].sizes(), at::kDouble);
    up[i] = up[i] + kEps * direction;
    down[i] = down[i] - kEps * direction;
    const double numeric = (loss(up) - loss(down)) / (2 * kEps);
    const double analytic = (all[first_gradient + i] * direction).sum().item<double>();
    EXPECT_NEAR(analytic, numeric, 1e-6 * std::max(1.0, std::abs(numeric))) << "input " << i;
  }
}

inline void expect_error(const std::function<void()>& body, const std::string& message) {
  try {
    body();
    FAIL() << "accepted; expected: " << message;
  } catch (const UserError& error) {
    EXPECT_EQ(error.what(), message);
  }
}

}  // namespace longwave::testing
