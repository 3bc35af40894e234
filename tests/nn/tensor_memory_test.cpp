#include "longwave/nn/tensor_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace longwave {
namespace {

TEST(TensorMemory, CountsWhatIsAskedForAndWhatExistsAtOnce) {
  const auto memory = count_tensor_memory([] {
    { const auto first = at::empty({1000}, at::kFloat); }
    const auto second = at::empty({300}, at::kDouble), third = at::empty({100}, at::kFloat);
  });
  EXPECT_EQ(memory.asked, 4000 + 2400 + 400);
  EXPECT_EQ(memory.peak, 4000);
}

TEST(TensorMemory, WhatExistedBeforeDoesNotCount) {
  at::Tensor kept;
  count_tensor_memory([&] { kept = at::empty({1000}, at::kFloat); });
  const auto memory = count_tensor_memory([&] {
    kept.reset();
    const auto next = at::empty({500}, at::kFloat);
  });
  EXPECT_EQ(memory.peak, 2000);
}

TEST(TensorMemory, CountsTheBackwardPass) {
  const auto x = at::ones({1000}).requires_grad_();
  const auto memory = count_tensor_memory([&] { (x * x).sum().backward(); });
  EXPECT_GE(memory.peak, 8000);  // the product and a gradient
}

}  // namespace
}  // namespace longwave
