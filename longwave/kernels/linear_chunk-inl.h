// Included once per instruction set, after highway.h: no include guard of its own.
// One chunk of gated linear attention: inputs as tiles, decays, and the lower triangular scores. What its rules share.
#if defined(LONGWAVE_KERNELS_LINEAR_CHUNK_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_LINEAR_CHUNK_INL_H
#undef LONGWAVE_KERNELS_LINEAR_CHUNK_INL_H
#else
#define LONGWAVE_KERNELS_LINEAR_CHUNK_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/contrib/math/math-inl.h>

#include "longwave/kernels/gated_linear_attention.h"
#include "longwave/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Hands out parts of one piece of scratch memory.
struct Carver {
  float* next;
  float* take(std::int64_t floats) {
    float* part = next;
    next += padded(floats);
    return part;
  }
};

/// y = exp(x) over a padded row; hn::Exp by itself takes a NaN to 0, and what overflows to anything.
HWY_INLINE void exp_row(const float* x, float* y, std::int64_t n) {
  constexpr float kOverflows = 100;
  for_padded(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto from = hn::LoadU(tag, x + i);
    const auto power = hn::Exp(tag, hn::Min(from, hn::Set(tag, kOverflows)));
    hn::StoreU(hn::IfThenElse(hn::IsNaN(from), from, power), tag, y + i);
  });
}

/// Copies n vectors of `width` numbers into a tile with padded rows (zeros), times `factor`, and fetches those `ahead`
/// steps further on, where they exist among t: steps lie far apart, which hardware does not foresee.
HWY_INLINE void load_tile(const HeadVectors<const float>& x, std::int64_t row, std::int64_t head, std::int64_t begin,
                          std::int64_t n, std::int64_t width, float factor, float* tile, std::int64_t ahead,
                          std::int64_t t) {
  const auto stride = padded(width);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto later = begin + i + ahead;
    if (later >= 0 && later < t)
      for (std::int64_t j = 0; j < width; j += kPad) hwy::Prefetch(x.at(row, later, head) + j);
    copy_padded(factor, x.at(row, begin + i, head), tile + i * stride, width);
  }
}

HWY_INLINE void load_state(const float* from, std::int64_t dk, std::int64_t dv, float* tile) {
  if (!from) return static_cast<void>(std::fill_n(tile, dk * padded(dv), 0.0f));
  for (std::int64_t i = 0; i < dk; ++i) copy_padded(1, from + i * dv, tile + i * padded(dv), dv);
}

HWY_INLINE void store_state(const float* tile, std::int64_t dk, std::int64_t dv, float* to) {
  for (std::int64_t i = 0; i < dk; ++i) copy_numbers(1, tile + i * padded(dv), to + i * dv, dv);
}

/// Tiles of one chunk of one head. Every decay is that of the steps between two places, never a quotient of decays
/// since the chunk began: where all exponents are <= 0 nothing overflows, and where some are above, only what truly
/// does.
struct Chunk {
  const GatedLinearAttention<float>& p;
  std::int64_t row, head;
  bool by_channel;      // decays differ between channels, or there is a bonus: see below
  std::int64_t kw, vw;  // padded widths
  float *q, *k, *v;     // [chunk, kw], [chunk, kw], [chunk, vw]; q is scaled
  float *q_hat,
      *k_hat;       // q decayed since the chunk began; k decayed until it ends (by channel: [dk, chunk], transposed)
  float* scores;    // [chunk, chunk], lower triangular
  float* k_turned;  // [dk, chunk]
  float* whole;     // [kw] decay of the whole chunk
  // One decay per head: its sums and mask. By channel: decays and their products in blocks.
  float *mask, *since, *until;  // [chunk, chunk], [chunk], [chunk]
  double sums[kChunk];
  float *w, *block_since, *block_until, *blocks;  // [chunk, kw] x 3, [chunk / block, kw]
  float* fading;                                  // [block, kw]
  bool mask_ready = false;
  std::int64_t begin = 0, n = 0;

  static std::int64_t floats(const GatedLinearAttention<float>& p) {
    const auto kw = padded(p.dk), vw = padded(p.dv);
    return kChunk * (8 * kw + vw + 2 * kChunk + 3) + 2 * p.dk * kChunk + (kChunk / kBlock + kBlock + 1) * kw +
           16 * kPad;
  }

  Chunk(const GatedLinearAttention<float>& problem, std::int64_t of_row, std::int64_t of_head, Carver& scratch)
      : p(problem), row(of_row), head(of_head), by_channel(p.per_channel || p.u), kw(padded(p.dk)), vw(padded(p.dv)) {
    for (float** tile : {&q, &k, &q_hat, &w, &block_since, &block_until}) *tile = scratch.take(kChunk * kw);
    v = scratch.take(kChunk * vw);
    k_hat = scratch.take(std::max(kChunk * kw, p.dk * kChunk));
    scores = scratch.take(kChunk * kChunk);
    mask = scratch.take(kChunk * kChunk);
    k_turned = scratch.take(p.dk * kChunk);
    whole = scratch.take(kw);
    for (float** vector : {&since, &until}) *vector = scratch.take(kChunk);
    blocks = scratch.take(kChunk / kBlock * kw);
    fading = scratch.take(kBlock * kw);
  }

  bool decays() const { return p.g.data != nullptr; }

  /// `ahead`: where the next chunk to be loaded begins, relative to this one.
  void load(std::int64_t first, bool with_queries, std::int64_t ahead = kChunk) {
    begin = first;
    n = std::min(kChunk, p.t - first);
    if (with_queries) load_tile(p.q, row, head, begin, n, p.dk, p.scale, q, ahead, p.t);
    load_tile(p.k, row, head, begin, n, p.dk, 1, k, ahead, p.t);
    load_tile(p.v, row, head, begin, n, p.dv, 1, v, ahead, p.t);
    if (by_channel)
      load_channel_decays(with_queries);
    else
      load_head_decay(with_queries);
  }

  // --- one decay per head, or none

  void load_head_decay(bool with_queries) {
    if (!decays()) return;
    if (begin == 0 || p.g.step_stride != 0 || n < kChunk || !mask_ready) find_head_decay();
    for (std::int64_t i = 0; i < n; ++i) scale_row(until[i], k + i * kw, k_hat + i * kw, kw);
    if (with_queries)
      for (std::int64_t i = 0; i < n; ++i) scale_row(since[i], q + i * kw, q_hat + i * kw, kw);
  }

  void find_head_decay() {
    // Sums in double: a step that forgets nearly everything must not round away what the others keep.
    constexpr float kNothing = -200;  // exp of it is 0 in float
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sums[i] = sum += std::max(*p.g.at(row, begin + i, head), kNothing);
    std::fill(sums + n, sums + padded(n), sum);
    for (std::int64_t i = 0; i < padded(n); ++i) {
      since[i] = static_cast<float>(sums[i]);
      until[i] = static_cast<float>(sum - sums[i]);
    }
    exp_row(since, since, n);
    exp_row(until, until, n);
    std::fill_n(whole, kw, since[n - 1]);
    for (std::int64_t i = 0; i < n; ++i) {
      float* to = mask + i * kChunk;
      differences(sums[i], padded(i + 1), to);
      exp_row(to, to, i + 1);
    }
    mask_ready = n == kChunk;
  }

  /// to[j] = sum - sums[j]; `count` is a padded one, and what it has above the diagonal is for mask_lower to drop.
  void differences(double sum, std::int64_t count, float* to) const {
    const hn::ScalableTag<double> tag;
    const hn::Rebind<float, decltype(tag)> narrow;
    const auto from = hn::Set(tag, sum);
    for (std::int64_t j = 0; j < count; j += static_cast<std::int64_t>(hn::Lanes(tag))) {
      hn::StoreU(hn::DemoteTo(narrow, hn::Sub(from, hn::LoadU(tag, sums + j))), narrow, to + j);
    }
  }

  /// x [n, chunk], times the decay between the two steps; zeros above the diagonal.
  void mask_lower(float* x) const {
    const TileTag tag;
    const hn::RebindToSigned<TileTag> places;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
    const bool decayed = !by_channel && decays();
    for (std::int64_t i = 0; i < n; ++i) {
      float* to = x + i * kChunk;
      const auto end = hn::Set(places, static_cast<std::int32_t>(i + 1));
      std::int64_t j = 0;
      for (; j <= i; j += lanes) {
        const auto seen = hn::RebindMask(tag, hn::Lt(hn::Iota(places, static_cast<std::int32_t>(j)), end));
        auto value = hn::LoadU(tag, to + j);
        if (decayed) value = hn::Mul(value, hn::LoadU(tag, mask + i * kChunk + j));
        hn::StoreU(hn::IfThenElseZero(seen, value), tag, to + j);
      }
      for (; j < padded(n); j += lanes) hn::StoreU(hn::Zero(tag), tag, to + j);
    }
  }

  // --- one decay per channel

  std::int64_t block_count() const { return (n + kBlock - 1) / kBlock; }
  std::int64_t block_end(std::int64_t block) const { return std::min(n, (block + 1) * kBlock); }

  void load_channel_decays(bool with_queries) {
    if (p.per_channel) {
      load_tile(p.g, row, head, begin, n, p.dk, 1, w, kChunk, p.t);
    } else {
      for (std::int64_t i = 0; i < n; ++i) std::fill_n(w + i * kw, kw, decays() ? *p.g.at(row, begin + i, head) : 0.0f);
    }
    for (std::int64_t i = 0; i < n; ++i) exp_row(w + i * kw, w + i * kw, kw);
    std::fill_n(whole, kw, 1.0f);
    for (std::int64_t block = 0; block < block_count(); ++block) find_block_decays(block, with_queries);
    fade_keys();
  }

  /// block_since: products of w since the block began, up to the step (or with a bonus, to the one before it);
  /// block_until: those of the steps behind it in the block.
  void find_block_decays(std::int64_t block, bool with_queries) {
    const auto first = block * kBlock, end = block_end(block);
    float* product = blocks + block * kw;
    std::fill_n(product, kw, 1.0f);
    for (auto i = end - 1; i >= first; --i) {
      std::copy_n(product, kw, block_until + i * kw);
      multiply_row(product, w + i * kw, product, kw);
    }
    for (auto i = first; i < end; ++i) {
      float* to = block_since + i * kw;
      if (i == first)
        std::fill_n(to, kw, 1.0f);
      else
        multiply_row(to - kw, w + (p.u ? i - 1 : i) * kw, to, kw);
      if (i == first && !p.u) std::copy_n(w + i * kw, kw, to);
      if (with_queries) {
        multiply_row(q + i * kw, to, q_hat + i * kw, kw);
        multiply_row(q_hat + i * kw, whole, q_hat + i * kw, kw);
      }
    }
    multiply_row(whole, product, whole, kw);
  }

  /// k_hat [dk, chunk]: keys decayed until the chunk ends.
  void fade_keys() {
    transpose(n, p.dk, k, kw, k_hat, kChunk);
    transpose(n, p.dk, block_until, kw, k_turned, kChunk);
    for (std::int64_t c = 0; c < p.dk; ++c) {
      float* keys = k_hat + c * kChunk;
      multiply_row(keys, k_turned + c * kChunk, keys, padded(n));
      float factor = 1;
      for (auto block = block_count() - 1; block >= 0; --block) {
        if (factor != 1) scale_row(factor, keys + block * kBlock, keys + block * kBlock, kBlock);
        factor *= blocks[block * kw + c];
      }
    }
  }

  /// Keys of the blocks before `block`, decayed until it begins: from those decayed until the block before it began.
  void fade_turned_keys(std::int64_t block) {
    const auto last = block - 1;
    for (std::int64_t c = 0; c < p.dk; ++c) {
      float* keys = k_turned + c * kChunk;
      if (last > 0) scale_row(blocks[last * kw + c], keys, keys, last * kBlock);
    }
    for (auto i = last * kBlock; i < block * kBlock; ++i)
      for (std::int64_t c = 0; c < p.dk; ++c) k_turned[c * kChunk + i] = k[i * kw + c] * block_until[i * kw + c];
  }

  /// Scores within a block, and with e (gradients of the scores) the part of dq that comes from there.
  void block_scores(std::int64_t block, const float* e, float* dq) {
    const auto first = block * kBlock, count = block_end(block) - first;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto at = first + i;
      const float *query = q + at * kw, *decay = w + at * kw;
      float* to = scores + at * kChunk + first;
      const auto fade = [&]() HWY_ATTR {
        for (std::int64_t j = 0; j < i; ++j) multiply_row(fading + j * kw, decay, fading + j * kw, kw);
        std::copy_n(k + at * kw, kw, fading + i * kw);
      };
      if (!p.u) fade();
      const auto seen = p.u ? i : i + 1;
      for (std::int64_t j = 0; j < seen; ++j) {
        to[j] = dot_row(query, fading + j * kw, kw);
        if (e) add_row(e[at * kChunk + first + j], fading + j * kw, dq + at * kw, kw);
      }
      if (p.u) {
        to[i] = bonus(at);
        fade();
      }
    }
  }

  float bonus(std::int64_t at) const {
    float sum = 0;
    for (std::int64_t c = 0; c < p.dk; ++c) sum += q[at * kw + c] * p.u[head * p.dk + c] * k[at * kw + c];
    return sum;
  }

  // --- scores

  /// `within_blocks`: those of pairs within a block too.
  void find_scores(bool within_blocks = true) {
    if (!by_channel) {
      transpose(n, p.dk, k, kw, k_turned, kChunk);
      product<false>(n, n, p.dk, {q, kw, 1}, k_turned, kChunk, scores, kChunk, Part::lower_result);
    } else {
      for (std::int64_t block = 0; block < block_count(); ++block) {
        const auto first = block * kBlock, count = block_end(block) - first;
        if (block > 0) {
          fade_turned_keys(block);
          scaled_queries(block);
          product<false>(count, first, p.dk, {fading, kw, 1}, k_turned, kChunk, scores + first * kChunk, kChunk);
        }
        if (within_blocks) block_scores(block, nullptr, nullptr);
      }
    }
    if (within_blocks) mask_lower(scores);
  }

  /// fading = queries of the block, decayed since it began.
  void scaled_queries(std::int64_t block) {
    for (auto i = block * kBlock; i < block_end(block); ++i)
      multiply_row(q + i * kw, block_since + i * kw, fading + (i - block * kBlock) * kw, kw);
  }

  const float* queries() const { return decays() || by_channel ? q_hat : q; }
  /// Element (c, j) of k_hat transposed.
  Left turned_keys() const {
    if (by_channel) return {k_hat, kChunk, 1};
    return {decays() ? k_hat : k, 1, kw};
  }
  Left keys() const {
    const auto turned = turned_keys();
    return {turned.data, turned.column, turned.row};
  }

  /// The state [dk, vw] behind the chunk, from that before it, if its steps write `writes` [n, vw].
  void write(const float* writes, float* state) const {
    decay_state(state);
    product<true>(p.dk, vw, n, turned_keys(), writes, vw, state, vw);
  }
  void decay_state(float* state) const {
    if (decays())
      for (std::int64_t c = 0; c < p.dk; ++c) scale_row(whole[c], state + c * vw, state + c * vw, vw);
  }
};

/// What all rules keep for the gradients of one head.
struct StateGradient {
  const GatedLinearAttention<float>& p;
  const GatedLinearAttentionGrad<float>& grad;
  std::int64_t row, head, kw, vw;
  float *d_state, *states, *turned;  // [dk, vw], several of those, [dv, kw]
  float *d_o, *dq;                   // tiles
  float *e, *writes_turned;          // gradients of the scores [chunk, chunk]; [dv, chunk]

  static std::int64_t floats(const GatedLinearAttention<float>& p) {
    const auto kw = padded(p.dk), vw = padded(p.dv);
    return (kStateSpacing / kChunk + 2) * p.dk * vw + p.dv * kw + kChunk * (vw + kw + kChunk) + p.dv * kChunk +
           8 * kPad;
  }

  StateGradient(const GatedLinearAttention<float>& problem, const GatedLinearAttentionGrad<float>& gradients,
                std::int64_t of_row, std::int64_t of_head, Carver& carver)
      : p(problem), grad(gradients), row(of_row), head(of_head), kw(padded(p.dk)), vw(padded(p.dv)) {
    d_state = carver.take(p.dk * vw);
    states = carver.take((kStateSpacing / kChunk + 1) * p.dk * vw);
    turned = carver.take(p.dv * kw);
    d_o = carver.take(kChunk * vw);
    dq = carver.take(kChunk * kw);
    e = carver.take(kChunk * kChunk);
    writes_turned = carver.take(p.dv * kChunk);
  }

  float* state(std::int64_t i) const { return states + i * p.dk * vw; }
};

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
