#include "longwave/kernels/gated_linear_attention.h"
#include "longwave/kernels/wkv4.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

enum class Kind { no_decay, per_head, constant, per_channel, bonus, gain, rule, gated_rule };

/// `p` with its sizes; its tensors are made here. ends: initial and final state, and gaps between steps.
Results attention_results(GatedLinearAttention<float> p, Kind kind, bool ends, Form form) {
  const bool per_channel = kind == Kind::per_channel || kind == Kind::bonus;
  const bool decays = kind != Kind::no_decay && kind != Kind::rule, rule = kind >= Kind::rule;
  const auto steps = p.b * p.t, heads = p.b * p.h, state = heads * p.dk * p.dv, width_g = per_channel ? p.dk : 1;
  // Steps lie further apart than their numbers take; the first ones are those that nobody reads.
  const auto gap = ends ? std::int64_t{3} : std::int64_t{0};
  const auto vectors = [&]<class T>(T* data, std::int64_t width, std::int64_t before) {
    const auto step = p.h * width + before;
    return HeadVectors<T>{data + before, p.t * step, step, width};
  };
  Random random;
  const auto q = random.numbers(steps * (p.h * p.dk + gap)), v = random.numbers(steps * (p.h * p.dv + gap));
  const auto k = random.numbers(steps * (p.h * p.dk + gap), rule ? 1 / std::sqrt(static_cast<double>(p.dk)) : 1);
  auto g = random.numbers(steps * p.h * width_g, 3), beta = random.numbers(steps * p.h, 2);
  for (auto& x : g) x = -std::log1p(std::exp(-x));
  for (auto& x : beta) x = 1 / (1 + std::exp(-x));
  const auto u = random.numbers(p.h * p.dk), gain = random.numbers(steps * p.h), skip = random.numbers(p.h * p.dv);
  const auto initial = random.numbers(state), d_final = random.numbers(state), d_o = random.numbers(steps * p.h * p.dv);
  p.q = vectors(q.data(), p.dk, gap), p.k = vectors(k.data(), p.dk, gap), p.v = vectors(v.data(), p.dv, gap);
  if (decays) p.g = vectors(std::as_const(g).data(), width_g, 0);
  if (kind == Kind::constant) p.g.row_stride = p.g.step_stride = 0;
  p.per_channel = per_channel;
  if (kind == Kind::bonus) p.u = u.data();
  if (rule) p.beta = vectors(std::as_const(beta).data(), 1, 0);
  if (kind == Kind::gain) p.gain = vectors(gain.data(), 1, 0), p.skip = skip.data();
  p.initial = ends ? initial.data() : nullptr;
  p.scale = 0.5f;

  auto o = unwritten(steps * p.h * p.dv), alone = o, final_state = unwritten(state), final_alone = final_state;
  auto states = unwritten(heads * states_kept(p.t) * p.dk * p.dv);
  const bool want_dg = decays && kind != Kind::constant;
  auto dq = unwritten(steps * p.h * p.dk), dk = dq, dv = o, dg = want_dg ? unwritten(steps * p.h * width_g) : Numbers();
  auto dbeta = rule ? unwritten(steps * p.h) : Numbers();
  auto dgain = kind == Kind::gain ? unwritten(steps * p.h) : Numbers();
  auto du = kind == Kind::bonus ? unwritten(heads * p.dk) : Numbers();
  auto dskip = kind == Kind::gain ? unwritten(heads * p.dv) : Numbers();
  auto d_initial = ends ? unwritten(state) : Numbers();
  const auto or_none = [&](Numbers& x, std::int64_t width) {
    return x.empty() ? HeadVectors<float>{} : vectors(x.data(), width, 0);
  };
  const GatedLinearAttentionOut<float> out{vectors(o.data(), p.dv, 0), final_state.data(), states.data()};
  const GatedLinearAttentionOut<float> out_alone{vectors(alone.data(), p.dv, 0), final_alone.data(), nullptr};
  const GatedLinearAttentionGrad<float> grad{.d_o = vectors(d_o.data(), p.dv, 0),
                                             .d_final = ends ? d_final.data() : nullptr,
                                             .states = states.data(),
                                             .dq = or_none(dq, p.dk),
                                             .dk = or_none(dk, p.dk),
                                             .dv = or_none(dv, p.dv),
                                             .dg = or_none(dg, width_g),
                                             .dbeta = or_none(dbeta, 1),
                                             .dgain = or_none(dgain, 1),
                                             .du = du.empty() ? nullptr : du.data(),
                                             .dskip = dskip.empty() ? nullptr : dskip.data(),
                                             .d_initial = ends ? d_initial.data() : nullptr};
  if (form == Form::reference) {
    gated_linear_attention_reference(p, out);
    gated_linear_attention_reference(p, out_alone);
    gated_linear_attention_grad_reference(p, grad);
  } else {
    gated_linear_attention(p, out, Workspace(gated_linear_attention_workspace(p, false)));
    gated_linear_attention(p, out_alone, Workspace(gated_linear_attention_workspace(p, false)));
    gated_linear_attention_grad(p, grad, Workspace(gated_linear_attention_workspace(p, true)));
  }
  return {o, alone, final_state, final_alone, states, dq, dk, dv, dg, dbeta, dgain, du, dskip, d_initial};
}

TEST(GatedLinearAttentionKernel, MatchesTheReferenceOnEveryInstructionSet) {
  using enum Kind;
  for (const auto kind : {no_decay, per_head, constant, per_channel, bonus, gain, rule, gated_rule})
    for (const auto& [b, t, h, dk, dv] : std::vector<std::array<std::int64_t, 5>>{{1, 1, 1, 1, 1},
                                                                                  {2, 67, 2, 5, 3},
                                                                                  {1, 300, 1, 5, 9},
                                                                                  {1, 66, 1, 64, 16},
                                                                                  {1, 16, 2, 17, 33},
                                                                                  {2, 64, 1, 16, 1}})
      for (const bool ends : {false, true}) {
        GatedLinearAttention<float> p{};
        p.b = b, p.t = t, p.h = h, p.dk = dk, p.dv = dv;
        testing::expect_matches_reference([&](Form form) { return attention_results(p, kind, ends, form); }, 2e-5,
                                          "kind " + std::to_string(static_cast<int>(kind)) + ", " +
                                              std::to_string(p.t) + " steps, " + std::to_string(p.dk) + " by " +
                                              std::to_string(p.dv) + (ends ? ", ends" : ""));
      }
}

/// `p` with its sizes; its tensors are made here. ends: with lengths and the gradient of the final state.
Results wkv4_results(Wkv4<float> p, bool ends, Form form) {
  const auto sequence = p.rows * p.t * p.c, state = p.rows * 3 * p.c;
  const auto lengths = ends ? testing::some_lengths(p.rows, p.t) : std::vector(static_cast<std::size_t>(p.rows), p.t);
  Random random;
  auto w = random.numbers(p.c);
  for (auto& x : w) x = std::exp(x);
  const auto u = random.numbers(p.c), k = testing::ending_at(lengths, p.t, random.numbers(sequence, 3));
  const auto v = testing::ending_at(lengths, p.t, random.numbers(sequence));
  const auto dy = testing::ending_at(lengths, p.t, random.numbers(sequence)), d_final = random.numbers(state);
  auto initial = random.numbers(state);
  for (std::int64_t i = 0; i < state; ++i)
    if (i / p.c % 3 == 1) initial[static_cast<std::size_t>(i)] = std::abs(initial[static_cast<std::size_t>(i)]) + 0.5f;
  p.w = w.data(), p.u = u.data(), p.k = k.data(), p.v = v.data(), p.initial = initial.data();
  p.lengths = ends ? lengths.data() : nullptr;
  auto y = unwritten(sequence), alone = y, final_state = unwritten(state), final_alone = final_state;
  auto states = unwritten(p.rows * states_kept(p.t) * 3 * p.c);
  auto dw = unwritten(p.rows * p.c), du = dw, dk = y, dv = y, d_initial = final_state;
  const Wkv4Out<float> out{y.data(), final_state.data(), states.data()};
  const Wkv4Out<float> out_alone{alone.data(), final_alone.data(), nullptr};
  const Wkv4Grad<float> grad{
      dy.data(),       ends ? d_final.data() : nullptr, states.data(), dw.data(), du.data(), dk.data(), dv.data(),
      d_initial.data()};
  if (form == Form::reference) {
    wkv4_reference(p, out);
    wkv4_reference(p, out_alone);
    wkv4_grad_reference(p, grad);
  } else {
    wkv4(p, out);
    wkv4(p, out_alone);
    wkv4_grad(p, grad);
  }
  return {y, alone, final_state, final_alone, dw, du, dk, dv, d_initial};
}

TEST(Wkv4Kernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, t, c] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {3, 7, 5}, {4, 67, 16}, {2, 20, 33}, {3, 300, 37}, {2, 513, 3}})
    for (const bool ends : {false, true}) {
      Wkv4<float> p{};
      p.rows = rows, p.t = t, p.c = c;
      testing::expect_matches_reference([&](Form form) { return wkv4_results(p, ends, form); }, 2e-5,
                                        std::to_string(p.t) + " steps of " + std::to_string(p.c));
    }
}

}  // namespace
}  // namespace longwave::kernels
