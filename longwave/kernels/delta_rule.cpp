#include "longwave/kernels/delta_rule.h"

#include <omp.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/delta_rule.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/linear_chunk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Problem = DeltaRule<float>;

/// What the rule shares with linear attention: the same inputs, decays and scores.
GatedLinearAttention<float> as_attention(const Problem& p) {
  return {.q = p.q,
          .k = p.k,
          .v = p.v,
          .g = p.g,
          .initial = p.initial,
          .b = p.b,
          .t = p.t,
          .h = p.h,
          .dk = p.dk,
          .dv = p.dv,
          .scale = p.scale};
}

/// A chunk of the rule. The steps of a chunk correct each other: with a_ij = beta_i (k_i . k_j) decayed, j < i,
///   u = r - a u,   r_i = beta_i (v_i - decayed S' k_i)
/// a triangular system, after which u takes the place of the values of linear attention.
struct DeltaChunk {
  const Problem& p;
  const GatedLinearAttention<float> attention;
  Chunk chunk;
  float *gram, *minus;  // [chunk, chunk]: k_i . k_j decayed, lower triangular; -a, strictly so
  float *error, *u,
      *k_since;  // [chunk, vw]: v_i - decayed S' k_i; [chunk, vw]; [chunk, kw]: keys decayed since it began
  float beta[kChunk];

  static std::int64_t floats(const Problem& p) {
    return Chunk::floats(as_attention(p)) + kChunk * (2 * kChunk + 2 * padded(p.dv) + padded(p.dk)) + 8 * kPad;
  }

  DeltaChunk(const Problem& problem, std::int64_t row, std::int64_t head, Carver& scratch)
      : p(problem), attention(as_attention(p)), chunk(attention, row, head, scratch) {
    gram = scratch.take(kChunk * kChunk);
    minus = scratch.take(kChunk * kChunk);
    error = scratch.take(kChunk * chunk.vw);
    u = scratch.take(kChunk * chunk.vw);
    k_since = scratch.take(kChunk * chunk.kw);
  }

  const float* keys_since() const { return chunk.decays() ? k_since : chunk.k; }

  /// Everything up to u, from the state before the chunk.
  void load(std::int64_t begin, const float* state, std::int64_t ahead = kChunk) {
    const auto kw = chunk.kw, vw = chunk.vw;
    chunk.load(begin, true, ahead);
    const auto n = chunk.n;
    for (std::int64_t i = 0; i < n; ++i) beta[i] = *p.beta.at(chunk.row, begin + i, chunk.head);
    if (chunk.decays())
      for (std::int64_t i = 0; i < n; ++i) scale_row(chunk.since[i], chunk.k + i * kw, k_since + i * kw, kw);
    chunk.find_scores();
    product<false>(n, n, p.dk, {chunk.k, kw, 1}, chunk.k_turned, kChunk, gram, kChunk, Part::lower_result);
    chunk.mask_lower(gram);
    for (std::int64_t i = 0; i < n; ++i) {
      scale_row(-beta[i], gram + i * kChunk, minus + i * kChunk, padded(i + 1));
      std::fill(minus + i * kChunk + i, minus + i * kChunk + padded(n), 0.0f);
    }
    product<false>(n, vw, p.dk, {keys_since(), kw, 1}, state, vw, error, vw);
    for (std::int64_t i = 0; i < n; ++i) {
      scale_row(-1, error + i * vw, error + i * vw, vw);
      add_row(1, chunk.v + i * vw, error + i * vw, vw);
      scale_row(beta[i], error + i * vw, u + i * vw, vw);
    }
    solve();
  }

  /// u = (1 + a)^-1 u
  void solve() const {
    const auto n = chunk.n, vw = chunk.vw;
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
    const auto n = chunk.n, vw = chunk.vw;
    for (auto first = (n - 1) / kBlock * kBlock; first >= 0; first -= kBlock) {
      const auto end = std::min(n, first + kBlock);
      if (end < n)
        product<true>(end - first, vw, n - end, {minus + end * kChunk + first, 1, kChunk}, x + end * vw, vw,
                      x + first * vw, vw);
      for (auto i = end - 2; i >= first; --i)
        for (auto j = i + 1; j < end; ++j) add_row(minus[j * kChunk + i], x + j * vw, x + i * vw, vw);
    }
  }

  void advance(float* state) const {
    chunk.decay_state(state);
    product<true>(p.dk, chunk.vw, chunk.n, chunk.turned_keys(), u, chunk.vw, state, chunk.vw);
  }
};

std::int64_t forward_floats(const Problem& p) {
  return DeltaChunk::floats(p) + (p.dk + kChunk) * padded(p.dv) + 4 * kPad;
}

std::int64_t backward_floats(const Problem& p) {
  const auto kw = padded(p.dk), vw = padded(p.dv);
  return DeltaChunk::floats(p) + (kStateSpacing / kChunk + 2) * p.dk * vw + p.dv * kw +
         kChunk * (2 * vw + 3 * kw + 2 * kChunk) + p.dv * kChunk + 16 * kPad;
}

void forward_head(const Problem& p, const DeltaRuleOut<float>& out, std::int64_t row, std::int64_t head,
                  float* scratch) {
  Carver carver{scratch};
  DeltaChunk delta(p, row, head, carver);
  const auto& chunk = delta.chunk;
  const auto vw = chunk.vw;
  float *state = carver.take(p.dk * vw), *o = carver.take(kChunk * vw);
  const auto index = row * p.h + head, size = p.dk * p.dv;
  load_state(p.initial ? p.initial + index * size : nullptr, p.dk, p.dv, state);
  for (std::int64_t begin = 0; begin < p.t; begin += kChunk) {
    if (out.states && begin % kStateSpacing == 0)
      store_state(state, p.dk, p.dv, out.states + (index * states_kept(p.t) + begin / kStateSpacing) * size);
    delta.load(begin, state);
    product<false>(chunk.n, vw, p.dk, {chunk.queries(), chunk.kw, 1}, state, vw, o, vw);
    product<true>(chunk.n, vw, chunk.n, {chunk.scores, kChunk, 1}, delta.u, vw, o, vw, Part::lower);
    for (std::int64_t i = 0; i < chunk.n; ++i) copy_numbers(1, o + i * vw, out.o.at(row, begin + i, head), p.dv);
    delta.advance(state);
  }
  store_state(state, p.dk, p.dv, out.final_state + index * size);
}

/// Gradients of one head, chunk by chunk from the end.
struct DeltaBackward {
  const Problem& p;
  const DeltaRuleGrad<float>& grad;
  std::int64_t row, head;
  DeltaChunk delta;
  const Chunk& chunk;
  std::int64_t kw, vw;
  float *d_state, *states, *turned;         // [dk, vw], several of those, [dv, kw]
  float *d_o, *du, *dq, *d_late, *d_early;  // tiles; dk of keys that come after, and before, what they meet
  float *e, *f, *u_turned;                  // [chunk, chunk] x 2, [dv, chunk]

  DeltaBackward(const Problem& problem, const DeltaRuleGrad<float>& gradients, std::int64_t of_row,
                std::int64_t of_head, Carver carver)
      : p(problem),
        grad(gradients),
        row(of_row),
        head(of_head),
        delta(p, row, head, carver),
        chunk(delta.chunk),
        kw(chunk.kw),
        vw(chunk.vw) {
    d_state = carver.take(p.dk * vw);
    states = carver.take((kStateSpacing / kChunk + 1) * p.dk * vw);
    turned = carver.take(p.dv * kw);
    d_o = carver.take(kChunk * vw);
    du = carver.take(kChunk * vw);
    for (float** tile : {&dq, &d_late, &d_early}) *tile = carver.take(kChunk * kw);
    e = carver.take(kChunk * kChunk);
    f = carver.take(kChunk * kChunk);
    u_turned = carver.take(p.dv * kChunk);
  }

  float* state(std::int64_t i) const { return states + i * p.dk * vw; }

  void run() {
    const auto index = row * p.h + head, size = p.dk * p.dv;
    load_state(grad.d_final ? grad.d_final + index * size : nullptr, p.dk, p.dv, d_state);
    for (auto kept = states_kept(p.t) - 1; kept >= 0; --kept) {
      const auto begin = kept * kStateSpacing, end = std::min(p.t, begin + kStateSpacing);
      load_state(grad.states + (index * states_kept(p.t) + kept) * size, p.dk, p.dv, states);
      std::int64_t chunks = 0;
      for (auto at = begin; at < end; at += kChunk, ++chunks) {
        std::copy_n(state(chunks), p.dk * vw, state(chunks + 1));
        delta.load(at, state(chunks));
        delta.advance(state(chunks + 1));
      }
      while (chunks-- > 0) step_back(begin + chunks * kChunk, state(chunks), state(chunks + 1));
    }
    if (grad.d_initial) store_state(d_state, p.dk, p.dv, grad.d_initial + index * size);
  }

  void step_back(std::int64_t begin, const float* before, const float* after) {
    delta.load(begin, before, -kChunk);
    const auto n = chunk.n;
    load_tile(grad.d_o, row, head, begin, n, p.dv, 1, d_o, -kChunk, p.t);
    // e: gradients of the scores, before their decay.
    transpose(n, p.dv, delta.u, vw, u_turned, kChunk);
    product<false>(n, n, p.dv, {d_o, vw, 1}, u_turned, kChunk, e, kChunk, Part::lower_result);
    chunk.mask_lower(e);
    product<false>(n, vw, n, {chunk.scores, 1, kChunk}, d_o, vw, du, vw, Part::upper);
    product<true>(n, vw, p.dk, chunk.keys(), d_state, vw, du, vw);
    delta.solve_transposed(du);  // now the gradient of r
    const float state_part = grad.dg.data ? through_state(after) : 0;
    product<false>(n, n, p.dv, {du, vw, 1}, u_turned, kChunk, f, kChunk, Part::lower_result);
    store_dbeta(begin);
    for (std::int64_t i = 0; i < n; ++i) scale_row(delta.beta[i], du + i * vw, du + i * vw, vw);  // of the error, of v
    find_dq_dk(before);
    store(begin, state_part);
    chunk.decay_state(d_state);
    product<true>(p.dk, vw, n, {chunk.queries(), 1, kw}, d_o, vw, d_state, vw);
    for (std::int64_t i = 0; i < n; ++i) scale_row(-1, du + i * vw, du + i * vw, vw);
    product<true>(p.dk, vw, n, {delta.keys_since(), 1, kw}, du, vw, d_state, vw);
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
      *grad.dbeta.at(row, begin + i, head) = dot_row(du + i * vw, delta.error + i * vw, vw) -
                                             dot_row(f + i * kChunk, delta.gram + i * kChunk, padded(i + 1));
    chunk.mask_lower(f);
    for (std::int64_t i = 0; i < n; ++i) scale_row(-delta.beta[i], f + i * kChunk, f + i * kChunk, padded(n));
  }

  /// Here du is the gradient of v.
  void find_dq_dk(const float* before) {
    const auto n = chunk.n;
    transpose(p.dk, p.dv, before, vw, turned, kw);
    product<false>(n, kw, p.dv, {d_o, vw, 1}, turned, kw, dq, kw);
    product<false>(n, kw, p.dv, {du, vw, 1}, turned, kw, d_late, kw);
    transpose(p.dk, p.dv, d_state, vw, turned, kw);
    product<false>(n, kw, p.dv, {delta.u, vw, 1}, turned, kw, d_early, kw);
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

void forward_all(const Problem& p, const DeltaRuleOut<float>& out, float* workspace) {
  const auto floats = forward_floats(p);
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t task = 0; task < p.b * p.h; ++task)
    forward_head(p, out, task / p.h, task % p.h, workspace + omp_get_thread_num() * floats);
}

void backward_all(const Problem& p, const DeltaRuleGrad<float>& grad, float* workspace) {
  const auto floats = backward_floats(p);
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t task = 0; task < p.b * p.h; ++task)
    DeltaBackward(p, grad, task / p.h, task % p.h, Carver{workspace + omp_get_thread_num() * floats}).run();
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(forward_floats);
HWY_EXPORT(backward_floats);
HWY_EXPORT(forward_all);
HWY_EXPORT(backward_all);

std::int64_t delta_rule_workspace(const DeltaRule<float>& p, bool gradient) {
  const auto floats = gradient ? HWY_DYNAMIC_DISPATCH(backward_floats)(p) : HWY_DYNAMIC_DISPATCH(forward_floats)(p);
  return omp_get_max_threads() * floats;
}
void delta_rule(const DeltaRule<float>& p, const DeltaRuleOut<float>& out, float* workspace) {
  HWY_DYNAMIC_DISPATCH(forward_all)(p, out, workspace);
}
void delta_rule_grad(const DeltaRule<float>& p, const DeltaRuleGrad<float>& grad, float* workspace) {
  HWY_DYNAMIC_DISPATCH(backward_all)(p, grad, workspace);
}

}  // namespace longwave::kernels
#endif
