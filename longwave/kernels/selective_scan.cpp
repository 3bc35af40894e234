#include "longwave/kernels/selective_scan.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/selective_scan.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"

#ifndef LONGWAVE_KERNELS_SELECTIVE_SCAN_PARTS
#define LONGWAVE_KERNELS_SELECTIVE_SCAN_PARTS
namespace longwave::kernels {
namespace {

constexpr std::int64_t kQ = kSelectiveScanChunk;
/// The channels of a group are worked on in parts, enough of them to share among threads. Gradients of B and C are sums
/// over channels: each part has its own.
std::int64_t parts_of(const SelectiveScan<float>& s) {
  constexpr std::int64_t kItems = 8, kNarrowest = 8;  // parts of all rows and groups; channels
  const auto wanted = (kItems + s.b * s.groups - 1) / (s.b * s.groups);
  return std::clamp<std::int64_t>(wanted, 1, (s.d / s.groups + kNarrowest - 1) / kNarrowest);
}
/// Numbers of one part of db or dc: [chunks, n, kQ].
std::int64_t part_size(const SelectiveScan<float>& s) { return selective_scan_chunks(s.t) * s.n * kQ; }
/// Numbers that rows leave for da, dskip and dbias.
std::int64_t row_size(const SelectiveScan<float>& s) { return (s.n + 2) * s.d; }

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

#if HWY_HAVE_SCALABLE || HWY_TARGET == HWY_SCALAR

void selective_scan_all(const SelectiveScan<float>& s, const SelectiveScanOut<float>& out) {
  selective_scan_reference(s, out);
}
void selective_scan_grad_all(const SelectiveScan<float>& s, const SelectiveScanGrad<float>& g) {
  selective_scan_grad_reference(s, g);
}

#else

using Scan = SelectiveScan<float>;
using Tag = hn::CappedTag<float, 16>;
using V = hn::Vec<Tag>;

constexpr Tag kTag;
constexpr std::int64_t kLanes = hn::MaxLanes(Tag());
constexpr int kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;  // of channels at a time: as many as registers allow
constexpr std::int64_t kW = kVectors * kLanes;
constexpr float kLn2 = 0.693147181f;

HWY_INLINE V load(const float* x) { return hn::Load(kTag, x); }
HWY_INLINE void store(V v, float* x) { hn::Store(v, kTag, x); }
HWY_INLINE V all(float x) { return hn::Set(kTag, x); }

/// What is known of a step of the chunk, each [kW]: input, step size, their product, output before the gate or its
/// gradient, output in the backward pass, sums over states of lambda B and of a (kept gradient); and of one state index
/// the decay, and the state after the step. One record is one stretch of memory, so that the fields of a step never
/// share cache sets.
enum Field : std::int64_t {
  kU = 0 * kW,
  kStep = 1 * kW,
  kDrive = 2 * kW,
  kY = 3 * kW,
  kOut = 4 * kW,
  kSumB = 5 * kW,
  kSumA = 6 * kW,
  kDecay = 7 * kW,
  kState = 8 * kW,
  kRecord = 9 * kW,
};

/// What a block of channels keeps from chunk to chunk. The first lanes of [kW] are its channels, the others zero.
struct Kept {
  static std::int64_t size(std::int64_t n) { return (3 * n + 4) * kW; }
  Kept(float* at, std::int64_t n) : a(at), h(a + n * kW), da(h + n * kW), skip(da + n * kW) {
    bias = skip + kW, dskip = bias + kW, dbias = dskip + kW;
  }
  float *a, *h, *da;  // [n, kW]: a / ln 2; state, or its gradient; gradient of a
  float *skip, *bias, *dskip, *dbias;
};

/// Scratch of one thread.
struct Scratch {
  Scratch(std::int64_t n, std::int64_t blocks)
      : storage(static_cast<std::size_t>((kQ + 1) * kRecord + blocks * Kept::size(n) + 2 * kQ * kLanes) + 16) {
    records = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(storage.data()) + 63) / 64 * 64) + kRecord;
    rows_b = records + kQ * kRecord, rows_c = rows_b + kQ * kLanes;
    kept = rows_c + kQ * kLanes;
  }
  float* step(std::int64_t t) const { return records + t * kRecord; }

  std::vector<float> storage;
  float* records;          // [kQ] behind one whose state is that before the chunk
  float *rows_b, *rows_c;  // [kQ, kLanes]: terms of db and dc of one state index, not yet summed over lanes
  float* kept;             // [blocks, Kept::size]
};

/// x [width] to [kW] with zeros behind; zeros if null.
HWY_INLINE void widen(const float* x, std::int64_t width, float* out) {
  if (x && width == kW)
    for (int k = 0; k < kVectors; ++k) store(hn::LoadU(kTag, x + k * kLanes), out + k * kLanes);
  else
    std::fill(std::copy_n(x ? x : out, x ? width : 0, out), out + kW, 0.0f);
}

/// Sums of the lanes of kRows rows, in that order, repeated to fill a vector.
template <int kRows>
HWY_INLINE V sums_of_rows(const float* rows) {
  if constexpr (kRows == 1) {
    return load(rows);
  } else {
    const auto low = sums_of_rows<kRows / 2>(rows), high = sums_of_rows<kRows / 2>(rows + kRows / 2 * kLanes);
    return hn::Add(hn::ConcatEven(kTag, high, low), hn::ConcatOdd(kTag, high, low));
  }
}

/// Channels first .. first + width (at most kW) of one group of one row.
class Block {
 public:
  Block(const Scan& s, std::int64_t row, std::int64_t group, std::int64_t first, std::int64_t width,
        const Scratch& scratch, const Kept& kept)
      : s_(s),
        m_(scratch),
        kept_(kept),
        row_(row),
        group_(group),
        first_(first),
        width_(width),
        length_(s.lengths ? s.lengths[row] : s.t) {
    for (std::int64_t n = 0; n < s.n; ++n) {
      widen(s.a + n * s.d + first, width, kept_.a + n * kW);
      for (auto* a = kept_.a + n * kW; a < kept_.a + (n + 1) * kW; a += kLanes) store(hn::Mul(load(a), all(kLog2E)), a);
    }
    widen(s.skip ? s.skip + first : nullptr, width, kept_.skip);
    widen(s.delta_bias ? s.delta_bias + first : nullptr, width, kept_.bias);
  }
  std::int64_t chunks() const { return (length_ + kQ - 1) / kQ; }

  void start() {
    for (std::int64_t n = 0; n < s_.n; ++n) widen(s_.h_init ? state(s_.h_init, n) : nullptr, width_, kept_.h + n * kW);
  }

  void run(std::int64_t chunk, const SelectiveScanOut<float>& out) {
    const auto begin = chunk * kQ, q = std::min(kQ, length_ - begin);
    if (out.boundaries)
      for (std::int64_t n = 0; n < s_.n; ++n) std::copy_n(kept_.h + n * kW, width_, boundary(out.boundaries, begin, n));
    prepare(begin, q);
    start_output(q, kY);
    for (std::int64_t n = 0; n < s_.n; ++n) {
      prefetch_share(begin + kQ, n, nullptr);
      advance(begin, q, n);
    }
    for (std::int64_t t = 0; t < q; ++t) write_output(begin + t, m_.step(t) + kY, out.y);
  }

  void finish(const SelectiveScanOut<float>& out) const {
    for (std::int64_t n = 0; n < s_.n; ++n)
      std::copy_n(kept_.h + n * kW, width_, out.h_last + (row_ * s_.n + n) * s_.d + first_);
    clear_padding(out.y);
  }

  void start_grad(const SelectiveScanGrad<float>& g) {
    for (std::int64_t n = 0; n < s_.n; ++n) widen(g.dh_last ? state(g.dh_last, n) : nullptr, width_, kept_.h + n * kW);
    std::fill_n(kept_.da, s_.n * kW, 0.0f);
    std::fill_n(kept_.dskip, kW, 0.0f);
    std::fill_n(kept_.dbias, kW, 0.0f);
  }

  /// `db`, `dc` [chunks, n, kQ] are added to.
  void run_grad(std::int64_t chunk, const SelectiveScanGrad<float>& g, float* db, float* dc) {
    const auto begin = chunk * kQ, q = std::min(kQ, length_ - begin);
    prepare(begin, q);
    for (std::int64_t t = 0; t < q; ++t) std::fill_n(m_.step(t) + kSumB, 2 * kW, 0.0f);
    if (s_.z.data) start_output(q, kOut);
    for (std::int64_t t = 0; t < q; ++t) load_gradient(g, begin + t, m_.step(t) + kY);
    for (std::int64_t n = 0; n < s_.n; ++n) {
      if (chunk > 0) {
        prefetch_share(begin - kQ, n, g.dy);
        prefetch(boundary(g.boundaries, begin - kQ, n));
      }
      widen(boundary(g.boundaries, begin, n), width_, m_.step(-1) + kState);
      s_.z.data ? recompute<true>(begin, q, n) : recompute<false>(begin, q, n);
      retreat(begin, q, n);
      add_lane_sums(q, m_.rows_b, db + (chunk * s_.n + n) * kQ);
      add_lane_sums(q, m_.rows_c, dc + (chunk * s_.n + n) * kQ);
    }
    for (std::int64_t t = 0; t < q; ++t) write_gradients(g, begin + t, t);
  }

  /// `row_sums` [n + 2, d] are those of da, dskip and dbias of this row.
  void finish_grad(const SelectiveScanGrad<float>& g, float* row_sums) const {
    for (std::int64_t n = 0; n < s_.n; ++n) {
      std::copy_n(kept_.h + n * kW, width_, g.dh_init + (row_ * s_.n + n) * s_.d + first_);
      std::copy_n(kept_.da + n * kW, width_, row_sums + n * s_.d + first_);
    }
    std::copy_n(kept_.dskip, width_, row_sums + s_.n * s_.d + first_);
    std::copy_n(kept_.dbias, width_, row_sums + (s_.n + 1) * s_.d + first_);
    clear_padding(g.du), clear_padding(g.ddelta);
    if (g.dz) clear_padding(g.dz);
  }

 private:
  const float* state(const float* states, std::int64_t n) const { return states + (row_ * s_.n + n) * s_.d + first_; }
  template <class T>
  T* boundary(T* boundaries, std::int64_t begin, std::int64_t n) const {
    return boundaries + ((row_ * selective_scan_chunks(s_.t) + begin / kQ) * s_.n + n) * s_.d + first_;
  }
  const float* b_in(std::int64_t t) const { return s_.b_in.at(row_, t) + group_ * s_.n; }
  const float* c_out(std::int64_t t) const { return s_.c_out.at(row_, t) + group_ * s_.n; }
  void clear_padding(float* x) const {
    for (auto t = length_; t < s_.t; ++t) std::fill_n(x + (row_ * s_.t + t) * s_.d + first_, width_, 0.0f);
  }
  void write(const float* wide, std::int64_t t, float* x) const {
    float* out = x + (row_ * s_.t + t) * s_.d + first_;
    if (width_ == kW)
      for (int k = 0; k < kVectors; ++k) hn::StoreU(load(wide + k * kLanes), kTag, out + k * kLanes);
    else
      std::copy_n(wide, width_, out);
  }

  void prefetch(const float* x) const {
    for (std::int64_t i = 0; i < width_; i += 16) hwy::Prefetch(x + i);
  }
  /// The share of state n in fetching the sequences of a chunk to come; its rows are too far apart for the hardware.
  void prefetch_share(std::int64_t begin, std::int64_t n, const float* dy) const {
    const auto q = std::min(kQ, length_ - begin);
    for (auto t = begin + n * q / s_.n; t < begin + (n + 1) * q / s_.n; ++t) {
      prefetch(s_.u.at(row_, t) + first_);
      prefetch(s_.delta.at(row_, t) + first_);
      if (s_.z.data) prefetch(s_.z.at(row_, t) + first_);
      if (dy) prefetch(dy + (row_ * s_.t + t) * s_.d + first_);
    }
  }

  V raw_step(const float* delta, int k) const {
    return hn::Add(load(delta + k * kLanes), load(kept_.bias + k * kLanes));
  }

  /// Inputs, step sizes and their products. Channels that are not there get step 0, which leaves their state alone.
  void prepare(std::int64_t begin, std::int64_t q) {
    HWY_ALIGN float delta[kW];
    for (std::int64_t t = 0; t < q; ++t) {
      float* step = m_.step(t);
      widen(s_.u.at(row_, begin + t) + first_, width_, step + kU);
      widen(s_.delta.at(row_, begin + t) + first_, width_, delta);
      for (int k = 0; k < kVectors; ++k) {
        const auto raw = raw_step(delta, k);
        store(s_.softplus ? softplus(kTag, raw) : raw, step + kStep + k * kLanes);
      }
      if (width_ < kW) std::fill(step + kStep + width_, step + kStep + kW, 0.0f);
      for (std::int64_t i = 0; i < kW; i += kLanes)
        store(hn::Mul(load(step + kStep + i), load(step + kU + i)), step + kDrive + i);
    }
  }

  void start_output(std::int64_t q, Field y) const {
    for (std::int64_t t = 0; t < q; ++t)
      for (std::int64_t i = 0; i < kW; i += kLanes)
        store(hn::Mul(load(kept_.skip + i), load(m_.step(t) + kU + i)), m_.step(t) + y + i);
  }

  /// State n through the chunk; its share is added to y.
  HWY_INLINE void advance(std::int64_t begin, std::int64_t q, std::int64_t n) {
    float* step = m_.step(0);
    const float *b = b_in(begin) + n, *c = c_out(begin) + n;
    const auto b_stride = s_.b_in.step_stride, c_stride = s_.c_out.step_stride;
    V a[kVectors], h[kVectors];
    for (int k = 0; k < kVectors; ++k)
      a[k] = load(kept_.a + n * kW + k * kLanes), h[k] = load(kept_.h + n * kW + k * kLanes);
    for (std::int64_t t = 0; t < q; ++t, step += kRecord, b += b_stride, c += c_stride) {
      const auto bt = all(*b), ct = all(*c);
      for (int k = 0; k < kVectors; ++k) {
        const auto i = k * kLanes;
        h[k] =
            hn::MulAdd(exp2(kTag, hn::Mul(load(step + kStep + i), a[k])), h[k], hn::Mul(load(step + kDrive + i), bt));
        store(hn::MulAdd(ct, h[k], load(step + kY + i)), step + kY + i);
      }
    }
    for (int k = 0; k < kVectors; ++k) store(h[k], kept_.h + n * kW + k * kLanes);
  }

  void write_output(std::int64_t t, float* y, float* out) const {
    if (s_.z.data) {
      HWY_ALIGN float z[kW];
      widen(s_.z.at(row_, t) + first_, width_, z);
      for (int k = 0; k < kVectors; ++k) {
        const auto gate = load(z + k * kLanes);
        store(hn::Mul(load(y + k * kLanes), hn::Mul(gate, sigmoid(kTag, gate))), y + k * kLanes);
      }
    }
    write(y, t, out);
  }

  /// Gradient of the output before the gate.
  void load_gradient(const SelectiveScanGrad<float>& g, std::int64_t t, float* out) const {
    widen(g.dy + (row_ * s_.t + t) * s_.d + first_, width_, out);
    if (!s_.z.data) return;
    HWY_ALIGN float z[kW];
    widen(s_.z.at(row_, t) + first_, width_, z);
    for (int k = 0; k < kVectors; ++k) {
      const auto gate = load(z + k * kLanes);
      store(hn::Mul(load(out + k * kLanes), hn::Mul(gate, sigmoid(kTag, gate))), out + k * kLanes);
    }
  }

  /// State n after every step of the chunk, and its decays, from states[0]; with kOutput its share is added to out.
  template <bool kOutput>
  HWY_INLINE void recompute(std::int64_t begin, std::int64_t q, std::int64_t n) {
    float* step = m_.step(0);
    const float *b = b_in(begin) + n, *c = c_out(begin) + n;
    const auto b_stride = s_.b_in.step_stride, c_stride = s_.c_out.step_stride;
    V a[kVectors], h[kVectors];
    for (int k = 0; k < kVectors; ++k)
      a[k] = load(kept_.a + n * kW + k * kLanes), h[k] = load(m_.step(-1) + kState + k * kLanes);
    for (std::int64_t t = 0; t < q; ++t, step += kRecord, b += b_stride, c += c_stride) {
      const auto bt = all(*b), ct = all(*c);
      for (int k = 0; k < kVectors; ++k) {
        float* x = step + k * kLanes;
        const auto decay = exp2(kTag, hn::Mul(load(x + kStep), a[k]));
        h[k] = hn::MulAdd(decay, h[k], hn::Mul(load(x + kDrive), bt));
        store(decay, x + kDecay);
        store(h[k], x + kState);
        if constexpr (kOutput) store(hn::MulAdd(ct, h[k], load(x + kOut)), x + kOut);
      }
    }
  }

  /// Adjoint of state n through the chunk: lambda[t] = C dy[t] + decay[t+1] lambda[t+1].
  HWY_INLINE void retreat(std::int64_t begin, std::int64_t q, std::int64_t n) {
    float* step = m_.step(q - 1);
    float *row_b = m_.rows_b + (q - 1) * kLanes, *row_c = m_.rows_c + (q - 1) * kLanes;
    const float *b = b_in(begin + q - 1) + n, *c = c_out(begin + q - 1) + n;
    const auto b_stride = s_.b_in.step_stride, c_stride = s_.c_out.step_stride;
    V carry[kVectors], da[kVectors], a[kVectors], h[kVectors];
    for (int k = 0; k < kVectors; ++k) {
      const auto at = n * kW + k * kLanes;
      carry[k] = load(kept_.h + at), da[k] = load(kept_.da + at), a[k] = load(kept_.a + at);
      h[k] = load(step + kState + k * kLanes);
    }
    for (auto t = q; t > 0; --t, step -= kRecord, row_b -= kLanes, row_c -= kLanes, b -= b_stride, c -= c_stride) {
      const auto bt = all(*b), ct = all(*c);
      auto sum_b = hn::Zero(kTag), sum_c = hn::Zero(kTag);
      for (int k = 0; k < kVectors; ++k) {
        float* x = step + k * kLanes;
        const auto dy = load(x + kY), before = load(x - kRecord + kState);
        const auto lambda = hn::MulAdd(ct, dy, carry[k]);
        sum_c = hn::MulAdd(dy, h[k], sum_c);
        sum_b = hn::MulAdd(lambda, load(x + kDrive), sum_b);
        carry[k] = hn::Mul(lambda, load(x + kDecay));
        const auto kept = hn::Mul(carry[k], before);  // lambda times the part of the state that was kept
        da[k] = hn::MulAdd(load(x + kStep), kept, da[k]);
        store(hn::MulAdd(lambda, bt, load(x + kSumB)), x + kSumB);
        store(hn::MulAdd(a[k], kept, load(x + kSumA)), x + kSumA);
        h[k] = before;
      }
      store(sum_b, row_b);
      store(sum_c, row_c);
    }
    for (int k = 0; k < kVectors; ++k) {
      store(carry[k], kept_.h + n * kW + k * kLanes);
      store(da[k], kept_.da + n * kW + k * kLanes);
    }
  }

  /// out[t] += sum of rows[t, :].
  HWY_INLINE void add_lane_sums(std::int64_t q, float* rows, float* out) const {
    std::fill(rows + q * kLanes, rows + (q + kLanes - 1) / kLanes * kLanes * kLanes, 0.0f);
    for (std::int64_t t = 0; t < q; t += kLanes) {
      const auto sums = sums_of_rows<static_cast<int>(kLanes)>(rows + t * kLanes);
      hn::StoreU(hn::Add(hn::LoadU(kTag, out + t), sums), kTag, out + t);
    }
  }

  void write_gradients(const SelectiveScanGrad<float>& g, std::int64_t t, std::int64_t in_chunk) {
    HWY_ALIGN float delta[kW], du[kW];
    widen(s_.delta.at(row_, t) + first_, width_, delta);
    for (int k = 0; k < kVectors; ++k) {
      const auto lane = k * kLanes;
      const float* x = m_.step(in_chunk) + lane;
      const auto u = load(x + kU), dy = load(x + kY), sum_b = load(x + kSumB);
      auto raw = hn::MulAdd(u, sum_b, hn::Mul(load(x + kSumA), all(kLn2)));
      if (s_.softplus) raw = hn::Mul(raw, sigmoid(kTag, raw_step(delta, k)));
      store(hn::MulAdd(load(x + kStep), sum_b, hn::Mul(load(kept_.skip + lane), dy)), du + lane);
      store(hn::MulAdd(dy, u, load(kept_.dskip + lane)), kept_.dskip + lane);
      store(hn::Add(load(kept_.dbias + lane), raw), kept_.dbias + lane);
      store(raw, delta + lane);
    }
    write(du, t, g.du);
    write(delta, t, g.ddelta);
    if (s_.z.data) write_gate_gradient(g, t, m_.step(in_chunk) + kOut);
  }

  void write_gate_gradient(const SelectiveScanGrad<float>& g, std::int64_t t, const float* y) const {
    HWY_ALIGN float z[kW], dy[kW];
    widen(s_.z.at(row_, t) + first_, width_, z);
    widen(g.dy + (row_ * s_.t + t) * s_.d + first_, width_, dy);
    for (int k = 0; k < kVectors; ++k) {
      const auto gate = load(z + k * kLanes), one = all(1), p = sigmoid(kTag, gate);
      const auto slope = hn::Mul(p, hn::MulAdd(gate, hn::Sub(one, p), one));
      store(hn::Mul(hn::Mul(load(dy + k * kLanes), load(y + k * kLanes)), slope), z + k * kLanes);
    }
    write(z, t, g.dz);
  }

  const Scan& s_;
  const Scratch& m_;
  Kept kept_;
  std::int64_t row_, group_, first_, width_, length_;
};

/// Calls body(blocks, row, index) for every part of every group of every row; the index counts them. A part is blocks
/// of channels, which take turns chunk by chunk, so that what they read and write of a step lies close together.
template <class Body>
void for_parts(const Scan& s, Body body) {
  const auto channels = s.d / s.groups, blocks = (channels + kW - 1) / kW, parts = parts_of(s);
#pragma omp parallel if (s.t > 1)
  {
    const Scratch scratch(s.n, (blocks + parts - 1) / parts);
    std::vector<Block> mine;
#pragma omp for schedule(static)
    for (std::int64_t item = 0; item < s.b * s.groups * parts; ++item) {
      const auto part = item % parts, group = item / parts % s.groups, row = item / parts / s.groups;
      mine.clear();
      for (auto block = part * blocks / parts; block < (part + 1) * blocks / parts; ++block) {
        const Kept kept(scratch.kept + static_cast<std::int64_t>(mine.size()) * Kept::size(s.n), s.n);
        const auto width = std::min(kW, channels - block * kW);
        mine.emplace_back(s, row, group, group * channels + block * kW, width, scratch, kept);
      }
      body(mine, row, item);
    }
  }
}

void selective_scan_all(const Scan& s, const SelectiveScanOut<float>& out) {
  for_parts(s, [&](std::vector<Block>& blocks, std::int64_t, std::int64_t) {
    for (auto& block : blocks) block.start();
    for (std::int64_t chunk = 0; !blocks.empty() && chunk < blocks[0].chunks(); ++chunk)
      for (auto& block : blocks) block.run(chunk, out);
    for (const auto& block : blocks) block.finish(out);
  });
}

/// Sums over parts [chunks, n, kQ] of one row, as [t, groups, n].
void sum_parts(const Scan& s, const float* parts_of_row, std::int64_t parts, std::int64_t row, float* out) {
  HWY_ALIGN float sums[kQ];
  for (std::int64_t group = 0; group < s.groups; ++group)
    for (std::int64_t chunk = 0; chunk < selective_scan_chunks(s.t); ++chunk)
      for (std::int64_t n = 0; n < s.n; ++n) {
        const float* first = parts_of_row + 2 * group * parts * part_size(s) + (chunk * s.n + n) * kQ;
        std::copy_n(first, kQ, sums);
        for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, first + 2 * part * part_size(s), sums, kQ);
        for (auto t = chunk * kQ; t < std::min(s.t, (chunk + 1) * kQ); ++t)
          out[((row * s.t + t) * s.groups + group) * s.n + n] = sums[t % kQ];
      }
}

void selective_scan_grad_all(const Scan& s, const SelectiveScanGrad<float>& g) {
  const auto parts = parts_of(s), size = part_size(s);
  float* const rows = g.workspace + 2 * s.b * s.groups * parts * size;
  for_parts(s, [&](std::vector<Block>& blocks, std::int64_t row, std::int64_t item) {
    float* db = g.workspace + 2 * item * size;
    std::fill_n(db, 2 * size, 0.0f);
    for (auto& block : blocks) block.start_grad(g);
    for (auto chunk = blocks.empty() ? 0 : blocks[0].chunks(); chunk > 0; --chunk)
      for (auto& block : blocks) block.run_grad(chunk - 1, g, db, db + size);
    for (const auto& block : blocks) block.finish_grad(g, rows + row * row_size(s));
  });
#pragma omp parallel for schedule(static) if (s.t > 1)
  for (std::int64_t row = 0; row < s.b; ++row) {
    const float* parts_of_row = g.workspace + 2 * row * s.groups * parts * size;
    sum_parts(s, parts_of_row, parts, row, g.db);
    sum_parts(s, parts_of_row + size, parts, row, g.dc);
  }
  std::fill_n(g.da, s.n * s.d, 0.0f);
  std::fill_n(g.dskip, s.d, 0.0f);
  std::fill_n(g.dbias, s.d, 0.0f);
  for (std::int64_t row = 0; row < s.b; ++row) {
    const float* sums = rows + row * row_size(s);
    add_scaled(1, sums, g.da, s.n * s.d);
    add_scaled(1, sums + s.n * s.d, g.dskip, s.d);
    add_scaled(1, sums + (s.n + 1) * s.d, g.dbias, s.d);
  }
}

#endif

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(selective_scan_all);
HWY_EXPORT(selective_scan_grad_all);

std::int64_t selective_scan_grad_workspace(const SelectiveScan<float>& s) {
  return s.b * (2 * s.groups * parts_of(s) * part_size(s) + row_size(s));
}
void selective_scan(const SelectiveScan<float>& s, const SelectiveScanOut<float>& out) {
  HWY_DYNAMIC_DISPATCH(selective_scan_all)(s, out);
}
void selective_scan_grad(const SelectiveScan<float>& s, const SelectiveScanGrad<float>& g) {
  HWY_DYNAMIC_DISPATCH(selective_scan_grad_all)(s, g);
}

}  // namespace longwave::kernels
#endif
