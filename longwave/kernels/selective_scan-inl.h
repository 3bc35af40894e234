// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_SELECTIVE_SCAN_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_SELECTIVE_SCAN_INL_H
#undef LONGWAVE_KERNELS_SELECTIVE_SCAN_INL_H
#else
#define LONGWAVE_KERNELS_SELECTIVE_SCAN_INL_H
#endif

#include <algorithm>
#include <vector>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/selective_scan.h"

// What the selective scan does for a block of channels apart from its states: sequences in and out, step sizes, gate.

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
#if !HWY_HAVE_SCALABLE && HWY_TARGET != HWY_SCALAR

constexpr std::int64_t kQ = kSelectiveScanChunk;
using Scan = SelectiveScan<float>;
using Tag = hn::CappedTag<float, 16>;
using V = hn::Vec<Tag>;

constexpr Tag kTag;
constexpr std::int64_t kLanes = hn::MaxLanes(Tag());
constexpr int kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;  // of channels at a time: as many as registers allow
constexpr std::int64_t kW = kVectors * kLanes;
constexpr float kLn2 = 0.693147181f, kQuartersPerRadian = 0.636619772f;

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
  kDecayIm = 9 * kW,  // these two only if states are complex
  kStateIm = 10 * kW,
};
constexpr std::int64_t record_size(bool complex) { return (complex ? 11 : 9) * kW; }

/// What a block of channels keeps from chunk to chunk. The first lanes of [kW] are its channels, the others zero.
struct Kept {
  static std::int64_t size(std::int64_t planes) { return (3 * planes + 4) * kW; }
  Kept(float* at, std::int64_t planes) : a(at), h(a + planes * kW), da(h + planes * kW), skip(da + planes * kW) {
    bias = skip + kW, dskip = bias + kW, dbias = dskip + kW;
  }
  /// [planes, kW]: a / ln 2, the imaginary plane in quarter turns; state, or its gradient; gradient of a.
  float *a, *h, *da;
  float *skip, *bias, *dskip, *dbias;
};

/// Scratch of one thread.
struct Scratch {
  Scratch(const Scan& s, std::int64_t blocks)
      : record(record_size(s.complex)),
        storage(static_cast<std::size_t>((kQ + 1) * record + blocks * Kept::size(s.planes()) +
                                         (s.complex ? 4 : 2) * kQ * kLanes) +
                16) {
    records = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(storage.data()) + 63) / 64 * 64) + record;
    float* rows = records + kQ * record;
    for (float** of : {&rows_b, &rows_c}) *of = rows, rows += (s.complex ? 2 : 1) * kQ * kLanes;
    kept = rows;
  }
  float* step(std::int64_t t) const { return records + t * record; }

  std::int64_t record;
  std::vector<float> storage;
  float* records;  // [kQ] behind one whose state is that before the chunk
  float *rows_b,
      *rows_c;  // [kQ, kLanes]: terms of db and dc of one state index, not yet summed over lanes; 2 if complex
  float* kept;  // [blocks, Kept::size]
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
class Channels {
 public:
  Channels(const Scan& s, std::int64_t row, std::int64_t group, std::int64_t first, std::int64_t width,
           const Scratch& scratch, const Kept& kept)
      : s_(s),
        m_(scratch),
        kept_(kept),
        row_(row),
        group_(group),
        first_(first),
        width_(width),
        length_(s.lengths ? s.lengths[row] : s.t) {
    for (std::int64_t p = 0; p < s.planes(); ++p) {
      float* a = kept_.a + p * kW;
      widen(s.a + p * s.d + first, width, a);
      const auto unit = all(p < s.n ? kLog2E : kQuartersPerRadian);
      for (int k = 0; k < kVectors; ++k) store(hn::Mul(load(a + k * kLanes), unit), a + k * kLanes);
    }
    widen(s.skip ? s.skip + first : nullptr, width, kept_.skip);
    widen(s.delta_bias ? s.delta_bias + first : nullptr, width, kept_.bias);
  }
  std::int64_t chunks() const { return (length_ + kQ - 1) / kQ; }

  /// States, or their gradients, [b, planes, d] from which to start; null for zeros.
  void start(const float* states) {
    for (std::int64_t p = 0; p < s_.planes(); ++p) widen(states ? state(states, p) : nullptr, width_, kept_.h + p * kW);
  }
  void start_sums() {
    std::fill_n(kept_.da, s_.planes() * kW, 0.0f);
    std::fill_n(kept_.dskip, kW, 0.0f);
    std::fill_n(kept_.dbias, kW, 0.0f);
  }

  void finish(const SelectiveScanOut<float>& out) const {
    write_states(out.h_last);
    clear_padding(out.y);
  }

  /// `row_sums` [planes + 2, d] are those of da, dskip and dbias of this row.
  void finish_grad(const SelectiveScanGrad<float>& g, float* row_sums) const {
    write_states(g.dh_init);
    const auto planes = s_.planes();
    for (std::int64_t p = 0; p < planes; ++p) std::copy_n(kept_.da + p * kW, width_, row_sums + p * s_.d + first_);
    std::copy_n(kept_.dskip, width_, row_sums + planes * s_.d + first_);
    std::copy_n(kept_.dbias, width_, row_sums + (planes + 1) * s_.d + first_);
    clear_padding(g.du), clear_padding(g.ddelta);
    if (g.dz) clear_padding(g.dz);
  }

 protected:
  template <class T>
  T* state(T* states, std::int64_t plane) const {
    return states + (row_ * s_.planes() + plane) * s_.d + first_;
  }
  void write_states(float* states) const {
    for (std::int64_t p = 0; p < s_.planes(); ++p) std::copy_n(kept_.h + p * kW, width_, state(states, p));
  }
  template <class T>
  T* boundary(T* boundaries, std::int64_t begin, std::int64_t plane) const {
    return boundaries + ((row_ * selective_scan_chunks(s_.t) + begin / kQ) * s_.planes() + plane) * s_.d + first_;
  }
  const float* b_in(std::int64_t t) const { return s_.b_in.at(row_, t) + group_ * s_.planes(); }
  const float* c_out(std::int64_t t) const { return s_.c_out.at(row_, t) + group_ * s_.planes(); }
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

  /// The channels of a step, at x, where they can be loaded: x itself, or a copy in `buffer` [kW].
  HWY_INLINE const float* whole(const float* x, float* buffer) const {
    if (width_ == kW) return x;
    widen(x, width_, buffer);
    return buffer;
  }
  const float* z_at(std::int64_t t, float* buffer) const { return whole(s_.z.at(row_, t) + first_, buffer); }

  V raw_step(const float* delta, int k) const {
    return hn::Add(hn::LoadU(kTag, delta + k * kLanes), load(kept_.bias + k * kLanes));
  }

  /// Inputs, step sizes and their products. Channels that are not there get step 0, which leaves their state alone.
  void prepare(std::int64_t begin, std::int64_t q) {
    HWY_ALIGN float buffer[kW];
    for (std::int64_t t = 0; t < q; ++t) {
      float* step = m_.step(t);
      widen(s_.u.at(row_, begin + t) + first_, width_, step + kU);
      const float* delta = whole(s_.delta.at(row_, begin + t) + first_, buffer);
      for (int k = 0; k < kVectors; ++k) {
        const auto raw = raw_step(delta, k);
        store(s_.softplus ? softplus(kTag, raw) : raw, step + kStep + k * kLanes);
      }
      if (width_ < kW) std::fill(step + kStep + width_, step + kStep + kW, 0.0f);
      for (std::int64_t i = 0; i < kW; i += kLanes)
        store(hn::Mul(load(step + kStep + i), load(step + kU + i)), step + kDrive + i);
    }
  }

  void write_output(std::int64_t t, float* y, float* out) const {
    if (s_.z.data) {
      HWY_ALIGN float buffer[kW];
      const float* z = z_at(t, buffer);
      for (int k = 0; k < kVectors; ++k) {
        const auto gate = hn::LoadU(kTag, z + k * kLanes);
        store(hn::Mul(load(y + k * kLanes), hn::Mul(gate, sigmoid(kTag, gate))), y + k * kLanes);
      }
    }
    write(y, t, out);
  }

  /// Gradient of the output before the gate.
  void load_gradient(const SelectiveScanGrad<float>& g, std::int64_t t, float* out) const {
    widen(g.dy + (row_ * s_.t + t) * s_.d + first_, width_, out);
    if (!s_.z.data) return;
    HWY_ALIGN float buffer[kW];
    const float* z = z_at(t, buffer);
    for (int k = 0; k < kVectors; ++k) {
      const auto gate = hn::LoadU(kTag, z + k * kLanes);
      store(hn::Mul(load(out + k * kLanes), hn::Mul(gate, sigmoid(kTag, gate))), out + k * kLanes);
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
    HWY_ALIGN float buffer[kW], ddelta[kW], du[kW];
    const float* delta = whole(s_.delta.at(row_, t) + first_, buffer);
    for (int k = 0; k < kVectors; ++k) {
      const auto lane = k * kLanes;
      const float* x = m_.step(in_chunk) + lane;
      const auto u = load(x + kU), dy = load(x + kY), sum_b = load(x + kSumB);
      auto raw = hn::MulAdd(u, sum_b, hn::Mul(load(x + kSumA), all(kLn2)));
      if (s_.softplus) raw = hn::Mul(raw, sigmoid(kTag, raw_step(delta, k)));
      store(hn::MulAdd(load(x + kStep), sum_b, hn::Mul(load(kept_.skip + lane), dy)), du + lane);
      store(hn::MulAdd(dy, u, load(kept_.dskip + lane)), kept_.dskip + lane);
      store(hn::Add(load(kept_.dbias + lane), raw), kept_.dbias + lane);
      store(raw, ddelta + lane);
    }
    write(du, t, g.du);
    write(ddelta, t, g.ddelta);
    if (s_.z.data) write_gate_gradient(g, t, m_.step(in_chunk) + kOut);
  }

  void write_gate_gradient(const SelectiveScanGrad<float>& g, std::int64_t t, const float* y) const {
    HWY_ALIGN float z_buffer[kW], dy_buffer[kW], dz[kW];
    const float *z = z_at(t, z_buffer), *dy = whole(g.dy + (row_ * s_.t + t) * s_.d + first_, dy_buffer);
    for (int k = 0; k < kVectors; ++k) {
      const auto gate = hn::LoadU(kTag, z + k * kLanes), one = all(1), p = sigmoid(kTag, gate);
      const auto slope = hn::Mul(p, hn::MulAdd(gate, hn::Sub(one, p), one));
      store(hn::Mul(hn::Mul(hn::LoadU(kTag, dy + k * kLanes), load(y + k * kLanes)), slope), dz + k * kLanes);
    }
    write(dz, t, g.dz);
  }

  const Scan& s_;
  const Scratch& m_;
  Kept kept_;
  std::int64_t row_, group_, first_, width_, length_;
};

#endif
}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
