// Training in pieces that are computed again for their gradients: the gradients are those of the whole.

#include "longwave/models/pieces.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "longwave/base/check.h"
#include "tests/support/error_message.h"

namespace longwave {
namespace {

BackboneConfig config_of(const std::string& mixer) {
  BackboneConfig config;
  config.mixer = mixer;
  config.channel = "swiglu";
  config.d_model = 16;
  config.layers = 2;
  config.l_max = 23;
  return config;
}

struct Result {
  at::Tensor y, dx;
  std::vector<at::Tensor> dweights;
  State after, dbefore;
};

/// Of a loss that sees every output and the state behind the last step. x [3, t, d].
Result differentiate(Backbone& model, const at::Tensor& values, const State& start,
                     const std::function<at::Tensor(const at::Tensor& x, State* state)>& forward) {
  const auto x = values.detach().clone().requires_grad_();
  auto before = start;
  for (auto& [name, tensor] : before)
    tensor = tensor.is_floating_point() || tensor.is_complex() ? tensor.detach().clone().requires_grad_() : tensor;
  auto state = before;
  for (auto& weight : model.parameters()) weight.mutable_grad() = at::Tensor();
  Result result{.y = forward(x, &state), .dx = {}, .dweights = {}, .after = state, .dbefore = {}};
  auto loss = (result.y * at::arange(result.y.numel(), result.y.options()).view_as(result.y).cos()).sum();
  for (const auto& [name, tensor] : state)
    if (tensor.is_floating_point() || tensor.is_complex()) loss = loss + at::real(tensor * 0.1).sum();
  loss.backward();
  result.dx = x.grad();
  for (const auto& weight : model.parameters())
    result.dweights.push_back(weight.grad().defined() ? weight.grad() : at::Tensor());
  for (const auto& [name, tensor] : before)
    if (tensor.requires_grad()) result.dbefore[name] = tensor.grad();
  return result;
}

void expect_close(const at::Tensor& a, const at::Tensor& b, const std::string& what) {
  ASSERT_EQ(a.defined(), b.defined()) << what;
  if (!a.defined()) return;
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  const auto scale = std::max(1e-6, b.abs().max().item<double>());
  EXPECT_LT((a - b).abs().max().item<double>() / scale, 1e-7) << what;
}

void expect_same(const Result& a, const Result& b, const std::string& what) {
  expect_close(a.y, b.y, what + " y");
  expect_close(a.dx, b.dx, what + " dx");
  for (std::size_t i = 0; i < a.dweights.size(); ++i)
    expect_close(a.dweights[i], b.dweights[i], what + " weight " + std::to_string(i));
  for (const auto& [name, tensor] : b.after)
    if (tensor.is_floating_point() || tensor.is_complex())
      expect_close(a.after.at(name), tensor, what + " state " + name);
  for (const auto& [name, tensor] : b.dbefore) expect_close(a.dbefore.at(name), tensor, what + " d state " + name);
}

/// A state in the middle of a sequence.
State some_state(Backbone& model) {
  const at::NoGradGuard no_grad;
  auto state = model.initial_state(3);
  model.forward(at::randn({3, 5, 16}, at::kDouble), {}, &state);
  return state;
}

TEST(TrainInPieces, GradientsAreThoseOfTheWholeForEveryMixer) {
  int mixers_seen = 0;
  for (const auto& [mixer, info] : mixers()) {
    auto config = config_of(mixer);
    Backbone whole(config, 7);
    if (const auto promised = whole.properties(); !promised.streams || promised.cost == Cost::quadratic) continue;
    config.recompute = 4;  // pieces of 4, 4 and 3
    Backbone model(config, 7);
    whole.to(at::kDouble), model.to(at::kDouble);
    const auto x = at::randn({3, 11, 16}, at::kDouble);
    const auto start = some_state(whole);
    for (const auto& lengths : {Lengths(), at::tensor({11, 2, 7}, at::kLong)}) {
      const auto expected = differentiate(
          whole, x, start, [&](const at::Tensor& in, State* state) { return whole.forward(in, lengths, state); });
      const auto found = differentiate(
          model, x, start, [&](const at::Tensor& in, State* state) { return model.forward(in, lengths, state); });
      expect_same(found, expected, mixer + (lengths.defined() ? " with lengths" : ""));
    }
    ++mixers_seen;
  }
  EXPECT_GT(mixers_seen, 25);
}

TEST(TrainInPieces, DropoutOfThePiecesIsDrawnAgain) {
  auto config = config_of("mingru");
  config.dropout = 0.3;
  Backbone plain(config, 7);
  config.recompute = 8;
  Backbone model(config, 7);
  plain.to(at::kDouble), model.to(at::kDouble);
  const auto x = at::randn({3, 11, 16}, at::kDouble);
  const auto start = some_state(plain);
  plain.random = model.random;
  const auto expected = differentiate(plain, x, start, [&](const at::Tensor& in, State* state) {
    std::vector<at::Tensor> parts;
    for (const auto& part : in.split(8, 1)) parts.push_back(plain.forward(part, {}, state));
    return at::cat(parts, 1);
  });
  const auto found =
      differentiate(model, x, start, [&](const at::Tensor& in, State* state) { return model.forward(in, {}, state); });
  expect_same(found, expected, "dropout");
  EXPECT_EQ(model.random.count, plain.random.count);  // the backward pass leaves the stream where it was
}

TEST(TrainInPieces, FrozenWeightsAndInputsWithoutGradientStayWithout) {
  auto config = config_of("mamba");
  config.recompute = 6;
  Backbone model(config, 7);
  model.parameters().front().requires_grad_(false);
  model.forward(at::randn({2, 20, 16})).sum().backward();
  EXPECT_FALSE(model.parameters().front().grad().defined());
  EXPECT_TRUE(model.parameters().back().grad().defined());
}

TEST(TrainInPieces, GradientsOfGradientsAreRefused) {
  auto config = config_of("mingru");
  config.recompute = 6;
  Backbone model(config, 7);
  const auto x = at::randn({2, 20, 16}).requires_grad_();
  const auto y = model.forward(x).sum();
  const auto message = testing::message([&] { torch::autograd::grad({y}, {x}, {}, true, true); });
  EXPECT_NE(message.find("no gradients of gradients"), std::string::npos) << message;
}

TEST(TrainInPieces, WhatDoesNotGoInPiecesIsRefused) {
  const auto message_of = [](const std::string& mixer, const std::function<void(BackboneConfig&)>& change) {
    auto config = config_of(mixer);
    config.recompute = 4;
    change(config);
    return testing::message([&] { Backbone(config, 1); });
  };
  const auto nothing = [](BackboneConfig&) {};
  EXPECT_EQ(message_of("mamba", nothing), "accepted");
  EXPECT_NE(message_of("hyena", nothing).find("hyena does not stream: "), std::string::npos);
  EXPECT_NE(message_of("attention", nothing).find("grows with the sequence"), std::string::npos);
  EXPECT_NE(message_of("mamba", [](auto& c) { c.bidirectional = true; }).find("does not stream"), std::string::npos);
  EXPECT_NE(message_of("mamba", [](auto& c) { c.norm = "batch"; }).find("over all steps at once"), std::string::npos);
  EXPECT_NE(message_of("mamba", [](auto& c) { c.dropout = 0.1, c.tied_dropout = true; }).find("one mask for all steps"),
            std::string::npos);
}

}  // namespace
}  // namespace longwave
