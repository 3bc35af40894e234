// Included once per instruction set, after highway.h: no include guard of its own.
// Linear attention with decays and bonus, in chunks: values are written as they are, or times a gain.
#if defined(LONGWAVE_KERNELS_PLAIN_RULE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_PLAIN_RULE_INL_H
#undef LONGWAVE_KERNELS_PLAIN_RULE_INL_H
#else
#define LONGWAVE_KERNELS_PLAIN_RULE_INL_H
#endif

#include "longwave/kernels/linear_chunk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// A chunk whose keys write the values as they are, or times the gain of their step.
struct PlainChunk : Chunk {
  float* written;  // [chunk, vw]; v itself without a gain
  float* skip;     // [vw]

  static std::int64_t floats(const GatedLinearAttention<float>& p) {
    return Chunk::floats(p) + (kChunk + 1) * padded(p.dv);
  }

  PlainChunk(const GatedLinearAttention<float>& problem, std::int64_t of_row, std::int64_t of_head, Carver& scratch)
      : Chunk(problem, of_row, of_head, scratch), written(v), skip(scratch.take(vw)) {
    if (p.gain.data) written = scratch.take(kChunk * vw);
    if (p.skip) copy_padded(1, p.skip + head * p.dv, skip, p.dv);
  }

  void load_written(std::int64_t first, bool with_queries, std::int64_t ahead = kChunk) {
    load(first, with_queries, ahead);
    if (p.gain.data)
      for (std::int64_t i = 0; i < n; ++i) scale_row(gain(i), v + i * vw, written + i * vw, vw);
  }
  float gain(std::int64_t i) const { return *p.gain.at(row, begin + i, head); }

  /// Everything up to the scores.
  void load_all(std::int64_t first, const float*) {
    load_written(first, true);
    find_scores();
  }
  const float* writes() const { return written; }
  void advance(float* state) const { write(written, state); }

  /// What does not come through the state.
  void add_skip(float* o) const {
    if (!p.skip) return;
    for (std::int64_t i = 0; i < n; ++i) multiply_add_row(v + i * vw, skip, o + i * vw, vw);
  }
};

/// Gradients of one head, chunk by chunk from the end.
struct PlainBackward : StateGradient {
  PlainChunk chunk;
  float *dk, *dv, *dk_part;     // tiles; dv of what is written
  float *running, *du, *dskip;  // [kw], [kw], [vw]

  static std::int64_t floats(const GatedLinearAttention<float>& p) {
    const auto kw = padded(p.dk), vw = padded(p.dv);
    return PlainChunk::floats(p) + StateGradient::floats(p) + kChunk * (vw + 2 * kw) + 2 * kw + vw + 8 * kPad;
  }

  PlainBackward(const GatedLinearAttention<float>& problem, const GatedLinearAttentionGrad<float>& gradients,
                std::int64_t of_row, std::int64_t of_head, Carver carver)
      : StateGradient(problem, gradients, of_row, of_head, carver), chunk(p, row, head, carver) {
    dv = carver.take(kChunk * vw);
    for (float** tile : {&dk, &dk_part}) *tile = carver.take(kChunk * kw);
    running = carver.take(kw);
    du = carver.take(kw);
    dskip = carver.take(vw);
    std::fill_n(du, kw, 0.0f);
    std::fill_n(dskip, vw, 0.0f);
  }

  void finish() const {
    if (p.u) std::copy_n(du, p.dk, grad.du + (row * p.h + head) * p.dk);
    if (p.skip) std::copy_n(dskip, p.dv, grad.dskip + (row * p.h + head) * p.dv);
  }

  void advance(std::int64_t begin, const float*, float* after) {
    chunk.load_written(begin, false);
    chunk.advance(after);
  }

  void step_back(std::int64_t begin, const float* before, const float* after) {
    chunk.load_written(begin, true, -kChunk);
    const auto n = chunk.n;
    load_tile(grad.d_o, row, head, begin, n, p.dv, 1, d_o, -kChunk, p.t);
    // e: gradients of the scores.
    transpose(n, p.dv, chunk.written, vw, writes_turned, kChunk);
    product<false>(n, n, p.dv, {d_o, vw, 1}, writes_turned, kChunk, e, kChunk, Part::lower_result);
    chunk.mask_lower(e);
    // What comes through the states: dq = do S', dk = v dS', both yet to be decayed.
    transpose(p.dk, p.dv, before, vw, turned, kw);
    product<false>(n, kw, p.dv, {d_o, vw, 1}, turned, kw, dq, kw);
    transpose(p.dk, p.dv, d_state, vw, turned, kw);
    product<false>(n, kw, p.dv, {chunk.written, vw, 1}, turned, kw, dk, kw);
    if (chunk.by_channel)
      within_chunk_by_channel();
    else
      within_chunk();
    product<false>(n, vw, n, {chunk.scores, 1, kChunk}, d_o, vw, dv, vw, Part::upper);
    product<true>(n, vw, p.dk, chunk.keys(), d_state, vw, dv, vw);
    if (grad.dg.data) find_dg(begin, after);
    if (p.u) add_bonus();
    if (p.gain.data) through_gain(begin);
    if (p.skip) through_skip();
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

  /// dv: from now on of the values.
  void through_gain(std::int64_t begin) const {
    for (std::int64_t i = 0; i < chunk.n; ++i) {
      *grad.dgain.at(row, begin + i, head) = dot_row(dv + i * vw, chunk.v + i * vw, vw);
      scale_row(chunk.gain(i), dv + i * vw, dv + i * vw, vw);
    }
  }

  void through_skip() const {
    for (std::int64_t i = 0; i < chunk.n; ++i) {
      multiply_add_row(d_o + i * vw, chunk.skip, dv + i * vw, vw);
      multiply_add_row(d_o + i * vw, chunk.v + i * vw, dskip, vw);
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

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
