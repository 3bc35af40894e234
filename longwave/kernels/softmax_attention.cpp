#include "longwave/kernels/softmax_attention.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/softmax_attention.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/tile_product-inl.h"

#ifndef LONGWAVE_KERNELS_SOFTMAX_ATTENTION_SHAPE
#define LONGWAVE_KERNELS_SOFTMAX_ATTENTION_SHAPE
namespace longwave::kernels {
namespace {

using Attention = SoftmaxAttention<float>;

// Scores are kept transposed, a tile of keys by queries: queries lie along the lanes, so that the softmax of all of a
// tile's queries runs without sums across lanes, and a masked key is a row that is skipped.
constexpr std::int64_t kQueries = 64, kKeys = 96;  // of a tile
constexpr std::int64_t kItemQueries = 512;         // of a forward work item
constexpr std::int64_t kFewQueries = 8;            // with so few most lanes of a tile would be idle
constexpr std::int64_t kMostLanes = 16;
constexpr float kNone = -std::numeric_limits<float>::infinity();

std::int64_t padded(std::int64_t n) { return (n + kMostLanes - 1) / kMostLanes * kMostLanes; }
std::int64_t blocks_of(std::int64_t n, std::int64_t size) { return (n + size - 1) / size; }

/// Floats of a forward work item: keys and values of its head; queries of a tile transposed, scores, outputs, and a
/// maximum, a sum and a factor for each query.
std::int64_t forward_scratch(const Attention& a) {
  if (a.t <= kFewQueries) return padded(a.s);
  return padded(a.s * (a.d + padded(a.e)) + kQueries * (a.d + kKeys + padded(a.e) + 3));
}
/// Of a backward one: keys and values, queries and output gradients of the head (those twice, the second time
/// transposed), gradients of queries, log-sum-exp and delta; gradients of a tile of keys and values, and two tiles.
std::int64_t backward_scratch(const SoftmaxAttentionGrad<float>& g) {
  const auto& a = g.forward;
  const auto queries = blocks_of(a.t, kQueries) * kQueries;
  return padded(a.s * (padded(a.d) + a.e) + queries * (3 * padded(a.d) + 2 * padded(a.e) + 2) +
                kKeys * (padded(a.d) + padded(a.e) + 2 * kQueries));
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

const hn::ScalableTag<float> kTag;
using V = hn::Vec<decltype(kTag)>;

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(kTag)); }

/// Columns `n` wide of c = (or +=) a b, four vectors of columns at a time. b and c have padded columns.
void wide_product(TileProduct p, std::int64_t n) {
  const auto wide = 4 * lanes();
  p.b_vector = lanes();
  for (std::int64_t column = 0; column < n; column += wide) {
    tile_product(p, std::min<std::int64_t>(4, (n - column + lanes() - 1) / lanes()));
    p.b += wide, p.c += wide;
  }
}

/// Copies rows n wide, `step` apart, to rows `to_step` apart, times a factor; what is left of those is zero.
void copy_rows(const float* from, std::int64_t step, std::int64_t rows, std::int64_t n, float factor, float* to,
               std::int64_t to_step) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < n; ++i) to[row * to_step + i] = factor * from[row * step + i];
    std::fill_n(to + row * to_step + n, to_step - n, 0.0f);
  }
}

/// The transpose of at most kQueries rows n wide as n rows of kQueries; columns beyond `rows` are zero.
void transpose_rows(const float* from, std::int64_t step, std::int64_t rows, std::int64_t n, float factor, float* to) {
  if (rows < kQueries) std::fill_n(to, n * kQueries, 0.0f);
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < n; ++i) to[i * kQueries + row] = factor * from[row * step + i];
}

/// One row of a batch and one query head.
struct Head {
  const Attention& a;
  std::int64_t row, head;
  std::int64_t key_head = head / (a.heads / a.key_heads);

  const float* q(std::int64_t i) const { return a.q + row * a.q_row + i * a.q_step + head * a.d; }
  const float* k(std::int64_t j) const { return a.k + row * a.k_row + j * a.k_step + key_head * a.d; }
  const float* v(std::int64_t j) const { return a.v + row * a.v_row + j * a.v_step + key_head * a.e; }
  float* y(std::int64_t i) const { return a.y + ((row * a.t + i) * a.heads + head) * a.e; }
  float* lse() const { return a.lse + (row * a.heads + head) * a.t; }
  /// Keys that query i sees, without the mask.
  std::int64_t visible(std::int64_t i) const {
    if (!a.causal) return a.s;
    return std::clamp<std::int64_t>(place(i) + 1, 0, a.s);
  }
  /// Place of query i among the keys.
  std::int64_t place(std::int64_t i) const { return (a.offsets ? a.offsets[row] : 0) + i; }
  bool exists(std::int64_t key) const { return !a.key_mask || a.key_mask[row * a.s + key]; }
  /// Position of the first query among the keys; far beyond them if all keys are visible.
  std::int64_t first_position() const { return a.causal ? place(0) : a.s; }
};

/// Takes slope |place - key| off a tile of scores [keys, kQueries], where there are slopes.
void subtract_distances(const Head& head, std::int64_t first_key, std::int64_t keys, std::int64_t first_query,
                        float* tile) {
  if (!head.a.slopes) return;
  const auto slope = hn::Set(kTag, head.a.slopes[head.head]);
  for (std::int64_t j = 0; j < keys; ++j)
    for (std::int64_t v = 0; v < kQueries; v += lanes()) {
      const auto ahead = static_cast<float>(head.place(first_query + v) - first_key - j);
      const auto distance = hn::Abs(hn::Iota(kTag, ahead));
      const auto at = tile + j * kQueries + v;
      hn::Store(hn::NegMulAdd(slope, distance, hn::Load(kTag, at)), kTag, at);
    }
}

/// Of queries `first` to first + kQueries, those that see the key, as lanes of vector v of the tile.
HWY_INLINE hn::Mask<decltype(kTag)> sees(const Head& head, std::int64_t key, std::int64_t first, std::int64_t v) {
  const auto behind = std::clamp<std::int64_t>(key - head.first_position() - first - v * lanes(), -1, lanes());
  return hn::Ge(hn::Iota(kTag, 0), hn::Set(kTag, static_cast<float>(behind)));
}

/// Is a tile of scores cut by the causal diagonal?
bool is_cut(const Head& head, std::int64_t last_key, std::int64_t first_query) {
  return last_key > head.first_position() + first_query;
}

// --- forward

/// Running softmax of a tile of queries: m the largest score so far, l the sum of e^(score - m).
struct Running {
  float *m, *l, *factor;
};

/// Turns a tile of scores [keys, kQueries] into weights e^(score - m) with the new m; factor: e^(old m - new m).
void update_softmax(const Head& head, std::int64_t first_key, std::int64_t keys, std::int64_t first_query, float* tile,
                    const Running& r) {
  const bool cut = is_cut(head, first_key + keys - 1, first_query);
  const auto none = hn::Set(kTag, kNone);
  const auto score = [&](std::int64_t j, std::int64_t v) HWY_ATTR {
    const auto x = hn::Load(kTag, tile + j * kQueries + v * lanes());
    return cut ? hn::IfThenElse(sees(head, first_key + j, first_query, v), x, none) : x;
  };
  for (std::int64_t v = 0; v < kQueries / lanes(); ++v) {
    const auto old = hn::Load(kTag, r.m + v * lanes());
    auto largest = old;
    for (std::int64_t j = 0; j < keys; ++j)
      if (head.exists(first_key + j)) largest = hn::Max(largest, score(j, v));
    // Queries that have seen nothing: any finite maximum will do.
    const auto base = hn::IfThenElse(hn::Eq(largest, none), hn::Zero(kTag), largest);
    auto sum = hn::Zero(kTag);
    for (std::int64_t j = 0; j < keys; ++j) {
      auto weight = hn::Zero(kTag);
      if (head.exists(first_key + j)) {
        weight = fast_exp(kTag, hn::Sub(score(j, v), base));
        if (cut) weight = hn::IfThenElseZero(sees(head, first_key + j, first_query, v), weight);
      }
      hn::Store(weight, kTag, tile + j * kQueries + v * lanes());
      sum = hn::Add(sum, weight);
    }
    const auto factor = hn::IfThenElseZero(hn::Gt(old, none), fast_exp(kTag, hn::Sub(old, base)));
    hn::Store(largest, kTag, r.m + v * lanes());
    hn::Store(hn::MulAdd(hn::Load(kTag, r.l + v * lanes()), factor, sum), kTag, r.l + v * lanes());
    hn::Store(factor, kTag, r.factor + v * lanes());
  }
}

void scale_row(float factor, float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += lanes())
    hn::StoreU(hn::Mul(hn::LoadU(kTag, x + i), hn::Set(kTag, factor)), kTag, x + i);
}

/// One tile of queries against all keys. k [s, d], v [s, padded e]: contiguous copies.
void attend(const Head& head, std::int64_t first, const float* k, const float* v, float* scratch) {
  const auto& a = head.a;
  const auto queries = std::min(kQueries, a.t - first), wide = padded(a.e);
  float *tile = scratch, *out = tile + kKeys * kQueries, *q = out + kQueries * wide;
  const Running r{q + a.d * kQueries, q + (a.d + 1) * kQueries, q + (a.d + 2) * kQueries};
  transpose_rows(head.q(first), a.q_step, queries, a.d, a.scale, q);
  std::fill_n(out, kQueries * wide, 0.0f);
  std::fill_n(r.m, kQueries, kNone);
  std::fill_n(r.l, kQueries, 0.0f);
  const auto seen = head.visible(first + queries - 1);
  for (std::int64_t key = 0; key < seen; key += kKeys) {
    const auto keys = std::min(kKeys, seen - key);
    wide_product({.rows = keys,
                  .depth = a.d,
                  .a = k + key * a.d,
                  .a_row = a.d,
                  .a_step = 1,
                  .b = q,
                  .b_step = kQueries,
                  .b_vector = 0,
                  .c = tile,
                  .c_row = kQueries,
                  .accumulate = false},
                 kQueries);
    subtract_distances(head, key, keys, first, tile);
    update_softmax(head, key, keys, first, tile, r);
    for (std::int64_t i = 0; key > 0 && i < queries; ++i)
      if (r.factor[i] != 1) scale_row(r.factor[i], out + i * wide, wide);
    wide_product({.rows = queries,
                  .depth = keys,
                  .a = tile,
                  .a_row = 1,
                  .a_step = kQueries,
                  .b = v + key * wide,
                  .b_step = wide,
                  .b_vector = 0,
                  .c = out,
                  .c_row = wide,
                  .accumulate = true},
                 wide);
  }
  for (std::int64_t i = 0; i < queries; ++i) {
    const float sum = r.l[i];
    head.lse()[first + i] = sum > 0 || std::isnan(sum) ? r.m[i] + std::log(sum) : kNone;
    scale_row(sum == 0 ? 0 : 1 / sum, out + i * wide, wide);
    std::copy_n(out + i * wide, a.e, head.y(first + i));
  }
}

/// One query, as a step of a stream has: reads keys and values once, where they lie. weights: [s].
void attend_alone(const Head& head, std::int64_t i, float* weights) {
  const auto& a = head.a;
  const auto seen = head.visible(i);
  const float* q = head.q(i);
  float largest = kNone;
  for (std::int64_t j = 0; j < seen; ++j) {
    weights[j] = 0;
    if (!head.exists(j)) continue;
    const float* k = head.k(j);
    weights[j] = a.scale * sum_of(a.d, [&](auto tag, std::int64_t at) HWY_ATTR {
                   return hn::Mul(hn::LoadU(tag, q + at), hn::LoadU(tag, k + at));
                 });
    if (a.slopes) weights[j] -= a.slopes[head.head] * static_cast<float>(std::abs(head.place(i) - j));
    largest = std::max(largest, weights[j]);
  }
  const float base = largest == kNone ? 0 : largest;
  for_lanes(seen, [&](auto tag, std::int64_t j) HWY_ATTR {
    hn::StoreU(fast_exp(tag, hn::Sub(hn::LoadU(tag, weights + j), hn::Set(tag, base))), tag, weights + j);
  });
  float sum = 0, *y = head.y(i);
  std::fill_n(y, a.e, 0.0f);
  for (std::int64_t j = 0; j < seen; ++j) {
    if (!head.exists(j)) continue;
    sum += weights[j];
    const float* v = head.v(j);
    for_lanes(a.e, [&](auto tag, std::int64_t at) HWY_ATTR {
      const auto added = hn::MulAdd(hn::Set(tag, weights[j]), hn::LoadU(tag, v + at), hn::LoadU(tag, y + at));
      hn::StoreU(added, tag, y + at);
    });
  }
  head.lse()[i] = sum > 0 || std::isnan(sum) ? base + std::log(sum) : kNone;
  const float inverse = sum == 0 ? 0 : 1 / sum;
  for_lanes(a.e, [&](auto tag, std::int64_t at)
                     HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, y + at), hn::Set(tag, inverse)), tag, y + at); });
}

void forward_item(const Head& head, std::int64_t first, float* scratch) {
  const auto& a = head.a;
  const auto end = std::min(a.t, first + kItemQueries), seen = head.visible(end - 1);
  if (a.t <= kFewQueries) {
    for (auto query = first; query < end; ++query) attend_alone(head, query, scratch);
    return;
  }
  float *tiles = scratch, *v = scratch + kQueries * (a.d + kKeys + padded(a.e) + 3), *k = v + a.s * padded(a.e);
  copy_rows(head.k(0), a.k_step, seen, a.d, 1, k, a.d);
  copy_rows(head.v(0), a.v_step, seen, a.e, 1, v, padded(a.e));
  for (auto query = first; query < end; query += kQueries) attend(head, query, k, v, tiles);
}

// --- backward

/// What a backward work item holds of its head.
struct HeadCopies {
  float *k, *v;                 // [s, padded d], [s, e]
  float *q, *dy, *dq;           // [queries, padded d], [queries, padded e], [queries, padded d]
  float *q_turned, *dy_turned;  // by tiles of queries: [d, kQueries], [e, kQueries]
  float *lse, *delta;           // [queries]
  float *dk, *dv;               // [kKeys, padded d], [kKeys, padded e]
  float *weights, *dscores;     // [kKeys, kQueries]

  HeadCopies(const Attention& a, float* at) {
    const auto queries = blocks_of(a.t, kQueries) * kQueries, d = padded(a.d), e = padded(a.e);
    const auto take = [&](std::int64_t n) {
      float* here = at;
      at += n;
      return here;
    };
    weights = take(kKeys * kQueries), dscores = take(kKeys * kQueries);
    dk = take(kKeys * d), dv = take(kKeys * e);
    q = take(queries * d), dy = take(queries * e), dq = take(queries * d);
    q_turned = take(queries * d), dy_turned = take(queries * e);
    lse = take(queries), delta = take(queries);
    k = take(a.s * d), v = take(a.s * a.e);
  }
};

float dot_product(const float* x, const float* y, std::int64_t n) {
  auto sum = hn::Zero(kTag);
  std::int64_t i = 0;
  for (; i + lanes() <= n; i += lanes()) sum = hn::MulAdd(hn::LoadU(kTag, x + i), hn::LoadU(kTag, y + i), sum);
  float total = hn::GetLane(hn::SumOfLanes(kTag, sum));
  for (; i < n; ++i) total += x[i] * y[i];
  return total;
}

void copy_head(const SoftmaxAttentionGrad<float>& g, const Head& head, const HeadCopies& c) {
  const auto& a = head.a;
  const auto queries = blocks_of(a.t, kQueries) * kQueries, d = padded(a.d), e = padded(a.e);
  const float* dy = g.dy + ((head.row * a.t) * a.heads + head.head) * a.e;
  const auto dy_step = a.heads * a.e;
  copy_rows(head.k(0), a.k_step, a.s, a.d, 1, c.k, d);
  copy_rows(head.v(0), a.v_step, a.s, a.e, 1, c.v, a.e);
  copy_rows(head.q(0), a.q_step, a.t, a.d, a.scale, c.q, d);
  copy_rows(dy, dy_step, a.t, a.e, 1, c.dy, e);
  std::fill_n(c.q + a.t * d, (queries - a.t) * d, 0.0f);
  std::fill_n(c.dy + a.t * e, (queries - a.t) * e, 0.0f);
  std::fill_n(c.dq, queries * d, 0.0f);
  for (std::int64_t first = 0; first < a.t; first += kQueries) {
    transpose_rows(c.q + first * d, d, kQueries, a.d, 1, c.q_turned + first * d);
    transpose_rows(c.dy + first * e, e, kQueries, a.e, 1, c.dy_turned + first * e);
  }
  const auto dlse = g.dlse ? g.dlse + (head.row * a.heads + head.head) * a.t : nullptr;
  for (std::int64_t i = 0; i < queries; ++i) {
    // Queries that see nothing have no weights to recompute; any finite number will do.
    c.lse[i] = i < a.t && head.lse()[i] != kNone ? head.lse()[i] : 0;
    c.delta[i] = i < a.t ? dot_product(dy + i * dy_step, head.y(i), a.e) - (dlse ? dlse[i] : 0) : 0;
  }
}

/// From scores and gradients of weights, both [keys, kQueries], to weights and gradients of scores.
void weigh(const Head& head, std::int64_t first_key, std::int64_t keys, std::int64_t first_query, const HeadCopies& c) {
  const bool cut = is_cut(head, first_key + keys - 1, first_query);
  for (std::int64_t j = 0; j < keys; ++j) {
    const bool exists = head.exists(first_key + j);
    for (std::int64_t v = 0; v < kQueries / lanes(); ++v) {
      float* weights = c.weights + j * kQueries + v * lanes();
      float* dscores = c.dscores + j * kQueries + v * lanes();
      const auto query = first_query + v * lanes();
      auto weight = hn::Zero(kTag);
      if (exists) weight = fast_exp(kTag, hn::Sub(hn::Load(kTag, weights), hn::LoadU(kTag, c.lse + query)));
      if (exists && cut) weight = hn::IfThenElseZero(sees(head, first_key + j, first_query, v), weight);
      const auto dweight = hn::Sub(hn::Load(kTag, dscores), hn::LoadU(kTag, c.delta + query));
      hn::Store(weight, kTag, weights);
      hn::Store(hn::Mul(weight, dweight), kTag, dscores);
    }
  }
}

/// One tile of keys against one tile of queries.
void tile_gradients(const Head& head, std::int64_t key, std::int64_t keys, std::int64_t query, const HeadCopies& c) {
  const auto& a = head.a;
  const auto d = padded(a.d), e = padded(a.e);
  const auto scores = [&](const float* by_key, std::int64_t depth, std::int64_t step, const float* turned, float* to) {
    wide_product({.rows = keys,
                  .depth = depth,
                  .a = by_key,
                  .a_row = step,
                  .a_step = 1,
                  .b = turned,
                  .b_step = kQueries,
                  .b_vector = 0,
                  .c = to,
                  .c_row = kQueries,
                  .accumulate = false},
                 kQueries);
  };
  scores(c.k + key * d, a.d, d, c.q_turned + query * d, c.weights);
  subtract_distances(head, key, keys, query, c.weights);
  scores(c.v + key * a.e, a.e, a.e, c.dy_turned + query * e, c.dscores);
  weigh(head, key, keys, query, c);
  const auto by_key = [&](const float* tile, const float* by_query, std::int64_t wide, float* to) {
    wide_product({.rows = keys,
                  .depth = std::min(kQueries, a.t - query),
                  .a = tile,
                  .a_row = kQueries,
                  .a_step = 1,
                  .b = by_query + query * wide,
                  .b_step = wide,
                  .b_vector = 0,
                  .c = to,
                  .c_row = wide,
                  .accumulate = true},
                 wide);
  };
  by_key(c.weights, c.dy, e, c.dv);
  by_key(c.dscores, c.q, d, c.dk);
  wide_product({.rows = std::min(kQueries, a.t - query),
                .depth = keys,
                .a = c.dscores,
                .a_row = 1,
                .a_step = kQueries,
                .b = c.k + key * d,
                .b_step = d,
                .b_vector = 0,
                .c = c.dq + query * d,
                .c_row = d,
                .accumulate = true},
               d);
}

/// First query, in whole tiles, that sees the key.
std::int64_t first_tile_that_sees(const Head& head, std::int64_t key) {
  return std::clamp<std::int64_t>(key - head.first_position(), 0, head.a.t) / kQueries * kQueries;
}

/// to = factor from, or to += factor from, n numbers of each row.
void write_rows(const float* from, std::int64_t step, std::int64_t rows, std::int64_t n, float factor, bool add,
                float* to, std::int64_t to_step) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < n; ++i)
      to[row * to_step + i] = factor * from[row * step + i] + (add ? to[row * to_step + i] : 0.0f);
}

/// All gradients of one query head; those of keys and values are added if it is not the first of its group.
void head_gradients(const SoftmaxAttentionGrad<float>& g, const Head& head, bool add, float* scratch) {
  const auto& a = head.a;
  const auto d = padded(a.d), e = padded(a.e);
  const HeadCopies c(a, scratch);
  copy_head(g, head, c);
  for (std::int64_t key = 0; key < a.s; key += kKeys) {
    const auto keys = std::min(kKeys, a.s - key);
    std::fill_n(c.dk, keys * d, 0.0f);
    std::fill_n(c.dv, keys * e, 0.0f);
    for (auto query = first_tile_that_sees(head, key); query < a.t; query += kQueries)
      tile_gradients(head, key, keys, query, c);
    const auto at = (head.row * a.s + key) * a.key_heads + head.key_head;
    write_rows(c.dk, d, keys, a.d, 1, add, g.dk + at * a.d, a.key_heads * a.d);
    write_rows(c.dv, e, keys, a.e, 1, add, g.dv + at * a.e, a.key_heads * a.e);
  }
  write_rows(c.dq, d, a.t, a.d, a.scale, false, g.dq + (head.row * a.t * a.heads + head.head) * a.d, a.heads * a.d);
}

}  // namespace

void softmax_attention_all(const Attention& a, float* workspace) {
  const auto items = blocks_of(a.t, kItemQueries), heads = a.b * a.heads;
  constexpr std::int64_t kWorthThreads = 1 << 16;
#pragma omp parallel for schedule(dynamic) if (heads * a.t * a.s * (a.d + a.e) > kWorthThreads)
  for (std::int64_t i = 0; i < heads * items; ++i) {
    // The longest first: the last queries see the most keys.
    const auto head = i % heads, item = items - 1 - i / heads;
    forward_item({a, head / a.heads, head % a.heads}, item * kItemQueries,
                 workspace + omp_get_thread_num() * forward_scratch(a));
  }
}

void softmax_attention_grad_all(const SoftmaxAttentionGrad<float>& g, float* workspace) {
  const auto& a = g.forward;
  const auto group = a.heads / a.key_heads;
  constexpr std::int64_t kWorthThreads = 1 << 15;
#pragma omp parallel for schedule(dynamic) if (a.b * a.heads * a.t * a.s * (a.d + a.e) > kWorthThreads)
  for (std::int64_t i = 0; i < a.b * a.key_heads; ++i)
    for (std::int64_t member = 0; member < group; ++member)
      head_gradients(g, {a, i / a.key_heads, i % a.key_heads * group + member}, member > 0,
                     workspace + omp_get_thread_num() * backward_scratch(g));
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(softmax_attention_all);
HWY_EXPORT(softmax_attention_grad_all);

std::int64_t softmax_attention_workspace(const Attention& a) { return omp_get_max_threads() * forward_scratch(a); }
void softmax_attention(const Attention& a, float* workspace) {
  HWY_DYNAMIC_DISPATCH(softmax_attention_all)(a, workspace);
}

std::int64_t softmax_attention_grad_workspace(const SoftmaxAttentionGrad<float>& g) {
  return omp_get_max_threads() * backward_scratch(g);
}
void softmax_attention_grad(const SoftmaxAttentionGrad<float>& g, float* workspace) {
  HWY_DYNAMIC_DISPATCH(softmax_attention_grad_all)(g, workspace);
}

}  // namespace longwave::kernels
#endif
