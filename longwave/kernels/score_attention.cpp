#include "longwave/kernels/score_attention.h"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/score_attention.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/dropout-inl.h"
#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/panels-inl.h"
#include "longwave/kernels/tile_product-inl.h"

#ifndef LONGWAVE_KERNELS_SCORE_ATTENTION_SCRATCH
#define LONGWAVE_KERNELS_SCORE_ATTENTION_SCRATCH
namespace longwave::kernels {
namespace {

/// Scratch of one thread: weights of a head before and after dropout, gradients of weights, a right-hand side of any
/// product, and the left-hand side and result of a product that is made transposed.
struct ScoreScratch {
  float *weights, *dropped, *d, *panels, *turned;
  ScoreScratch(const ScoreAttention& a, float* at)
      : weights(at),
        dropped(weights + whole(a.t * a.s)),
        d(dropped + whole(a.t * a.s)),
        panels(d + whole(a.t * a.s)),
        turned(panels + std::max(in_panels(a.s) * a.e, std::max(a.s, a.t) * in_panels(a.e))) {}
};
std::int64_t scratch_of(const ScoreAttention& a) {
  return 3 * whole(a.t * a.s) + std::max(in_panels(a.s) * a.e, std::max(a.s, a.t) * in_panels(a.e)) +
         a.e * (a.t + in_panels(a.s));
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

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
  /// out [s, e] = weights' x, x [t, e] a head of queries. A head narrower than a vector would leave lanes empty, so
  /// that the transpose of it is made: keys along the lanes.
  void to_keys(const float* weights, const float* x, float* out) const {
    const hn::ScalableTag<float> tag;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
    if (a.e >= lanes) {
      pack_panels(rows_of(x, width), a.t, a.e, 0, in_panels(a.e) / kPanel, s.panels);
      product(a.s, a.e, a.t, columns_of(weights, a.s), s.panels, kPanel * a.t, false, out, width);
      return;
    }
    const auto row = in_panels(a.s);
    float* by_key = s.turned + a.e * a.t;  // [e, s]; what lies beyond s is never read
    for (std::int64_t i = 0; i < a.t; ++i)
      for (std::int64_t c = 0; c < a.e; ++c) s.turned[c * a.t + i] = x[i * width + c];
    for (std::int64_t key = 0; key < a.s; key += 4 * lanes)
      tile_product({.rows = a.e,
                    .depth = a.t,
                    .a = s.turned,
                    .a_row = a.t,
                    .a_step = 1,
                    .b = weights + key,
                    .b_step = a.s,
                    .b_vector = lanes,
                    .c = by_key + key,
                    .c_row = row,
                    .accumulate = false},
                   std::min<std::int64_t>(4, (a.s - key + lanes - 1) / lanes));
    for (std::int64_t j = 0; j < a.s; ++j)
      for (std::int64_t c = 0; c < a.e; ++c) out[j * width + c] = by_key[c * row + j];
  }

  /// Row i of the products q k' becomes that of the scores; returns the largest.
  float finish_score_row(float* row, std::int64_t i) const {
    const float* before = a.before ? a.before + scores + i * a.s : nullptr;
    return most_of(a.s, [&](auto tag, std::int64_t j) HWY_ATTR {
      const auto own = hn::Mul(hn::LoadU(tag, row + j), hn::Set(tag, a.scale));
      const auto score = before ? hn::Add(own, hn::LoadU(tag, before + j)) : own;
      hn::StoreU(score, tag, row + j);
      return score;
    });
  }

  /// Row i of the weights, the softmax of `row`, and of the dropped ones (which may be the same memory).
  void weigh_row(const float* row, float most, std::int64_t i, float* dropped) const {
    float* weights = s.weights + i * a.s;
    const float inverse = 1 / sum_of(a.s, [&](auto tag, std::int64_t j) HWY_ATTR {
                            const auto e = fast_exp(tag, hn::Sub(hn::LoadU(tag, row + j), hn::Set(tag, most)));
                            hn::StoreU(e, tag, weights + j);
                            return e;
                          });
    for_lanes(a.s, [&](auto tag, std::int64_t j) HWY_ATTR {
      const auto weight = hn::Mul(hn::LoadU(tag, weights + j), hn::Set(tag, inverse));
      hn::StoreU(weight, tag, weights + j);
      if (!a.dropout.drops()) return;
      hn::StoreU(hn::Mul(weight, dropout_factors(tag, a.dropout, scores + i * a.s + j)), tag, dropped + i * a.s + j);
    });
  }

  void forward(float* y, float* all_scores) const {
    float* own = all_scores ? all_scores + scores : s.weights;
    all_pairs(a.q + queries, a.k + keys, own);
    for (std::int64_t i = 0; i < a.t; ++i) weigh_row(own + i * a.s, finish_score_row(own + i * a.s, i), i, s.weights);
    to_queries(s.weights, a.v + keys, y + queries);
  }

  void backward(const ScoreAttentionGrad& g) const {
    const float* own = g.scores ? g.scores + scores : s.weights;
    const float* dropped = a.dropout.drops() ? s.dropped : s.weights;
    if (!g.scores) all_pairs(a.q + queries, a.k + keys, s.weights);
    for (std::int64_t i = 0; i < a.t; ++i) {
      const float* row = own + i * a.s;
      const float most = g.scores
                             ? most_of(a.s, [&](auto tag, std::int64_t j) HWY_ATTR { return hn::LoadU(tag, row + j); })
                             : finish_score_row(s.weights + i * a.s, i);
      weigh_row(row, most, i, s.dropped);
    }
    to_keys(dropped, g.dy + queries, g.dv + keys);
    all_pairs(g.dy + queries, a.v + keys, s.d);
    for (std::int64_t i = 0; i < a.t; ++i) score_row_grad(g, dropped + i * a.s, i);
    to_queries(s.d, a.k + keys, g.dq + queries);
    to_keys(s.d, a.q + queries, g.dk + keys);
  }

  /// Row i of s.d, the gradient of the dropped weights, becomes that of the product q k'.
  void score_row_grad(const ScoreAttentionGrad& g, const float* dropped, std::int64_t i) const {
    float* d = s.d + i * a.s;
    const float* weights = s.weights + i * a.s;
    const auto at = scores + i * a.s;
    const float centre = dot(d, dropped, a.s);
    for_lanes(a.s, [&](auto tag, std::int64_t j) HWY_ATTR {
      const auto from_weight = hn::Mul(hn::LoadU(tag, d + j), hn::LoadU(tag, dropped + j));
      auto value = hn::NegMulAdd(hn::LoadU(tag, weights + j), hn::Set(tag, centre), from_weight);
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
