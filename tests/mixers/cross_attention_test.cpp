#include "longwave/mixers/cross_attention.h"

#include <cmath>
#include <limits>

#include "longwave/models/flops.h"
#include "longwave/nn/tensor_file.h"
#include "tests/support/error_message.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using at::Tensor;
using testing::largest_difference;
using testing::message;

const CrossAttentionOptions kGrouped = {.d = 24, .d_context = 10, .heads = 4, .key_heads = 2};

struct Inputs {
  Tensor x, context;  // 5 rows of 13 and 11 steps
};
Inputs random_inputs(const CrossAttentionOptions& options) {
  at::manual_seed(5);
  return {at::randn({5, 13, options.d}, at::kDouble), at::randn({5, 11, options.d_context}, at::kDouble)};
}
Lengths lengths_of_x() { return at::tensor({13, 4, 9, 0, 1}, at::kLong); }
Lengths lengths_of_context() { return at::tensor({11, 11, 1, 5, 0}, at::kLong); }

CrossAttention layer_in_double(const CrossAttentionOptions& options) {
  CrossAttention layer(options, 3);
  layer.to(at::kDouble);
  return layer;
}

/// A row of x [t, d] and of its context [s, d_context], head by head and query by query.
Tensor definition(const CrossAttentionOptions& options, const TensorMap& w, const Tensor& x, const Tensor& context) {
  const auto map = [&](const std::string& name, const Tensor& in) {
    const auto y = at::matmul(in, w.at(name + ".weight").t());
    return options.bias ? y + w.at(name + ".bias") : y;
  };
  const auto q = map("q", x), k = map("k", context), v = map("v", context);
  const auto e = options.d / options.heads;
  auto y = at::zeros_like(x);
  for (std::int64_t head = 0; head < options.heads; ++head)
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      const auto first = head / (options.heads / options.key_heads) * e;
      const auto scores =
          at::mv(k.narrow(1, first, e), q[i].narrow(0, head * e, e)) / std::sqrt(static_cast<double>(e));
      y[i].narrow(0, head * e, e) = at::mv(v.narrow(1, first, e).t(), at::softmax(scores, 0));
    }
  return map("o", y);
}

TEST(CrossAttention, IsItsDefinition) {
  const at::NoGradGuard no_grad;
  for (const auto& options : {kGrouped, CrossAttentionOptions{8, 8, 2, 2, false}, CrossAttentionOptions{6, 3, 1, 1}}) {
    const auto layer = layer_in_double(options);
    const auto [x, context] = random_inputs(options);
    const auto y = layer.forward(x, context);
    for (std::int64_t row = 0; row < x.size(0); ++row)
      EXPECT_LT(largest_difference(y[row], definition(options, layer.state(), x[row], context[row])), 1e-12);
  }
}

TEST(CrossAttention, IsTheReference) {
  const SafetensorsFile fixture(LONGWAVE_SOURCE_DIR "/tests/golden/attention/softmax_cross.safetensors");
  const auto in = read_tensors(fixture, "in."), out = read_tensors(fixture, "out.");
  CrossAttention layer({.d = 32, .heads = 4}, 1);
  layer.load(split_joint_projection(read_tensors(fixture, "param.")), "fixture");
  EXPECT_LT(largest_difference(layer.forward(in.at("x"), in.at("ctx")), out.at("y")), 1e-5);
}

TEST(CrossAttention, GradientsMatchDifferences) {
  auto layer = layer_in_double(kGrouped);
  auto [x, context] = random_inputs(kGrouped);
  x.requires_grad_(), context.requires_grad_();
  const auto weights = at::randn_like(x);
  const auto loss = [&, &x = x, &context = context] {
    return (layer.forward(x, context, lengths_of_x(), lengths_of_context()) * weights).sum();
  };
  loss().backward();
  auto leaves = layer.parameters();
  leaves.push_back(x), leaves.push_back(context);
  const at::NoGradGuard no_grad;
  for (auto& leaf : leaves) {
    const auto kept = leaf.clone(), direction = at::randn_like(leaf);
    const auto at = [&](double eps) { return leaf.copy_(kept + eps * direction), loss().item<double>(); };
    const double numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
    leaf.copy_(kept);
    EXPECT_NEAR((leaf.grad() * direction).sum().item<double>(), numeric, 1e-6 * std::max(1.0, std::abs(numeric)))
        << leaf.sizes();
  }
}

TEST(CrossAttention, PaddingOfEitherSideInfluencesNothing) {
  const auto exact = layer_in_double(kGrouped);
  const auto clean = random_inputs(kGrouped);
  const auto valid = valid_steps(lengths_of_x(), clean.x), read = valid_steps(lengths_of_context(), clean.context);
  const auto nan = at::full({}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  for (const auto type : {at::kDouble, at::kFloat}) {
    CrossAttention layer(kGrouped, 3);
    layer.to(type);
    const auto x = at::where(valid, clean.x, nan).to(type).requires_grad_();
    const auto context = at::where(read, clean.context, nan).to(type).requires_grad_();
    const auto y = layer.forward(x, context, lengths_of_x(), lengths_of_context());
    y.square().sum().backward();
    EXPECT_EQ(y.masked_select(valid.logical_not()).abs().sum().item<double>(), 0);
    EXPECT_EQ(x.grad().masked_select(valid.logical_not()).abs().sum().item<double>(), 0);
    EXPECT_EQ(context.grad().masked_select(read.logical_not()).abs().sum().item<double>(), 0);
    for (std::int64_t row = 0; row < x.size(0); ++row) {
      const auto t = lengths_of_x()[row].item<std::int64_t>(), s = lengths_of_context()[row].item<std::int64_t>();
      const auto expected = s == 0 ? exact.state().at("o.bias").expand({t, -1})
                                   : definition(kGrouped, exact.state(), clean.x[row].narrow(0, 0, t),
                                                clean.context[row].narrow(0, 0, s));
      EXPECT_LT(largest_difference(y[row].narrow(0, 0, t), expected), type == at::kDouble ? 1e-12 : 1e-5)
          << "row " << row;
    }
  }
}

TEST(CrossAttention, StepsOverAContextThatWasReadAreTheWhole) {
  const at::NoGradGuard no_grad;
  for (const auto type : {at::kDouble, at::kFloat}) {
    CrossAttention layer(kGrouped, 3);
    layer.to(type);
    const auto inputs = random_inputs(kGrouped);
    const auto x = inputs.x.to(type), context = inputs.context.to(type);
    const auto read = layer.read(context, lengths_of_context());
    testing::Tensors steps;
    for (std::int64_t i = 0; i < x.size(1); ++i) steps.push_back(layer.forward(x.narrow(1, i, 1), read));
    EXPECT_LT(largest_difference(at::cat(steps, 1), layer.forward(x, context, {}, lengths_of_context())),
              type == at::kDouble ? 1e-12 : 1e-5);
  }
}

TEST(CrossAttention, AStepProjectsTheContextNoMore) {
  const CrossAttention layer({.d = 16, .d_context = 32, .heads = 2, .key_heads = 1}, 3);
  const auto x = at::randn({1, 1, 16});
  const auto read = layer.read(at::randn({1, 40, 32}));
  const auto count = count_flops([&] { layer.forward(x, read); });
  EXPECT_EQ(count.flops, 2 * 2 * 16 * 16 + 4 * 40 * 16);  // queries and outputs, products with 40 keys
}

TEST(CrossAttention, RowsAreIndependent) {
  const at::NoGradGuard no_grad;
  const auto layer = layer_in_double(kGrouped);
  const auto [x, context] = random_inputs(kGrouped);
  const auto y = layer.forward(x, context);
  for (const bool of_context : {false, true}) {
    auto changed = Inputs{x.clone(), context.clone()};
    (of_context ? changed.context : changed.x)[1].mul_(-50).add_(7);
    const auto again = layer.forward(changed.x, changed.context);
    EXPECT_GT(largest_difference(again[1], y[1]), 1e-3);
    for (const std::int64_t row : {0, 2, 3, 4}) EXPECT_TRUE(at::equal(again[row], y[row])) << row;
  }
  auto chosen = layer.read(context);
  const auto rows = at::tensor({3, 0}, at::kLong);
  for (auto& [name, tensor] : chosen) tensor = tensor.index_select(0, rows);
  EXPECT_LT(largest_difference(layer.forward(x.index_select(0, rows), chosen), y.index_select(0, rows)), 1e-12);
}

TEST(CrossAttention, TheSeedDecidesTheWeights) {
  const CrossAttention one(kGrouped, 3), same(kGrouped, 3), other(kGrouped, 4);
  EXPECT_TRUE(at::equal(one.state().at("k.weight"), same.state().at("k.weight")));
  EXPECT_FALSE(at::equal(one.state().at("k.weight"), other.state().at("k.weight")));
}

TEST(CrossAttention, WhatDoesNotFitGetsOneLine) {
  EXPECT_EQ(message([] { CrossAttention({.d = 16, .heads = 3}, 1); }),
            "cross_attention: heads is 3; expected a divisor of d = 16");
  EXPECT_EQ(message([] { CrossAttention({.d = 16, .heads = 4, .key_heads = 3}, 1); }),
            "cross_attention: key_heads is 3; expected a divisor of 4 (heads)");
  EXPECT_EQ(message([] { CrossAttention({.heads = 3}, 1); }),
            "cross_attention: d is 0 and d_context 0; expected positive widths");

  const CrossAttention layer({.d = 16, .d_context = 6, .heads = 4}, 1);
  const auto x = at::ones({2, 3, 16}), context = at::ones({2, 5, 6});
  const auto of = [&](const Tensor& given_x, const Tensor& given_context, const Lengths& lengths = {},
                      const Lengths& context_lengths = {}) {
    return message([&] { layer.forward(given_x, given_context, lengths, context_lengths); });
  };
  EXPECT_EQ(of(x, context), "accepted");
  EXPECT_EQ(of(at::ones({2, 3, 8}), context), "cross_attention: x is [2, 3, 8]; expected [b, t, 16]");
  EXPECT_EQ(of(x, x), "cross_attention: context is [2, 3, 16]; expected [b, t, 6]");
  EXPECT_EQ(of(x, at::ones({2, 0, 6})),
            "cross_attention: context is [2, 0, 6]; expected at least one sequence and one step");
  EXPECT_EQ(of(x.to(at::kDouble), context), "cross_attention: x is Double; expected Float like the weights");
  EXPECT_EQ(of(x, context, at::tensor({3, 4}, at::kLong)), "cross_attention: x: lengths[1] is 4; expected 0 .. t = 3");
  EXPECT_EQ(of(x, context, {}, at::tensor({3}, at::kLong)),
            "cross_attention: context: lengths is Long [1]; expected int64 [b] = [2]");
  EXPECT_EQ(of(x, at::ones({3, 5, 6})),
            "cross_attention: context exists is Bool [3, 5]; expected Bool [b, s] for the 2 sequences of x");

  auto read = layer.read(context);
  const auto of_read = [&] { return message([&] { layer.forward(x, read); }); };
  read["k"] = at::ones({2, 5, 4, 3});
  EXPECT_EQ(of_read(), "cross_attention: context k is Float [2, 5, 4, 3]; expected Float [2, 5, 4, 4]");
  read.erase("k");
  EXPECT_EQ(of_read(), "cross_attention: the context has no 'k'; expected what this layer read");
}

}  // namespace
}  // namespace longwave
