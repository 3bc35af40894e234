#include "longwave/kernels/causal_product.h"
#include "longwave/kernels/score_attention.h"
#include "longwave/kernels/softmax_attention.h"
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

/// `a` with its sizes and `causal`; its tensors are made here. all: with a mask that leaves the second row no key,
/// offsets, slopes, the gradient of lse, and gaps before the numbers of a step.
Results softmax_attention_results(SoftmaxAttention<float> a, bool all, Form form) {
  const std::int64_t gap = all ? 3 : 0;
  a.q_step = a.heads * a.d + gap, a.k_step = a.key_heads * a.d + gap, a.v_step = a.key_heads * a.e + gap;
  a.q_row = a.t * a.q_step, a.k_row = a.s * a.k_step, a.v_row = a.s * a.v_step;
  const auto outputs = a.b * a.t * a.heads * a.e, sums = a.b * a.heads * a.t;
  Random random;
  const auto q = random.numbers(a.b * a.q_row), k = random.numbers(a.b * a.k_row), v = random.numbers(a.b * a.v_row);
  const auto dy = random.numbers(outputs), dlse = random.numbers(sums), slopes = random.numbers(a.heads, 0.1);
  const auto mask = std::make_unique<bool[]>(a.b * a.s);
  for (std::int64_t i = 0; i < a.b * a.s; ++i) mask[i] = i / a.s != 1 && i % 5 != 3;
  std::vector<std::int64_t> offsets;
  for (std::int64_t row = 0; row < a.b; ++row) offsets.push_back(row * 7 + std::max<std::int64_t>(0, a.s - a.t));
  auto y = unwritten(outputs), lse = unwritten(sums), dq = unwritten(a.b * a.t * a.heads * a.d);
  auto dk = unwritten(a.b * a.s * a.key_heads * a.d), dv = unwritten(a.b * a.s * a.key_heads * a.e);
  a.q = q.data() + gap, a.k = k.data() + gap, a.v = v.data() + gap;
  if (all) a.key_mask = mask.get(), a.offsets = offsets.data(), a.slopes = slopes.data();
  a.scale = 0.4f, a.y = y.data(), a.lse = lse.data();
  const SoftmaxAttentionGrad<float> g{a, dy.data(), all ? dlse.data() : nullptr, dq.data(), dk.data(), dv.data()};
  if (form == Form::reference) {
    softmax_attention_reference(a);
    softmax_attention_grad_reference(g);
  } else {
    softmax_attention(a, Workspace(softmax_attention_workspace(a)));
    softmax_attention_grad(g, Workspace(softmax_attention_grad_workspace(g)));
  }
  for (auto& x : lse)  // -infinity where a query sees no key, which cannot be subtracted
    if (std::isinf(x) && x < 0) x = -1;
  return {y, lse, dq, dk, dv};
}

TEST(SoftmaxAttentionKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, s, heads, key_heads, d, e] :
       std::vector<std::array<std::int64_t, 7>>{{1, 1, 1, 1, 1, 1, 1},
                                                {2, 5, 7, 4, 2, 3, 5},
                                                {1, 70, 97, 2, 1, 4, 17},
                                                {1, 65, 65, 2, 2, 17, 8},
                                                {2, 9, 100, 4, 2, 5, 64},
                                                {3, 8, 50, 2, 1, 5, 130},
                                                {2, 1, 100, 4, 1, 33, 16},
                                                {1, 515, 9, 1, 1, 2, 3}})
    for (const bool causal : {false, true})
      for (const bool all : {false, true}) {
        SoftmaxAttention<float> a{};
        a.b = b, a.t = t, a.s = s, a.heads = heads, a.key_heads = key_heads, a.d = d, a.e = e, a.causal = causal;
        testing::expect_matches_reference([&](Form form) { return softmax_attention_results(a, all, form); }, 2e-5,
                                          std::to_string(a.t) + " queries, " + std::to_string(a.s) + " keys" +
                                              (causal ? ", causal" : "") + (all ? ", all" : ""));
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
