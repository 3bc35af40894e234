#include "longwave/kernels/gated_linear_attention.h"

#include <omp.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/gated_linear_attention.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/linear_chunk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Problem = GatedLinearAttention<float>;

std::int64_t forward_floats(const Problem& p) { return Chunk::floats(p) + (p.dk + kChunk) * padded(p.dv) + 4 * kPad; }

std::int64_t backward_floats(const Problem& p) {
  const auto kw = padded(p.dk), vw = padded(p.dv);
  const auto states = kStateSpacing / kChunk + 1;
  return Chunk::floats(p) + (states + 1) * p.dk * vw + p.dv * kw + kChunk * (2 * vw + 4 * kw + kChunk) + p.dv * kChunk +
         2 * kw + 16 * kPad;
}

void forward_head(const Problem& p, const GatedLinearAttentionOut<float>& out, std::int64_t row, std::int64_t head,
                  float* scratch) {
  Carver carver{scratch};
  Chunk chunk(p, row, head, carver);
  float *state = carver.take(p.dk * chunk.vw), *o = carver.take(kChunk * chunk.vw);
  const auto index = row * p.h + head, size = p.dk * p.dv;
  load_state(p.initial ? p.initial + index * size : nullptr, p.dk, p.dv, state);
  for (std::int64_t begin = 0; begin < p.t; begin += kChunk) {
    if (out.states && begin % kStateSpacing == 0)
      store_state(state, p.dk, p.dv, out.states + (index * states_kept(p.t) + begin / kStateSpacing) * size);
    chunk.load(begin, true);
    chunk.find_scores();
    product<false>(chunk.n, chunk.vw, p.dk, {chunk.queries(), chunk.kw, 1}, state, chunk.vw, o, chunk.vw);
    product<true>(chunk.n, chunk.vw, chunk.n, {chunk.scores, kChunk, 1}, chunk.v, chunk.vw, o, chunk.vw, Part::lower);
    for (std::int64_t i = 0; i < chunk.n; ++i) copy_numbers(1, o + i * chunk.vw, out.o.at(row, begin + i, head), p.dv);
    chunk.advance(state);
  }
  store_state(state, p.dk, p.dv, out.final_state + index * size);
}

/// Gradients of one head, chunk by chunk from the end.
struct Backward {
  const Problem& p;
  const GatedLinearAttentionGrad<float>& grad;
  std::int64_t row, head;
  Chunk chunk;
  std::int64_t kw, vw;
  float *d_state, *states, *turned;     // [dk, vw], several of those, [dv, kw]
  float *d_o, *dq, *dk, *dv, *dk_part;  // tiles
  float *e, *v_turned, *running, *du;   // [chunk, chunk], [dv, chunk], [kw], [kw]

  Backward(const Problem& problem, const GatedLinearAttentionGrad<float>& gradients, std::int64_t of_row,
           std::int64_t of_head, Carver carver)
      : p(problem),
        grad(gradients),
        row(of_row),
        head(of_head),
        chunk(p, row, head, carver),
        kw(chunk.kw),
        vw(chunk.vw) {
    d_state = carver.take(p.dk * vw);
    states = carver.take((kStateSpacing / kChunk + 1) * p.dk * vw);
    turned = carver.take(p.dv * kw);
    d_o = carver.take(kChunk * vw);
    dv = carver.take(kChunk * vw);
    for (float** tile : {&dq, &dk, &dk_part}) *tile = carver.take(kChunk * kw);
    e = carver.take(kChunk * kChunk);
    v_turned = carver.take(p.dv * kChunk);
    running = carver.take(kw);
    du = carver.take(kw);
  }

  void run() {
    const auto index = row * p.h + head, size = p.dk * p.dv;
    load_state(grad.d_final ? grad.d_final + index * size : nullptr, p.dk, p.dv, d_state);
    std::fill_n(du, kw, 0.0f);
    for (auto kept = states_kept(p.t) - 1; kept >= 0; --kept) {
      const auto begin = kept * kStateSpacing, end = std::min(p.t, begin + kStateSpacing);
      load_state(grad.states + (index * states_kept(p.t) + kept) * size, p.dk, p.dv, states);
      std::int64_t chunks = 0;
      for (auto at = begin; at < end; at += kChunk, ++chunks) {
        std::copy_n(state(chunks), p.dk * vw, state(chunks + 1));
        chunk.load(at, false);
        chunk.advance(state(chunks + 1));
      }
      while (chunks-- > 0) step_back(begin + chunks * kChunk, state(chunks), state(chunks + 1));
    }
    if (grad.d_initial) store_state(d_state, p.dk, p.dv, grad.d_initial + index * size);
    if (p.u) std::copy_n(du, p.dk, grad.du + index * p.dk);
  }

  float* state(std::int64_t i) const { return states + i * p.dk * vw; }

  void step_back(std::int64_t begin, const float* before, const float* after) {
    chunk.load(begin, true, -kChunk);
    const auto n = chunk.n;
    load_tile(grad.d_o, row, head, begin, n, p.dv, 1, d_o, -kChunk, p.t);
    // e: gradients of the scores.
    transpose(n, p.dv, chunk.v, vw, v_turned, kChunk);
    product<false>(n, n, p.dv, {d_o, vw, 1}, v_turned, kChunk, e, kChunk, Part::lower_result);
    chunk.mask_lower(e);
    // What comes through the states: dq = do S', dk = v dS', both yet to be decayed.
    transpose(p.dk, p.dv, before, vw, turned, kw);
    product<false>(n, kw, p.dv, {d_o, vw, 1}, turned, kw, dq, kw);
    transpose(p.dk, p.dv, d_state, vw, turned, kw);
    product<false>(n, kw, p.dv, {chunk.v, vw, 1}, turned, kw, dk, kw);
    if (chunk.by_channel)
      within_chunk_by_channel();
    else
      within_chunk();
    product<false>(n, vw, n, {chunk.scores, 1, kChunk}, d_o, vw, dv, vw, Part::upper);
    product<true>(n, vw, p.dk, chunk.keys(), d_state, vw, dv, vw);
    if (grad.dg.data) find_dg(begin, after);
    if (p.u) add_bonus();
    store(begin);
    chunk.decay_state(d_state);
    product<true>(p.dk, vw, n, {chunk.queries(), 1, kw}, d_o, vw, d_state, vw);
  }

  void within_chunk() {
    const auto n = chunk.n;
    if (chunk.decays())
      for (std::int64_t i = 0; i < n; ++i) {
        scale_row(chunk.since[i], dq + i * kw, dq + i * kw, kw);
        scale_row(chunk.until[i], dk + i * kw, dk + i * kw, kw);
      }
    chunk.find_scores();
    product<true>(n, kw, n, {e, kChunk, 1}, chunk.k, kw, dq, kw, Part::lower);
    product<true>(n, kw, n, {e, 1, kChunk}, chunk.q, kw, dk, kw, Part::upper);
  }

  /// Blocks of a chunk: earlier keys, decayed until the block begins, and later queries, decayed since it ended, meet
  /// it in products; within it every pair is decayed by itself.
  void within_chunk_by_channel() {
    chunk.find_scores(false);
    std::fill_n(running, kw, 1.0f);
    for (std::int64_t block = 0; block < chunk.block_count(); ++block) {
      const auto first = block * kBlock, end = chunk.block_end(block);
      if (block > 0) fade_keys_by_row(block);
      for (auto i = first; i < end; ++i) multiply_row(dq + i * kw, running, dq + i * kw, kw);
      if (block > 0)
        product<true>(end - first, kw, first, {e + first * kChunk, kChunk, 1}, dk_part, kw, dq + first * kw, kw);
      for (auto i = first; i < end; ++i) multiply_row(dq + i * kw, chunk.block_since + i * kw, dq + i * kw, kw);
      chunk.block_scores(block, e, dq);
      multiply_row(running, chunk.blocks + block * kw, running, kw);
    }
    chunk.mask_lower(chunk.scores);
    std::fill_n(running, kw, 1.0f);
    for (auto block = chunk.block_count() - 1; block >= 0; --block) {
      const auto first = block * kBlock, end = chunk.block_end(block);
      for (auto i = first; i < end; ++i) multiply_row(dk + i * kw, running, dk + i * kw, kw);
      if (end < chunk.n) {
        fade_queries_by_row(block);
        product<true>(end - first, kw, chunk.n - end, {e + end * kChunk + first, 1, kChunk}, dk_part + end * kw, kw,
                      dk + first * kw, kw);
      }
      for (auto i = first; i < end; ++i) multiply_row(dk + i * kw, chunk.block_until + i * kw, dk + i * kw, kw);
      keys_within_block(first, end);
      multiply_row(running, chunk.blocks + block * kw, running, kw);
    }
  }

  /// dk_part: keys of the blocks before `block`, decayed until it begins.
  void fade_keys_by_row(std::int64_t block) {
    const auto last = block - 1;
    for (std::int64_t i = 0; i < last * kBlock; ++i)
      multiply_row(dk_part + i * kw, chunk.blocks + last * kw, dk_part + i * kw, kw);
    for (auto i = last * kBlock; i < block * kBlock; ++i)
      multiply_row(chunk.k + i * kw, chunk.block_until + i * kw, dk_part + i * kw, kw);
  }

  /// dk_part: queries of the blocks behind `block`, decayed since it ended.
  void fade_queries_by_row(std::int64_t block) {
    const auto next = block + 1;
    for (auto i = next * kBlock; i < chunk.block_end(next); ++i)
      multiply_row(chunk.q + i * kw, chunk.block_since + i * kw, dk_part + i * kw, kw);
    for (auto i = chunk.block_end(next); i < chunk.n; ++i)
      multiply_row(dk_part + i * kw, chunk.blocks + next * kw, dk_part + i * kw, kw);
  }

  void keys_within_block(std::int64_t first, std::int64_t end) {
    float* queries = chunk.fading;  // row i: query i, decayed since step j
    for (auto j = end - 1; j >= first; --j) {
      const auto from = j + (p.u ? 2 : 1);
      for (auto i = from; i < end; ++i) {
        float* query = queries + (i - first) * kw;
        multiply_row(query, chunk.w + (j + 1) * kw, query, kw);
      }
      const auto newest = p.u ? j + 1 : j;
      if (newest < end && p.u) std::copy_n(chunk.q + newest * kw, kw, queries + (newest - first) * kw);
      for (auto i = j + 1; i < end; ++i) add_row(e[i * kChunk + j], queries + (i - first) * kw, dk + j * kw, kw);
      if (!p.u) {
        std::copy_n(chunk.q + j * kw, kw, queries + (j - first) * kw);
        add_row(e[j * kChunk + j], chunk.q + j * kw, dk + j * kw, kw);
      }
    }
  }

  /// The decay at a step scales all that reaches later queries, and the state behind the chunk.
  void find_dg(std::int64_t begin, const float* after) {
    for (std::int64_t c = 0; c < p.dk; ++c) running[c] = dot_row(after + c * vw, d_state + c * vw, vw);
    std::fill(running + p.dk, running + kw, 0.0f);
    for (auto i = chunk.n - 1; i >= 0; --i) {
      if (!p.u) multiply_add_row(chunk.q + i * kw, dq + i * kw, running, kw);
      for (std::int64_t c = 0; c < p.dk; ++c) running[c] -= chunk.k[i * kw + c] * dk[i * kw + c];
      float* to = grad.dg.at(row, begin + i, head);
      if (p.per_channel) {
        std::copy_n(running, p.dk, to);
      } else {
        *to = 0;
        for (std::int64_t c = 0; c < p.dk; ++c) *to += running[c];
      }
      if (p.u) multiply_add_row(chunk.q + i * kw, dq + i * kw, running, kw);
    }
  }

  void add_bonus() {
    const float* u = p.u + head * p.dk;
    for (std::int64_t i = 0; i < chunk.n; ++i) {
      const float d = e[i * kChunk + i];
      for (std::int64_t c = 0; c < p.dk; ++c) {
        const auto at = i * kw + c;
        du[c] += d * chunk.q[at] * chunk.k[at];
        dq[at] += d * u[c] * chunk.k[at];
        dk[at] += d * u[c] * chunk.q[at];
      }
    }
  }

  void store(std::int64_t begin) const {
    for (std::int64_t i = 0; i < chunk.n; ++i) {
      copy_numbers(p.scale, dq + i * kw, grad.dq.at(row, begin + i, head), p.dk);
      copy_numbers(1, dk + i * kw, grad.dk.at(row, begin + i, head), p.dk);
      copy_numbers(1, dv + i * vw, grad.dv.at(row, begin + i, head), p.dv);
    }
  }
};

void forward_all(const Problem& p, const GatedLinearAttentionOut<float>& out, float* workspace) {
  const auto floats = forward_floats(p);
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t task = 0; task < p.b * p.h; ++task)
    forward_head(p, out, task / p.h, task % p.h, workspace + omp_get_thread_num() * floats);
}

void backward_all(const Problem& p, const GatedLinearAttentionGrad<float>& grad, float* workspace) {
  const auto floats = backward_floats(p);
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t task = 0; task < p.b * p.h; ++task)
    Backward(p, grad, task / p.h, task % p.h, Carver{workspace + omp_get_thread_num() * floats}).run();
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
