// Operators that are called by hand, as from Python, with what our own layers never give them.

#include <torch/script.h>

#include "longwave/ops/linear_cross_entropy.h"
#include "longwave/ops/softmax_attention.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using at::Tensor;

/// Calls longwave::NAME by its schema, as Python does.
std::vector<c10::IValue> call(const std::string& name, const std::vector<c10::IValue>& arguments) {
  auto stack = arguments;
  c10::Dispatcher::singleton().findSchemaOrThrow(("longwave::" + name).c_str(), "").callBoxed(stack);
  return stack;
}

Tensor f(at::IntArrayRef sizes) { return at::randn(sizes); }
const Tensor kNone = at::empty({0});
Tensor no_lengths() { return at::empty({0}, at::kLong); }

TEST(OperatorsCalledByHand, TensorsOfAnotherSizeGetOneLine) {
  struct Case {
    std::string name;
    std::vector<c10::IValue> arguments;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"recurrent_grad",  // LSTM: the memory of 3 steps is missing one
       {f({2, 3, 1, 4}), kNone, f({2, 3, 1, 4}), f({2, 2, 1, 1, 4}), f({2, 3, 4, 1, 4}), f({1, 4, 4, 4}),
        f({2, 2, 1, 4}), no_lengths(), std::int64_t{2}, false, 0.0},
       "recurrent_grad: memory is Float [2, 2, 1, 1, 4]; expected Float [2, 3, 1, 1, 4]"},
      {"gated_linear_attention_grad",
       {f({1, 3, 2, 4}), kNone, f({1, 2, 1, 4, 3}), f({1, 3, 2, 4}), f({1, 3, 2, 4}), f({1, 3, 2, 4}), kNone, kNone,
        kNone, kNone, kNone, kNone, 1.0, false},
       "gated_linear_attention_grad: states is Float [1, 2, 1, 4, 3]; expected Float [1, 2, 1, 4, 4]"},
      {"wkv4_grad",
       {f({2, 3, 4}), f({2, 3}), f({2, 1, 3, 4}), f({4}), f({4}), f({2, 3, 4}), f({2, 3, 4}), f({2, 3, 4}),
        no_lengths()},
       "wkv4_grad: d_final is Float [2, 3]; expected Float [2, 3, 4]"},
      {"softmax_attention_grad",
       {f({1, 3, 2, 4}), kNone, f({1, 3, 2, 4}), f({1, 3, 2}), f({1, 3, 2, 4}), f({1, 5, 2, 4}), f({1, 5, 2, 4}),
        at::empty({0}, at::kBool), no_lengths(), kNone, 1.0, false},
       "softmax_attention_grad: lse is Float [1, 3, 2]; expected Float [1, 2, 3]"},
      {"score_attention_grad",
       {f({1, 3, 2, 4}), kNone, f({1, 2, 3, 4}), f({1, 3, 2, 4}), f({1, 5, 2, 4}), f({1, 5, 2, 4}), kNone, 1.0, 0.0,
        std::int64_t{0}},
       "score_attention_grad: scores is Float [1, 2, 3, 4]; expected Float [1, 2, 3, 5]"},
      {"residual_norm_grad",
       {f({2, 4}), f({2, 3}), f({2, 4}), f({4}), f({4}), 1e-5, true},
       "residual_norm_grad: dsum is Float [2, 3]; expected Float [2, 4]"},
      {"batch_norm_grad",
       {f({2, 4}), f({2, 4}), f({4}), at::empty({0}, at::kBool), f({3}), f({4}), 1e-5},
       "batch_norm_grad: mean is Float [3]; expected Float [4]"},
      {"fft_convolution_grad",
       {f({1, 5, 2}), f({1, 4, 2}), f({1, 5, 2}), f({1, 2, 5}), kNone, kNone, std::int64_t{0}},
       "fft_convolution_grad: sums is Float [1, 4, 2]; expected Float [10]"},
      {"fft_convolution",
       {f({1, 5, 2}), f({1, 2, 7}), kNone, kNone, std::int64_t{1}, false},
       "fft_convolution: k has 1 taps before its origin and 6 from there on; expected at most 4 and 5, as u has 5 "
       "steps"},
      {"linear_cross_entropy_grad",
       {f({2}), f({2}), f({2, 4}), f({3, 4}), kNone, at::tensor({0, 3}, at::kLong), std::int64_t{-100}},
       "linear_cross_entropy: target 1 is 3; expected 0 .. 2, or -100 to ignore the row"},
  };
  for (const auto& c : cases) testing::expect_error([&] { call(c.name, c.arguments); }, c.message);
  testing::expect_error(
      [&] {
        ops::linear_cross_entropy(f({2, 4}), f({3, 4}), {}, at::tensor({0, 3}, at::kLong));
      },
      cases.back().message);
}

TEST(OperatorsCalledByHand, AScaleOfZeroMeansTheDefaultOfSoftmaxAttention) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    at::manual_seed(1);
    const testing::Tensors in{at::randn({1, 3, 2, 4}, at::kDouble), at::randn({1, 3, 2, 4}, at::kDouble),
                              at::randn({1, 3, 2, 4}, at::kDouble)};
    const auto by_name = [](const testing::Tensors& t) -> testing::Tensors {
      const auto none = at::empty({0}, t[0].options().requires_grad(false));
      const auto out = call("softmax_attention",
                            {t[0], t[1], t[2], at::empty({0}, at::kBool), no_lengths(), none, 0.0, /*causal=*/true});
      return {out[0].toTensor(), out[1].toTensor()};
    };
    const auto by_function = [](double scale) {
      return [scale](const testing::Tensors& t) -> testing::Tensors {
        const auto [y, lse] = ops::softmax_attention(t[0], t[1], t[2], {.scale = scale});
        return {y, lse};
      };
    };
    const auto got = testing::outputs_and_gradients(by_name, in, type);
    testing::expect_same_bits(got, testing::outputs_and_gradients(by_function(0), in, type), "by default");
    testing::expect_same_bits(got, testing::outputs_and_gradients(by_function(0.5), in, type), "1 / sqrt(4)");
  }
}

}  // namespace
}  // namespace longwave
