#include "longwave/nn/derived_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <thread>

namespace longwave {
namespace {

struct Doubled : torch::nn::Module {
  Doubled() { weight = register_parameter("weight", at::ones({3})); }
  at::Tensor value() {
    return cache.get(*this, {weight}, [&] {
      ++computed;
      return std::vector<at::Tensor>{2 * weight};
    })[0];
  }
  at::Tensor weight;
  DerivedCache cache;
  int computed = 0;
};

TEST(DerivedCache, KeepsValuesInEvaluationWithoutGradients) {
  Doubled module;
  module.eval();
  const at::NoGradGuard no_grad;
  module.value(), module.value();
  EXPECT_EQ(module.computed, 1);
}

TEST(DerivedCache, SeesParametersThatWereWrittenOrReplaced) {
  Doubled module;
  module.eval();
  const at::NoGradGuard no_grad;
  module.value();
  module.weight.fill_(5);
  EXPECT_EQ(module.value()[0].item<float>(), 10);
  module.to(at::kDouble);
  EXPECT_EQ(module.value().scalar_type(), at::kDouble);
}

TEST(DerivedCache, ComputesAnewForWeightsThatKeepNoAccount) {
  const c10::InferenceMode inference;
  Doubled module;
  module.eval();
  module.value();
  module.weight.fill_(5);
  EXPECT_EQ(module.value()[0].item<float>(), 10);
}

TEST(DerivedCache, ServesSeveralThreadsAtOnce) {
  Doubled module;
  module.eval();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      const at::NoGradGuard no_grad;
      for (int call = 0; call < 1000; ++call) ASSERT_EQ(module.value()[0].item<float>(), 2);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(module.computed, 1);
}

TEST(DerivedCache, ComputesAnewInTrainingAndForGradients) {
  Doubled module;
  module.value(), module.value();
  EXPECT_EQ(module.computed, 2);
  module.eval();
  EXPECT_TRUE(module.value().requires_grad());
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(module.value().requires_grad());
}

}  // namespace
}  // namespace longwave
