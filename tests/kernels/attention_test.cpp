#include "longwave/kernels/causal_product.h"
#include "longwave/kernels/score_attention.h"
#include "longwave/kernels/var_attention.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

/// `a` with its sizes, scale and dropout; its tensors are made here. all: with `before`, scores and their gradient.
Results score_attention_results(ScoreAttention a, bool all, Form form) {
  const auto queries = a.b * a.t * a.h * a.e, keys = a.b * a.s * a.h * a.e, pairs = a.b * a.h * a.t * a.s;
  Random random;
  const auto q = random.numbers(queries), k = random.numbers(keys), v = random.numbers(keys);
  const auto before = random.numbers(pairs), dy = random.numbers(queries), dscores = random.numbers(pairs);
  auto y = unwritten(queries), scores = all ? unwritten(pairs) : Numbers();
  auto dq = unwritten(queries), dk = unwritten(keys), dv = dk, dbefore = all ? unwritten(pairs) : Numbers();
  a.q = q.data(), a.k = k.data(), a.v = v.data();
  a.before = all ? before.data() : nullptr;
  const ScoreAttentionGrad g{.scores = all ? scores.data() : nullptr,
                             .dy = dy.data(),
                             .dscores = all ? dscores.data() : nullptr,
                             .dq = dq.data(),
                             .dk = dk.data(),
                             .dv = dv.data(),
                             .dbefore = all ? dbefore.data() : nullptr};
  auto* to_scores = all ? scores.data() : nullptr;
  if (form == Form::reference) {
    score_attention_reference(a, y.data(), to_scores);
    score_attention_grad_reference(a, g);
  } else {
    const Workspace workspace(score_attention_workspace(a));
    score_attention(a, y.data(), to_scores, workspace);
    score_attention_grad(a, g, workspace);
  }
  return {y, scores, dq, dk, dv, dbefore};
}

TEST(ScoreAttentionKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, s, h, e] : std::vector<std::array<std::int64_t, 5>>{
           {1, 1, 1, 1, 1}, {2, 5, 7, 3, 4}, {1, 42, 33, 2, 16}, {3, 9, 70, 1, 37}, {1, 65, 17, 2, 3}})
    for (const double p : {0.0, 0.3})
      for (const bool all : {false, true}) {
        ScoreAttention a{};
        a.dropout = DropoutMask(p, 7), a.scale = 0.4f;
        a.b = b, a.t = t, a.s = s, a.h = h, a.e = e;
        testing::expect_matches_reference([&](Form form) { return score_attention_results(a, all, form); }, 2e-5,
                                          std::to_string(a.t) + " queries, " + std::to_string(a.s) + " keys");
      }
}

Results causal_product_results(std::int64_t n, std::int64_t t, std::int64_t h, std::int64_t e, bool reverse,
                               Form form) {
  Random random;
  const auto width = h * e;
  const auto x = random.numbers(n * t * width), y = random.numbers(n * t * 2 * width),
             z = random.numbers(n * t * width);
  auto out = unwritten(n * t * width);
  const CausalProduct p{.x = {x.data(), t * width, width},
                        .y = {y.data() + width, t * 2 * width, 2 * width},  // the second half of every step
                        .z = {z.data(), t * width, width},
                        .out = {out.data(), t * width, width},
                        .n = n,
                        .t = t,
                        .h = h,
                        .e = e,
                        .reverse = reverse};
  form == Form::reference ? causal_product_reference(p) : causal_product(p, Workspace(causal_product_workspace(p)));
  return {out};
}

TEST(CausalProductKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [n, t, h, e] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 1}, {2, 30, 3, 8}, {3, 5, 2, 8}, {1, 67, 2, 16}, {2, 7, 1, 16}, {2, 41, 3, 5}, {1, 9, 2, 33}})
    for (const bool reverse : {false, true})
      testing::expect_matches_reference(
          [&, n = n, t = t, h = h, e = e](Form form) { return causal_product_results(n, t, h, e, reverse, form); },
          1e-5, std::to_string(t) + " steps of " + std::to_string(e));
}

/// `a` with its sizes; its tensors are made here.
Results var_attention_results(VarAttention a, double p, Form form) {
  const auto d = a.h * a.e, maps = 2 * a.layers * d;
  Random random;
  const auto y = random.numbers(a.n * a.t * d), input_norm = random.numbers(d), output_norm = random.numbers(d);
  const auto weight = random.numbers(maps * d, 0.5), bias = random.numbers(maps), map_norm = random.numbers(maps, 0.5);
  const auto structural = random.numbers(d * a.e), dout = random.numbers(a.n * a.t / 2 * d);
  std::vector<DropoutMask> masks;
  for (std::int64_t layer = 0; layer < a.layers; ++layer) masks.emplace_back(p, 3 * layer + 1);
  a.y = y.data(), a.input_norm = input_norm.data(), a.weight = weight.data(), a.bias = bias.data();
  a.map_norm = map_norm.data(), a.structural = structural.data(), a.output_norm = output_norm.data();
  a.dropout = masks.data();
  a.eps = 1e-5f, a.map_eps = 1e-4f;
  auto out = unwritten(a.n * a.t / 2 * d), dy = unwritten(a.n * a.t * d), dinput_norm = unwritten(d);
  auto dweight = unwritten(maps * d), dbias = unwritten(maps), dmap_norm = dbias;
  auto dstructural = unwritten(d * a.e), doutput_norm = dinput_norm;
  const VarAttentionGrad g{.dout = dout.data(),
                           .dy = dy.data(),
                           .dinput_norm = dinput_norm.data(),
                           .dweight = dweight.data(),
                           .dbias = dbias.data(),
                           .dmap_norm = dmap_norm.data(),
                           .dstructural = dstructural.data(),
                           .doutput_norm = doutput_norm.data()};
  if (form == Form::reference) {
    var_attention_reference(a, out.data());
    var_attention_grad_reference(a, g);
  } else {
    var_attention(a, out.data(), Workspace(var_attention_workspace(a)));
    var_attention_grad(a, g, Workspace(var_attention_grad_workspace(a)));
  }
  return {out, dy, dinput_norm, dweight, dbias, dmap_norm, dstructural, doutput_norm};
}

TEST(VarAttentionKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [n, t, layers, h, e] : std::vector<std::array<std::int64_t, 5>>{
           {1, 2, 1, 1, 1}, {3, 4, 2, 2, 8}, {40, 8, 1, 3, 5}, {2, 22, 3, 1, 16}, {1, 6, 2, 2, 17}})
    for (const double p : {0.0, 0.3}) {
      VarAttention a{};
      a.n = n, a.t = t, a.layers = layers, a.h = h, a.e = e;
      testing::expect_matches_reference(
          [&](Form form) { return var_attention_results(a, p, form); }, 1e-4,
          std::to_string(a.n) + " sequences of " + std::to_string(a.t) + ", heads of " + std::to_string(a.e));
    }
}

}  // namespace
}  // namespace longwave::kernels
