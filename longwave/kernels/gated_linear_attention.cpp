#include "longwave/kernels/gated_linear_attention.h"

#include <omp.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/gated_linear_attention.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/delta_rule-inl.h"
#include "longwave/kernels/plain_rule-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Problem = GatedLinearAttention<float>;

template <class Rule>
std::int64_t forward_floats_of(const Problem& p) {
  return Rule::floats(p) + (p.dk + kChunk) * padded(p.dv) + 4 * kPad;
}

std::int64_t forward_floats(const Problem& p) {
  return p.beta.data ? forward_floats_of<DeltaChunk>(p) : forward_floats_of<PlainChunk>(p);
}

std::int64_t backward_floats(const Problem& p) {
  return p.beta.data ? DeltaBackward::floats(p) : PlainBackward::floats(p);
}

template <class Rule>
void forward_head(const Problem& p, const GatedLinearAttentionOut<float>& out, std::int64_t row, std::int64_t head,
                  Carver carver) {
  Rule chunk(p, row, head, carver);
  float *state = carver.take(p.dk * chunk.vw), *o = carver.take(kChunk * chunk.vw);
  const auto index = row * p.h + head, size = p.dk * p.dv;
  load_state(p.initial ? p.initial + index * size : nullptr, p.dk, p.dv, state);
  for (std::int64_t begin = 0; begin < p.t; begin += kChunk) {
    if (out.states && begin % kStateSpacing == 0)
      store_state(state, p.dk, p.dv, out.states + (index * states_kept(p.t) + begin / kStateSpacing) * size);
    chunk.load_all(begin, state);
    product<false>(chunk.n, chunk.vw, p.dk, {chunk.queries(), chunk.kw, 1}, state, chunk.vw, o, chunk.vw);
    product<true>(chunk.n, chunk.vw, chunk.n, {chunk.scores, kChunk, 1}, chunk.writes(), chunk.vw, o, chunk.vw,
                  Part::lower);
    chunk.add_skip(o);
    for (std::int64_t i = 0; i < chunk.n; ++i) copy_numbers(1, o + i * chunk.vw, out.o.at(row, begin + i, head), p.dv);
    chunk.advance(state);
  }
  store_state(state, p.dk, p.dv, out.final_state + index * size);
}

/// Recomputes the states of a stretch from the one that was kept, and goes back through its chunks.
template <class Backward>
void backward_head(const Problem& p, const GatedLinearAttentionGrad<float>& grad, std::int64_t row, std::int64_t head,
                   Carver carver) {
  Backward back(p, grad, row, head, carver);
  const auto index = row * p.h + head, size = p.dk * p.dv;
  load_state(grad.d_final ? grad.d_final + index * size : nullptr, p.dk, p.dv, back.d_state);
  for (auto kept = states_kept(p.t) - 1; kept >= 0; --kept) {
    const auto begin = kept * kStateSpacing, end = std::min(p.t, begin + kStateSpacing);
    load_state(grad.states + (index * states_kept(p.t) + kept) * size, p.dk, p.dv, back.states);
    std::int64_t chunks = 0;
    for (auto at = begin; at < end; at += kChunk, ++chunks) {
      std::copy_n(back.state(chunks), p.dk * back.vw, back.state(chunks + 1));
      back.advance(at, back.state(chunks), back.state(chunks + 1));
    }
    while (chunks-- > 0) back.step_back(begin + chunks * kChunk, back.state(chunks), back.state(chunks + 1));
  }
  if (grad.d_initial) store_state(back.d_state, p.dk, p.dv, grad.d_initial + index * size);
  back.finish();
}

template <class Body>
void for_heads(const Problem& p, float* workspace, std::int64_t floats, Body body) {
  constexpr std::int64_t kWorthThreads = 1 << 16;  // numbers of states: a second thread may take 0.2 ms to wake
#pragma omp parallel for schedule(dynamic, 1) if (p.b * p.h * p.t * p.dk * p.dv > kWorthThreads)
  for (std::int64_t task = 0; task < p.b * p.h; ++task)
    body(task / p.h, task % p.h, Carver{workspace + omp_get_thread_num() * floats});
}

void forward_all(const Problem& p, const GatedLinearAttentionOut<float>& out, float* workspace) {
  const auto run = p.beta.data ? forward_head<DeltaChunk> : forward_head<PlainChunk>;
  for_heads(p, workspace, forward_floats(p),
            [&](std::int64_t row, std::int64_t head, Carver carver) { run(p, out, row, head, carver); });
}

void backward_all(const Problem& p, const GatedLinearAttentionGrad<float>& grad, float* workspace) {
  const auto run = p.beta.data ? backward_head<DeltaBackward> : backward_head<PlainBackward>;
  for_heads(p, workspace, backward_floats(p),
            [&](std::int64_t row, std::int64_t head, Carver carver) { run(p, grad, row, head, carver); });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(forward_floats);
HWY_EXPORT(backward_floats);
HWY_EXPORT(forward_all);
HWY_EXPORT(backward_all);

std::int64_t gated_linear_attention_workspace(const GatedLinearAttention<float>& p, bool gradient) {
  const auto floats = gradient ? HWY_DYNAMIC_DISPATCH(backward_floats)(p) : HWY_DYNAMIC_DISPATCH(forward_floats)(p);
  return omp_get_max_threads() * floats;
}
void gated_linear_attention(const GatedLinearAttention<float>& p, const GatedLinearAttentionOut<float>& out,
                            float* workspace) {
  HWY_DYNAMIC_DISPATCH(forward_all)(p, out, workspace);
}
void gated_linear_attention_grad(const GatedLinearAttention<float>& p, const GatedLinearAttentionGrad<float>& grad,
                                 float* workspace) {
  HWY_DYNAMIC_DISPATCH(backward_all)(p, grad, workspace);
}

}  // namespace longwave::kernels
#endif
