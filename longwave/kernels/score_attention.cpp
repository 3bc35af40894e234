#include "longwave/kernels/score_attention.h"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/score_attention.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "longwave/kernels/dropout-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/panels-inl.h"

#ifndef LONGWAVE_KERNELS_SCORE_ATTENTION_SCRATCH
#define LONGWAVE_KERNELS_SCORE_ATTENTION_SCRATCH
namespace longwave::kernels {
namespace {

/// Scratch of one thread: scores, weights and gradients of weights of a head, and a right-hand side of any product.
struct ScoreScratch {
  float *scores, *weights, *d, *panels;
  ScoreScratch(const ScoreAttention& a, float* at)
      : scores(at), weights(at + whole(a.t * a.s)), d(weights + whole(a.t * a.s)), panels(d + whole(a.t * a.s)) {}
};
std::int64_t scratch_of(const ScoreAttention& a) {
  return 3 * whole(a.t * a.s) + std::max(in_panels(a.s) * a.e, std::max(a.s, a.t) * in_panels(a.e));
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// x becomes its softmax.
HWY_INLINE void softmax_row(float* x, std::int64_t n) {
  const float most = *std::max_element(x, x + n);
  for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    hn::StoreU(hn::Exp(tag, hn::Sub(hn::LoadU(tag, x + i), hn::Set(tag, most))), tag, x + i);
  });
  const float inverse = 1 / sum(x, n);
  for_lanes(n, [&](auto tag, std::int64_t i)
                   HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, inverse)), tag, x + i); });
}

/// One head of one row.
struct ScoreHead {
  const ScoreAttention& a;
  const ScoreScratch s;
  std::int64_t width, queries, keys, scores;  // distance of steps; where the head lies in q, in k and v, in the scores

  ScoreHead(const ScoreAttention& attention, std::int64_t item, float* scratch)
      : a(attention),
        s(a, scratch),
        width(a.h * a.e),
        queries(item / a.h * a.t * width + item % a.h * a.e),
        keys(item / a.h * a.s * width + item % a.h * a.e),
        scores(item * a.t * a.s) {}

  /// out [t, s] = x y' over the numbers of a head.
  void all_pairs(const float* x, const float* y, float* out) const {
    pack_panels(columns_of(y, width), a.e, a.s, 0, in_panels(a.s) / kPanel, s.panels);
    product(a.t, a.s, a.e, rows_of(x, width), s.panels, kPanel * a.e, false, out, a.s);
  }
  /// out [t, e] = weights x, x [s, e] a head of keys or values.
  void to_queries(const float* weights, const float* x, float* out) const {
    pack_panels(rows_of(x, width), a.s, a.e, 0, in_panels(a.e) / kPanel, s.panels);
    product(a.t, a.e, a.s, rows_of(weights, a.s), s.panels, kPanel * a.s, false, out, width);
  }
  /// out [s, e] = weights' x, x [t, e] a head of queries.
  void to_keys(const float* weights, const float* x, float* out) const {
    pack_panels(rows_of(x, width), a.t, a.e, 0, in_panels(a.e) / kPanel, s.panels);
    product(a.s, a.e, a.t, columns_of(weights, a.s), s.panels, kPanel * a.t, false, out, width);
  }

  void compute_scores(float* out) const {
    all_pairs(a.q + queries, a.k + keys, out);
    for_lanes(a.t * a.s, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto own = hn::LoadU(tag, out + i), scale = hn::Set(tag, a.scale);
      const auto before = a.before ? hn::LoadU(tag, a.before + scores + i) : hn::Zero(tag);
      hn::StoreU(hn::MulAdd(own, scale, before), tag, out + i);
    });
  }

  /// x times the dropout factors, to `out`.
  void drop(const float* x, float* out) const {
    for_lanes(a.t * a.s, [&](auto tag, std::int64_t i) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), dropout_factors(tag, a.dropout, scores + i)), tag, out + i);
    });
  }

  void forward(float* y, float* all_scores) const {
    compute_scores(s.weights);
    if (all_scores) std::copy_n(s.weights, a.t * a.s, all_scores + scores);
    for (std::int64_t i = 0; i < a.t; ++i) softmax_row(s.weights + i * a.s, a.s);
    if (a.dropout.drops()) drop(s.weights, s.weights);
    to_queries(s.weights, a.v + keys, y + queries);
  }

  void backward(const ScoreAttentionGrad& g) const {
    if (g.scores)
      std::copy_n(g.scores + scores, a.t * a.s, s.weights);
    else
      compute_scores(s.weights);
    for (std::int64_t i = 0; i < a.t; ++i) softmax_row(s.weights + i * a.s, a.s);
    const float* dropped = s.weights;
    if (a.dropout.drops()) drop(dropped, s.scores), dropped = s.scores;
    to_keys(dropped, g.dy + queries, g.dv + keys);
    all_pairs(g.dy + queries, a.v + keys, s.d);
    if (a.dropout.drops()) drop(s.d, s.d);
    for (std::int64_t i = 0; i < a.t; ++i) score_row_grad(g, i);
    to_queries(s.d, a.k + keys, g.dq + queries);
    to_keys(s.d, a.q + queries, g.dk + keys);
  }

  /// Row i of s.d, the gradient of the weights, becomes that of the product q k'.
  void score_row_grad(const ScoreAttentionGrad& g, std::int64_t i) const {
    float* d = s.d + i * a.s;
    const float* weights = s.weights + i * a.s;
    const auto at = scores + i * a.s;
    const float centre = dot(d, weights, a.s);
    for_lanes(a.s, [&](auto tag, std::int64_t j) HWY_ATTR {
      auto value = hn::Mul(hn::LoadU(tag, weights + j), hn::Sub(hn::LoadU(tag, d + j), hn::Set(tag, centre)));
      if (g.dscores) value = hn::Add(value, hn::LoadU(tag, g.dscores + at + j));
      if (g.dbefore) hn::StoreU(value, tag, g.dbefore + at + j);
      hn::StoreU(hn::Mul(value, hn::Set(tag, a.scale)), tag, d + j);
    });
  }
};

void score_attention_all(const ScoreAttention& a, float* y, float* scores, float* workspace) {
#pragma omp parallel for schedule(static)
  for (std::int64_t item = 0; item < a.b * a.h; ++item)
    ScoreHead(a, item, workspace + omp_get_thread_num() * scratch_of(a)).forward(y, scores);
}

void score_attention_grad_all(const ScoreAttention& a, const ScoreAttentionGrad& g, float* workspace) {
#pragma omp parallel for schedule(static)
  for (std::int64_t item = 0; item < a.b * a.h; ++item)
    ScoreHead(a, item, workspace + omp_get_thread_num() * scratch_of(a)).backward(g);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(score_attention_all);
HWY_EXPORT(score_attention_grad_all);

std::int64_t score_attention_workspace(const ScoreAttention& a) { return omp_get_max_threads() * scratch_of(a); }

void score_attention(const ScoreAttention& a, float* y, float* scores, float* workspace) {
  HWY_DYNAMIC_DISPATCH(score_attention_all)(a, y, scores, workspace);
}
void score_attention_grad(const ScoreAttention& a, const ScoreAttentionGrad& g, float* workspace) {
  HWY_DYNAMIC_DISPATCH(score_attention_grad_all)(a, g, workspace);
}

}  // namespace longwave::kernels
#endif
