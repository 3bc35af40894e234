// Operators that are called by hand, as from Python, with what our own layers never give them.

#include <torch/script.h>

#include <limits>

#include "longwave/ops/adamw.h"
#include "longwave/ops/arx_tokens.h"
#include "longwave/ops/batch_norm.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/linear_cross_entropy.h"
#include "longwave/ops/mlp.h"
#include "longwave/ops/recurrent.h"
#include "longwave/ops/residual_norm.h"
#include "longwave/ops/rms_norm.h"
#include "longwave/ops/score_attention.h"
#include "longwave/ops/softmax_attention.h"
#include "longwave/ops/var_attention.h"
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

TEST(OperatorsCalledByHand, NumbersOutOfRangeGetOneLine) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
  const std::string not_negative = "; expected a number, 0 or more", finite = "; expected a finite number",
                    share = "; expected in [0, 1)";
  for (const auto type : {at::kFloat, at::kDouble}) {
    const auto ones = [&](at::IntArrayRef sizes) { return at::ones(sizes, type).requires_grad_(); };
    const auto x = ones({2, 4}), w = ones({4}), q = ones({1, 2, 1, 4}), d = ones({1, 2, 4}), one = ones({1, 2, 1});
    const auto adamw = [&](const ops::AdamwStep& step) {
      const auto of = at::ones({3}, type);
      ops::adamw_step({of}, {of}, {of.clone()}, {of.clone()}, step);
    };
    const auto recurrent = [&](double clip) {
      ops::recurrent(ones({1, 2, 1, 1, 4}), ones({1, 4, 1, 4}), ones({1, 1, 4}), ones({1, 1, 1, 4}), {},
                     {.cell = ops::Cell::rnn_tanh, .clip = clip});
    };
    const auto arx = [&](double eps) {
      const auto map = ones({4, 2});
      ops::arx_tokens(at::ones({1, 1, 1, 2}, type), {map, w, w, map, w, w, ones({1, 1}), ones({1}), ones({1, 2, 4}), w},
                      0, 0, eps);
    };
    const auto var = [&](double eps, double map_eps) {
      ops::var_attention(d, {w, ones({8, 4}), ones({8}), ones({2, 4}), ones({1, 4, 4}), w},
                         {.eps = eps, .map_eps = map_eps, .keys = {0}});
    };
    struct Case {
      std::function<void()> call;
      std::string message;
    };
    const std::vector<Case> cases = {
        {[&] { ops::rms_norm(x, w, -1); }, "rms_norm: eps is -1" + not_negative},
        {[&] { ops::layer_norm(x, w, w, kNan); }, "residual_norm: eps is nan" + not_negative},
        {[&] { ops::residual_rms_norm(x, x, w, -1e-5); }, "residual_norm: eps is -1e-05" + not_negative},
        {[&] { ops::batch_norm(x, w, w, {}, kInfinity); }, "batch_norm: eps is inf" + not_negative},
        {[&] {
           ops::mlp(x, w, ones({3, 4}), ones({3}), ones({4, 3}), w, {.eps = -1});
         },
         "mlp: eps is -1" + not_negative},
        {[&] { arx(-1); }, "arx_tokens: eps is -1" + not_negative},
        {[&] { var(-1, 0); }, "var_attention: eps is -1" + not_negative},
        {[&] { var(0, kNan); }, "var_attention: map_eps is nan" + not_negative},
        {[&] { ops::gated_linear_attention(q, q, q, {}, {}, {}, kNan); },
         "gated_linear_attention: scale is nan" + finite},
        {[&] { ops::delta_rule(q, q, q, one, {}, {}, -kInfinity); }, "delta_rule: scale is -inf" + finite},
        {[&] { ops::softmax_attention(q, q, q, {.scale = kNan}); }, "softmax_attention: scale is nan" + finite},
        {[&] { ops::score_attention(q, q, q, {}, {.scale = kInfinity}); }, "score_attention: scale is inf" + finite},
        {[&] { recurrent(-1); }, "recurrent: clip is -1; expected 0 or more, or infinity for no bound"},
        {[&] { recurrent(kNan); }, "recurrent: clip is nan; expected 0 or more, or infinity for no bound"},
        {[&] { adamw({.lr = -1e-3}); }, "adamw: lr is -0.001" + not_negative},
        {[&] { adamw({.beta1 = 1}); }, "adamw: beta1 is 1" + share},
        {[&] { adamw({.beta2 = kNan}); }, "adamw: beta2 is nan" + share},
        {[&] { adamw({.eps = -1}); }, "adamw: eps is -1" + not_negative},
        {[&] { adamw({.weight_decay = -1}); }, "adamw: weight_decay is -1" + not_negative},
        {[&] { adamw({.grad_scale = kNan}); }, "adamw: grad_scale is nan" + not_negative},
    };
    for (const auto& c : cases) testing::expect_error(c.call, c.message);
    ops::softmax_attention(q, q, q, {.scale = -1});  // those most alike weigh least: odd, but a function
  }
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
