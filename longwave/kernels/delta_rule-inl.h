// Included once per instruction set, after highway.h: no include guard of its own.
// The delta rule in chunks: what a step writes is corrected by what the steps before it wrote.
#if defined(LONGWAVE_KERNELS_DELTA_RULE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_DELTA_RULE_INL_H
#undef LONGWAVE_KERNELS_DELTA_RULE_INL_H
#else
#define LONGWAVE_KERNELS_DELTA_RULE_INL_H
#endif

#include "longwave/kernels/linear_chunk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// A chunk of the rule. The steps of a chunk correct each other: with a_ij = beta_i (k_i . k_j) decayed, j < i,
///   u = r - a u,   r_i = beta_i (v_i - decayed S' k_i)
/// a triangular system, after which u takes the place of the values of linear attention.
struct DeltaChunk : Chunk {
  float *gram, *minus;  // [chunk, chunk]: k_i . k_j decayed, lower triangular; -a, strictly so
  float *error, *u,
      *k_since;  // [chunk, vw]: v_i - decayed S' k_i; [chunk, vw]; [chunk, kw]: keys decayed since it began
  float beta[kChunk];

  static std::int64_t floats(const GatedLinearAttention<float>& p) {
    return Chunk::floats(p) + kChunk * (2 * kChunk + 2 * padded(p.dv) + padded(p.dk)) + 8 * kPad;
  }

  DeltaChunk(const GatedLinearAttention<float>& problem, std::int64_t of_row, std::int64_t of_head, Carver& scratch)
      : Chunk(problem, of_row, of_head, scratch) {
    gram = scratch.take(kChunk * kChunk);
    minus = scratch.take(kChunk * kChunk);
    error = scratch.take(kChunk * vw);
    u = scratch.take(kChunk * vw);
    k_since = scratch.take(kChunk * kw);
  }

  const float* keys_since() const { return decays() ? k_since : k; }

  /// Everything up to u, from the state before the
  void load_all(std::int64_t first, const float* state, std::int64_t ahead = kChunk) {
    load(first, true, ahead);
    for (std::int64_t i = 0; i < n; ++i) beta[i] = *p.beta.at(row, begin + i, head);
    if (decays())
      for (std::int64_t i = 0; i < n; ++i) scale_row(since[i], k + i * kw, k_since + i * kw, kw);
    find_scores();
    product<false>(n, n, p.dk, {k, kw, 1}, k_turned, kChunk, gram, kChunk, Part::lower_result);
    mask_lower(gram);
    for (std::int64_t i = 0; i < n; ++i) {
      scale_row(-beta[i], gram + i * kChunk, minus + i * kChunk, padded(i + 1));
      std::fill(minus + i * kChunk + i, minus + i * kChunk + padded(n), 0.0f);
    }
    product<false>(n, vw, p.dk, {keys_since(), kw, 1}, state, vw, error, vw);
    for (std::int64_t i = 0; i < n; ++i) {
      scale_row(-1, error + i * vw, error + i * vw, vw);
      add_row(1, v + i * vw, error + i * vw, vw);
      scale_row(beta[i], error + i * vw, u + i * vw, vw);
    }
    solve();
  }

  /// u = (1 + a)^-1 u
  void solve() const {
    for (std::int64_t first = 0; first < n; first += kBlock) {
      const auto end = std::min(n, first + kBlock);
      if (first > 0)
        product<true>(end - first, vw, first, {minus + first * kChunk, kChunk, 1}, u, vw, u + first * vw, vw);
      for (auto i = first + 1; i < end; ++i)
        for (auto j = first; j < i; ++j) add_row(minus[i * kChunk + j], u + j * vw, u + i * vw, vw);
    }
  }

  /// x = (1 + a')^-1 x with the transpose of a.
  void solve_transposed(float* x) const {
    for (auto first = (n - 1) / kBlock * kBlock; first >= 0; first -= kBlock) {
      const auto end = std::min(n, first + kBlock);
      if (end < n)
        product<true>(end - first, vw, n - end, {minus + end * kChunk + first, 1, kChunk}, x + end * vw, vw,
                      x + first * vw, vw);
      for (auto i = end - 2; i >= first; --i)
        for (auto j = i + 1; j < end; ++j) add_row(minus[j * kChunk + i], x + j * vw, x + i * vw, vw);
    }
  }

  const float* writes() const { return u; }
  void advance(float* state) const { write(u, state); }
  void add_skip(float*) const {}
};

/// Gradients of one head, chunk by chunk from the end.
struct DeltaBackward : StateGradient {
  DeltaChunk chunk;
  float *du, *d_late, *d_early;  // tiles; dk of keys that come after, and before, what they meet
  float* f;                      // [chunk, chunk]

  static std::int64_t floats(const GatedLinearAttention<float>& p) {
    return DeltaChunk::floats(p) + StateGradient::floats(p) + kChunk * (padded(p.dv) + 2 * padded(p.dk) + kChunk) +
           8 * kPad;
  }

  DeltaBackward(const GatedLinearAttention<float>& problem, const GatedLinearAttentionGrad<float>& gradients,
                std::int64_t of_row, std::int64_t of_head, Carver carver)
      : StateGradient(problem, gradients, of_row, of_head, carver), chunk(p, row, head, carver) {
    du = carver.take(kChunk * vw);
    for (float** tile : {&d_late, &d_early}) *tile = carver.take(kChunk * kw);
    f = carver.take(kChunk * kChunk);
  }

  void finish() const {}

  void advance(std::int64_t begin, const float* before, float* after) {
    chunk.load_all(begin, before);
    chunk.advance(after);
  }

  void step_back(std::int64_t begin, const float* before, const float* after) {
    chunk.load_all(begin, before, -kChunk);
    const auto n = chunk.n;
    load_tile(grad.d_o, row, head, begin, n, p.dv, 1, d_o, -kChunk, p.t);
    // e: gradients of the scores, before their decay.
    transpose(n, p.dv, chunk.u, vw, writes_turned, kChunk);
    product<false>(n, n, p.dv, {d_o, vw, 1}, writes_turned, kChunk, e, kChunk, Part::lower_result);
    chunk.mask_lower(e);
    product<false>(n, vw, n, {chunk.scores, 1, kChunk}, d_o, vw, du, vw, Part::upper);
    product<true>(n, vw, p.dk, chunk.keys(), d_state, vw, du, vw);
    chunk.solve_transposed(du);  // now the gradient of r
    const float state_part = grad.dg.data ? through_state(after) : 0;
    product<false>(n, n, p.dv, {du, vw, 1}, writes_turned, kChunk, f, kChunk, Part::lower_result);
    store_dbeta(begin);
    for (std::int64_t i = 0; i < n; ++i) scale_row(chunk.beta[i], du + i * vw, du + i * vw, vw);  // of the error, of v
    find_dq_dk(before);
    store(begin, state_part);
    chunk.decay_state(d_state);
    product<true>(p.dk, vw, n, {chunk.queries(), 1, kw}, d_o, vw, d_state, vw);
    for (std::int64_t i = 0; i < n; ++i) scale_row(-1, du + i * vw, du + i * vw, vw);
    product<true>(p.dk, vw, n, {chunk.keys_since(), 1, kw}, du, vw, d_state, vw);
  }

  /// All decays of the chunk scale the state behind it.
  float through_state(const float* after) const {
    float sum = 0;
    for (std::int64_t c = 0; c < p.dk; ++c) sum += dot_row(after + c * vw, d_state + c * vw, vw);
    return sum;
  }

  /// f: du_i . u_j, of which the lower triangle without its diagonal is what a gets; dbeta, and then f of k_i . k_j.
  void store_dbeta(std::int64_t begin) {
    const auto n = chunk.n;
    for (std::int64_t i = 0; i < n; ++i) std::fill(f + i * kChunk + i, f + i * kChunk + padded(n), 0.0f);
    for (std::int64_t i = 0; i < n; ++i)
      *grad.dbeta.at(row, begin + i, head) = dot_row(du + i * vw, chunk.error + i * vw, vw) -
                                             dot_row(f + i * kChunk, chunk.gram + i * kChunk, padded(i + 1));
    chunk.mask_lower(f);
    for (std::int64_t i = 0; i < n; ++i) scale_row(-chunk.beta[i], f + i * kChunk, f + i * kChunk, padded(n));
  }

  /// Here du is the gradient of v.
  void find_dq_dk(const float* before) {
    const auto n = chunk.n;
    transpose(p.dk, p.dv, before, vw, turned, kw);
    product<false>(n, kw, p.dv, {d_o, vw, 1}, turned, kw, dq, kw);
    product<false>(n, kw, p.dv, {du, vw, 1}, turned, kw, d_late, kw);
    transpose(p.dk, p.dv, d_state, vw, turned, kw);
    product<false>(n, kw, p.dv, {chunk.u, vw, 1}, turned, kw, d_early, kw);
    for (std::int64_t i = 0; i < n; ++i) {
      const float since = chunk.decays() ? chunk.since[i] : 1;
      if (chunk.decays()) {
        scale_row(since, dq + i * kw, dq + i * kw, kw);
        scale_row(chunk.until[i], d_early + i * kw, d_early + i * kw, kw);
      }
      scale_row(-since, d_late + i * kw, d_late + i * kw, kw);
    }
    product<true>(n, kw, n, {e, kChunk, 1}, chunk.k, kw, dq, kw, Part::lower);
    product<true>(n, kw, n, {e, 1, kChunk}, chunk.q, kw, d_early, kw, Part::upper);
    product<true>(n, kw, n, {f, kChunk, 1}, chunk.k, kw, d_late, kw, Part::lower);
    product<true>(n, kw, n, {f, 1, kChunk}, chunk.k, kw, d_early, kw, Part::upper);
  }

  void store(std::int64_t begin, float running) {
    for (auto i = chunk.n - 1; i >= 0; --i) {
      const float *q = chunk.q + i * kw, *k = chunk.k + i * kw;
      float *late = d_late + i * kw, *early = d_early + i * kw;
      if (grad.dg.data) {
        running += dot_row(q, dq + i * kw, kw) + dot_row(k, late, kw) - dot_row(k, early, kw);
        *grad.dg.at(row, begin + i, head) = running;
      }
      add_row(1, late, early, kw);
      copy_numbers(p.scale, dq + i * kw, grad.dq.at(row, begin + i, head), p.dk);
      copy_numbers(1, early, grad.dk.at(row, begin + i, head), p.dk);
      copy_numbers(1, du + i * vw, grad.dv.at(row, begin + i, head), p.dv);
    }
  }
};

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
