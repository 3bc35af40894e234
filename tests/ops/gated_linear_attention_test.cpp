#include "longwave/ops/gated_linear_attention.h"

#include <torch/csrc/autograd/autograd.h>

#include "longwave/ops/wkv4.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

enum class Decay { none, per_head, per_channel, bonus, gain };

/// q, k, v, initial state, and by kind of decay: raw decay (any sign), bonus, or gain (any sign) and skip.
Tensors attention_inputs(Decay decay, std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t dk,
                         std::int64_t dv) {
  at::manual_seed(3);
  Tensors inputs{at::randn({b, t, h, dk}, at::kDouble), at::randn({b, t, h, dk}, at::kDouble),
                 at::randn({b, t, h, dv}, at::kDouble), at::randn({b, h, dk, dv}, at::kDouble)};
  if (decay == Decay::per_head || decay == Decay::gain) inputs.push_back(at::randn({b, t, h}, at::kDouble));
  if (decay == Decay::per_channel || decay == Decay::bonus) inputs.push_back(at::randn({b, t, h, dk}, at::kDouble));
  if (decay == Decay::bonus) inputs.push_back(at::randn({h, dk}, at::kDouble));
  if (decay == Decay::gain) {
    inputs.push_back(at::randn({b, t, h}, at::kDouble));
    inputs.push_back(at::randn({h, dv}, at::kDouble));
  }
  return inputs;
}

/// A tenth of the steps forget nearly everything, so that the exponents cover a wide range.
Tensors attention(const Tensors& x) {
  const auto g = x.size() > 4 ? at::log_sigmoid(3 * x[4]) : at::Tensor();
  const bool gain = x.size() > 6;
  const auto u = x.size() > 5 && !gain ? x[5] : at::Tensor();
  const auto r = ops::gated_linear_attention(x[0], x[1], x[2], g, u, x[3], 0.5, gain ? x[5] : at::Tensor(),
                                             gain ? x[6] : at::Tensor());
  return {r.o, r.final_state};
}

const Decay kDecays[] = {Decay::none, Decay::per_head, Decay::per_channel, Decay::bonus, Decay::gain};

TEST(GatedLinearAttention, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto decay : kDecays) {
    testing::expect_float_matches_double(attention, attention_inputs(decay, 1, 1, 1, 1, 1), 1e-5);
    testing::expect_float_matches_double(attention, attention_inputs(decay, 2, 67, 2, 5, 3), 1e-5);
    testing::expect_float_matches_double(attention, attention_inputs(decay, 1, 300, 1, 20, 37), 1e-5);
    testing::expect_float_matches_double(attention, attention_inputs(decay, 1, 129, 2, 64, 16), 1e-5);
  }
}

TEST(GatedLinearAttention, GradientsMatchDifferences) {
  for (const auto decay : kDecays)
    testing::expect_gradients_match_differences(attention, attention_inputs(decay, 2, 5, 2, 3, 2));
}

TEST(GatedLinearAttention, GradientsMatchDifferencesAcrossKeptStates) {
  for (const auto decay : kDecays)
    testing::expect_gradients_match_differences(attention, attention_inputs(decay, 1, 515, 1, 2, 2));
}

TEST(GatedLinearAttention, SameBitsForAnyNumberOfThreads) {
  for (const auto decay : kDecays)
    testing::expect_same_bits_for_any_threads(attention, attention_inputs(decay, 3, 130, 2, 8, 5));
}

TEST(GatedLinearAttention, StrongDecayNeitherOverflowsNorLosesTheRest) {
  auto inputs = attention_inputs(Decay::per_channel, 1, 200, 1, 16, 16);
  const auto op = [](const Tensors& x) {
    return Tensors{ops::gated_linear_attention(x[0], x[1], x[2], -60 * at::sigmoid(x[4]), {}, x[3]).o};
  };
  testing::expect_float_matches_double(op, inputs, 1e-4);  // the gradient of the decay is a difference, times 60
}

TEST(GatedLinearAttention, StatesMayGrow) {
  for (const auto decay : {Decay::per_head, Decay::per_channel, Decay::gain})
    for (const double g : {0.01, 0.3}) {
      const auto op = [&](const Tensors& x) {
        const auto gain = decay == Decay::gain ? x[5] : at::Tensor();
        const auto r = ops::gated_linear_attention(x[0], x[1], x[2], g * at::sigmoid(x[4]), {}, x[3], 0.5, gain);
        return Tensors{r.o, r.final_state};
      };
      testing::expect_float_matches_double(op, attention_inputs(decay, 2, 130, 2, 16, 16), 2e-5);
    }
}

TEST(GatedLinearAttention, ADecayThatIsNoNumberIsNotTakenForOne) {
  for (const auto type : {at::kFloat, at::kDouble})
    testing::for_every_instruction_set([&](const std::string& name) {
      const auto x = at::ones({1, 70, 2, 16}, type);
      for (const auto& sizes : {std::vector<std::int64_t>{1, 70, 2}, {1, 70, 2, 16}}) {
        const auto g = at::zeros(sizes, type);
        g.select(1, 66).select(1, 1).fill_(std::nan(""));
        const auto wrong = at::isnan(ops::gated_linear_attention(x, x, x, g).o.sum(-1));
        EXPECT_EQ(wrong.sum().item<std::int64_t>(), 4) << name << ", g " << g.sizes();
        EXPECT_EQ(wrong.select(2, 1).narrow(1, 66, 4).sum().item<std::int64_t>(), 4) << name << ", g " << g.sizes();
      }
    });
}

TEST(GatedLinearAttention, ConstantDecayIsReadWithoutACopy) {
  const auto x = attention_inputs(Decay::per_head, 2, 40, 3, 4, 4);
  const auto g = -at::rand({3}, at::kDouble);
  const auto expanded = g.expand({2, 40, 3});
  const auto a = ops::gated_linear_attention(x[0], x[1], x[2], expanded);
  const auto b = ops::gated_linear_attention(x[0], x[1], x[2], expanded.contiguous());
  EXPECT_TRUE(at::equal(a.o, b.o));
}

TEST(GatedLinearAttention, GainAndSkipAreWhatTheyStandFor) {
  const auto x = attention_inputs(Decay::gain, 2, 70, 2, 3, 5);
  const auto g = at::log_sigmoid(x[4]);
  const auto r = ops::gated_linear_attention(x[0], x[1], x[2], g, {}, x[3], 0.5, x[5], x[6]);
  const auto by_hand = ops::gated_linear_attention(x[0], x[1], x[2] * x[5].unsqueeze(-1), g, {}, x[3], 0.5);
  EXPECT_LT(testing::largest_difference(r.o, by_hand.o + x[2] * x[6]), 1e-12);
  EXPECT_LT(testing::largest_difference(r.final_state, by_hand.final_state), 1e-12);
}

TEST(GatedLinearAttention, WrongInputsGetOneLine) {
  const auto q = at::ones({1, 2, 3, 4});
  testing::expect_error(
      [&] {
        ops::gated_linear_attention(q, at::ones({1, 2, 3, 5}), q);
      },
      "gated_linear_attention: k is [1, 2, 3, 5]; expected [1, 2, 3, 4] like q");
  testing::expect_error(
      [&] {
        ops::gated_linear_attention(q, q, q, at::ones({1, 2}));
      },
      "gated_linear_attention: g is [1, 2]; expected [1, 2, 3] (one decay per head) or [1, 2, 3, 4] "
      "(one per key channel)");
  testing::expect_error(
      [&] {
        ops::gated_linear_attention(q, q, q, {}, {}, at::ones({1, 2, 4, 4}));
      },
      "gated_linear_attention: initial is [1, 2, 4, 4]; expected [b, h, k, v] = [1, 3, 4, 4]");
  testing::expect_error(
      [&] {
        ops::gated_linear_attention(q, q, q, {}, {}, {}, 1, at::ones({1, 3, 2}));
      },
      "gated_linear_attention: gain is [1, 3, 2]; expected [b, t, h] = [1, 2, 3]");
  testing::expect_error(
      [&] {
        ops::gated_linear_attention(q, q, q, {}, {}, {}, 1, {}, at::ones({4, 3}));
      },
      "gated_linear_attention: skip is [4, 3]; expected [h, v] = [3, 4]");
  testing::expect_error(
      [&] {
        ops::gated_linear_attention(q, q, q, {}, at::ones({3, 4}), {}, 1, at::ones({1, 2, 3}));
      },
      "gated_linear_attention: gain and u are given; expected one of them at most");
}

/// q, k, v, beta (any sign), initial state, raw decay.
Tensors rule_inputs(bool gated, std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t dk, std::int64_t dv) {
  auto inputs = attention_inputs(gated ? Decay::per_head : Decay::none, b, t, h, dk, dv);
  inputs.push_back(at::randn({b, t, h}, at::kDouble));
  return inputs;
}

Tensors rule(const Tensors& x) {
  const auto k = x[1] / (x[1] * x[1]).sum(-1, true).add(1e-6).sqrt();
  const auto g = x.size() > 5 ? at::log_sigmoid(3 * x[4]) : at::Tensor();
  const auto r = ops::delta_rule(x[0], k, x[2], 2 * at::sigmoid(x.back()), g, x[3], 0.5);
  return {r.o, r.final_state};
}

TEST(DeltaRule, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const bool gated : {false, true}) {
    testing::expect_float_matches_double(rule, rule_inputs(gated, 1, 1, 1, 1, 1), 2e-5);
    testing::expect_float_matches_double(rule, rule_inputs(gated, 2, 67, 2, 5, 3), 2e-5);
    testing::expect_float_matches_double(rule, rule_inputs(gated, 1, 300, 1, 20, 37), 2e-5);
    testing::expect_float_matches_double(rule, rule_inputs(gated, 1, 129, 2, 64, 16), 2e-5);
  }
}

TEST(DeltaRule, StatesMayGrow) {
  const auto op = [](const Tensors& x) {
    const auto k = x[1] / x[1].norm(2, -1, true);
    return Tensors{ops::delta_rule(x[0], k, x[2], at::sigmoid(x[5]), 0.1 * at::sigmoid(x[4]), x[3]).o};
  };
  testing::expect_float_matches_double(op, rule_inputs(true, 2, 130, 2, 16, 16), 2e-5);
}

TEST(DeltaRule, GradientsMatchDifferences) {
  for (const bool gated : {false, true}) {
    testing::expect_gradients_match_differences(rule, rule_inputs(gated, 2, 5, 2, 3, 2));
    testing::expect_gradients_match_differences(rule, rule_inputs(gated, 1, 300, 1, 2, 3));
  }
}

TEST(DeltaRule, SameBitsForAnyNumberOfThreads) {
  for (const bool gated : {false, true})
    testing::expect_same_bits_for_any_threads(rule, rule_inputs(gated, 3, 130, 2, 8, 5));
}

TEST(DeltaRule, AnswersAKeyWithItsValue) {
  at::manual_seed(5);
  const auto keys = at::eye(4).reshape({1, 4, 1, 4}), values = at::randn({1, 4, 1, 3});
  const auto r = ops::delta_rule(keys, keys, values, at::ones({1, 4, 1}));
  EXPECT_TRUE(at::allclose(r.o, values));
  const auto again = ops::delta_rule(keys, keys, 2 * values, at::ones({1, 4, 1}), {}, r.final_state);
  EXPECT_TRUE(at::allclose(again.final_state.reshape({4, 3}), 2 * values.reshape({4, 3})));
}

TEST(DeltaRule, WrongInputsGetOneLine) {
  const auto q = at::ones({1, 2, 3, 4});
  testing::expect_error(
      [&] {
        ops::delta_rule(q, q, q, at::ones({1, 3, 2}));
      },
      "delta_rule: beta is [1, 3, 2]; expected [b, t, h] = [1, 2, 3]");
}

/// w, u, k, v, numerator, denominator
Tensors wkv_inputs(std::int64_t b, std::int64_t t, std::int64_t c) {
  at::manual_seed(9);
  return {at::randn({c}, at::kDouble),       at::randn({c}, at::kDouble),    3 * at::randn({b, t, c}, at::kDouble),
          at::randn({b, t, c}, at::kDouble), at::randn({b, c}, at::kDouble), at::rand({b, c}, at::kDouble) + 0.5};
}

Tensors wkv(const Tensors& x) {
  const auto initial = at::stack({x[4], x[5], 0.1 * x[4]}, 1);
  const auto r = ops::wkv4(at::exp(x[0]), x[1], x[2], x[3], initial);
  return {r.y, r.final_state};
}

TEST(Wkv4, FloatMatchesDoubleOnEveryInstructionSet) {
  testing::expect_float_matches_double(wkv, wkv_inputs(1, 1, 1), 1e-5);
  testing::expect_float_matches_double(wkv, wkv_inputs(2, 67, 21), 1e-5);
  testing::expect_float_matches_double(wkv, wkv_inputs(1, 300, 37), 2e-5);
}

TEST(Wkv4, PastStepsMayGainWeight) {
  for (const double w : {0.0, -0.5, -3.0}) {
    const auto op = [&](const Tensors& x) {
      const auto r = ops::wkv4(w * at::sigmoid(x[0]), x[1], x[2], x[3], at::stack({x[4], x[5], 0.1 * x[4]}, 1));
      return Tensors{r.y, r.final_state};
    };
    testing::expect_float_matches_double(op, wkv_inputs(2, 100, 21), 2e-5);
  }
}

TEST(Wkv4, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(wkv, wkv_inputs(2, 6, 3));
  testing::expect_gradients_match_differences(wkv, wkv_inputs(1, 300, 2));
}

TEST(Wkv4, SameBitsForAnyNumberOfThreads) { testing::expect_same_bits_for_any_threads(wkv, wkv_inputs(3, 50, 20)); }

/// w, u, k, v, state: rows of which one is whole, some end within a block of steps, and one has none.
testing::Op wkv_to(const std::vector<std::int64_t>& lengths) {
  return [=](const Tensors& x) {
    const auto initial = at::stack({x[4], x[5], 0.1 * x[4]}, 1);
    const auto r = ops::wkv4(at::exp(x[0]), x[1], x[2], x[3], initial, at::tensor(lengths, at::kLong));
    return Tensors{r.y, r.final_state};
  };
}

TEST(Wkv4, FloatMatchesDoubleToLengths) {
  testing::expect_float_matches_double(wkv_to({1, 0}), wkv_inputs(2, 1, 1), 1e-5);
  testing::expect_float_matches_double(wkv_to({67, 1, 0, 64, 33}), wkv_inputs(5, 67, 21), 1e-5);
  testing::expect_float_matches_double(wkv_to({0, 300, 129}), wkv_inputs(3, 300, 37), 2e-5);
}

TEST(Wkv4, GradientsToLengthsMatchDifferences) {
  testing::expect_gradients_match_differences(wkv_to({6, 0, 4}), wkv_inputs(3, 6, 3));
  testing::expect_gradients_match_differences(wkv_to({65, 300}), wkv_inputs(2, 300, 2));
}

TEST(Wkv4, ARowToItsLengthIsThatRowAlone) {
  const auto x = wkv_inputs(4, 70, 21);
  const std::vector<std::int64_t> lengths = {70, 9, 0, 64};
  for (const auto type : {at::kDouble, at::kFloat}) {
    Tensors in;
    for (const auto& tensor : x) in.push_back(tensor.to(type));
    const auto initial = at::stack({in[4], in[5], 0.1 * in[4]}, 1);
    const auto padded = at::arange(70).unsqueeze(0) >= at::tensor(lengths, at::kLong).unsqueeze(1);
    for (const auto i : {2, 3}) in[i] = in[i].masked_fill(padded.unsqueeze(-1), std::nan(""));
    const auto all = ops::wkv4(at::exp(in[0]), in[1], in[2], in[3], initial, at::tensor(lengths, at::kLong));
    for (std::int64_t row = 0; row < 4; ++row) {
      const auto n = lengths[row];
      const auto of_row = [&](const at::Tensor& tensor) { return tensor.narrow(0, row, 1); };
      const auto y = of_row(all.y), end = of_row(all.final_state);
      EXPECT_EQ(y.narrow(1, n, 70 - n).abs().sum().item<double>(), 0) << row;
      if (n == 0) {
        EXPECT_TRUE(at::equal(end, of_row(initial)));
        continue;
      }
      const auto alone = ops::wkv4(at::exp(in[0]), in[1], of_row(in[2]).narrow(1, 0, n), of_row(in[3]).narrow(1, 0, n),
                                   of_row(initial));
      testing::expect_close({y.narrow(1, 0, n), end}, {alone.y, alone.final_state}, type == at::kDouble ? 1e-12 : 1e-6,
                            "row " + std::to_string(row));
    }
  }
}

TEST(Wkv4, LengthsOutOfRangeGetOneLine) {
  const auto w = at::ones({2}), k = at::ones({2, 3, 2});
  testing::expect_error(
      [&] {
        ops::wkv4(w, w, k, k, {}, at::tensor({3, 60}, at::kLong));
      },
      "wkv4: lengths[1] is 60; expected 0 .. t = 3");
  testing::expect_error(
      [&] {
        ops::wkv4(w, w, k, k, {}, at::tensor({-1, 3}, at::kLong));
      },
      "wkv4: lengths[0] is -1; expected 0 .. t = 3");
  testing::expect_error(
      [&] {
        ops::wkv4(w, w, k, k, {}, at::tensor({1, 2, 3}, at::kLong));
      },
      "wkv4: lengths is Long [3]; expected int64 [b] = [2]");
}

TEST(LinearAttentionOperators, MetaTensorsHaveTheShape) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto q = at::empty({2, 3, 4, 5}, meta), v = at::empty({2, 3, 4, 6}, meta);
  EXPECT_EQ(ops::gated_linear_attention(q, q, v).final_state.sizes(), (std::vector<std::int64_t>{2, 4, 5, 6}));
  EXPECT_EQ(ops::delta_rule(q, q, v, at::empty({2, 3, 4}, meta)).o.sizes(), v.sizes());
}

TEST(LinearAttentionOperators, SecondDerivativesAreRefused) {
  const auto q = at::randn({1, 2, 1, 3}).requires_grad_();
  const auto o = ops::gated_linear_attention(q, q, q).o;
  EXPECT_THROW(torch::autograd::grad({o.sum()}, {q}, {}, true, true), UserError);
}

}  // namespace
}  // namespace longwave
