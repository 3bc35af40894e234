#include "longwave/kernels/selective_scan.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/selective_scan.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/selective_scan-inl.h"
#include "longwave/kernels/sincos-inl.h"

#ifndef LONGWAVE_KERNELS_SELECTIVE_SCAN_PARTS
#define LONGWAVE_KERNELS_SELECTIVE_SCAN_PARTS
namespace longwave::kernels {
namespace {

/// The channels of a group are worked on in parts, enough of them to share among threads. Gradients of B and C are sums
/// over channels: each part has its own.
std::int64_t parts_of(const SelectiveScan<float>& s) {
  constexpr std::int64_t kItems = 8, kNarrowest = 8;  // parts of all rows and groups; channels
  const auto wanted = (kItems + s.b * s.groups - 1) / (s.b * s.groups);
  return std::clamp<std::int64_t>(wanted, 1, (s.d / s.groups + kNarrowest - 1) / kNarrowest);
}
/// Numbers of one part of db or dc: [chunks, planes, kSelectiveScanChunk].
std::int64_t part_size(const SelectiveScan<float>& s) {
  return selective_scan_chunks(s.t) * s.planes() * kSelectiveScanChunk;
}
/// Numbers that rows leave for da, dskip and dbias.
std::int64_t row_size(const SelectiveScan<float>& s) { return (s.planes() + 2) * s.d; }

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

constexpr float kQuarterOverLn2 = 2.26618007f;  // (pi / 2) / ln 2: from quarter turns to the unit of kSumA

/// Channels with their states; if these are complex, each is two planes.
template <bool kComplex>
class Block : public Channels {
 public:
  using Channels::Channels;

  void run(std::int64_t chunk, const SelectiveScanOut<float>& out) {
    const auto begin = chunk * kQ, q = std::min(kQ, length_ - begin);
    if (out.boundaries)
      for (std::int64_t p = 0; p < s_.planes(); ++p)
        std::copy_n(kept_.h + p * kW, width_, boundary(out.boundaries, begin, p));
    prepare(begin, q);
    for (std::int64_t n = 0; n < s_.n; ++n) {
      prefetch_share(begin + kQ, n, nullptr);
      n == 0 ? advance<true>(begin, q, n) : advance<false>(begin, q, n);
    }
    for (std::int64_t t = 0; t < q; ++t) write_output(begin + t, m_.step(t) + kY, out.y);
  }

  /// `db`, `dc` [chunks, planes, kQ] are added to.
  void run_grad(std::int64_t chunk, const SelectiveScanGrad<float>& g, float* db, float* dc) {
    const auto begin = chunk * kQ, q = std::min(kQ, length_ - begin);
    prepare(begin, q);
    for (std::int64_t t = 0; t < q; ++t) load_gradient(g, begin + t, m_.step(t) + kY);
    for (std::int64_t n = 0; n < s_.n; ++n) {
      if (chunk > 0) prefetch_share(begin - kQ, n, g.dy);
      for (auto p = n; p < s_.planes(); p += s_.n) {
        if (chunk > 0) prefetch(boundary(g.boundaries, begin - kQ, p));
        widen(boundary(g.boundaries, begin, p), width_, m_.step(-1) + (p == n ? kState : kStateIm));
      }
      if (n == 0)
        differentiate<true>(begin, q, n);
      else
        differentiate<false>(begin, q, n);
      for (auto p = n; p < s_.planes(); p += s_.n) {
        const auto plane = (p - n) / s_.n * kQ * kLanes;
        add_lane_sums(q, m_.rows_b + plane, db + (chunk * s_.planes() + p) * kQ);
        add_lane_sums(q, m_.rows_c + plane, dc + (chunk * s_.planes() + p) * kQ);
      }
    }
    for (std::int64_t t = 0; t < q; ++t) write_gradients(g, begin + t, t);
  }

 private:
  static constexpr std::int64_t kRecord = record_size(kComplex);

  // kFirst: the first state begins the sums of all states, to which the others add.

  template <bool kFirst>
  HWY_INLINE void advance(std::int64_t begin, std::int64_t q, std::int64_t n) {
    kComplex ? advance_complex<kFirst>(begin, q, n) : advance_real<kFirst>(begin, q, n);
  }

  template <bool kFirst>
  HWY_INLINE void differentiate(std::int64_t begin, std::int64_t q, std::int64_t n) {
    s_.z.data ? recompute<kFirst, true>(begin, q, n) : recompute<kFirst, false>(begin, q, n);
    kComplex ? retreat_complex<kFirst>(begin, q, n) : retreat_real<kFirst>(begin, q, n);
  }

  template <bool kFirst, bool kOutput>
  HWY_INLINE void recompute(std::int64_t begin, std::int64_t q, std::int64_t n) {
    kComplex ? recompute_complex<kFirst, kOutput>(begin, q, n) : recompute_real<kFirst, kOutput>(begin, q, n);
  }

  /// What the outputs of a step, at `sum`, hold before this state: the skip, or what is there.
  template <bool kFirst>
  HWY_INLINE V before_state(const float* x, Field sum, std::int64_t lane) const {
    return kFirst ? hn::Mul(load(kept_.skip + lane), load(x + kU)) : load(x + sum);
  }
  template <bool kFirst>
  static HWY_INLINE V sum_so_far(const float* x) {
    return kFirst ? hn::Zero(kTag) : load(x);
  }

  /// State n through the chunk; its share is added to y.
  template <bool kFirst>
  HWY_INLINE void advance_real(std::int64_t begin, std::int64_t q, std::int64_t n) {
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
        store(hn::MulAdd(ct, h[k], before_state<kFirst>(step + i, kY, i)), step + kY + i);
      }
    }
    for (int k = 0; k < kVectors; ++k) store(h[k], kept_.h + n * kW + k * kLanes);
  }

  /// exp of a times the step size.
  static HWY_INLINE void decay(const float* step_size, V a_re, V a_im, V& re, V& im) {
    const auto step = load(step_size);
    const auto size = exp2(kTag, hn::Mul(step, a_re));
    const auto turn = sincos_of_quarters(kTag, hn::Mul(step, a_im));
    re = hn::Mul(size, turn.cos), im = hn::Mul(size, turn.sin);
  }

  template <bool kFirst>
  HWY_INLINE void advance_complex(std::int64_t begin, std::int64_t q, std::int64_t n) {
    float* step = m_.step(0);
    const float *b = b_in(begin) + n, *c = c_out(begin) + n;
    const auto b_stride = s_.b_in.step_stride, c_stride = s_.c_out.step_stride, im = s_.n;
    float *h_re = kept_.h + n * kW, *h_im = kept_.h + (im + n) * kW;
    const float *a_re = kept_.a + n * kW, *a_im = kept_.a + (im + n) * kW;
    V re[kVectors], imag[kVectors];
    for (int k = 0; k < kVectors; ++k) re[k] = load(h_re + k * kLanes), imag[k] = load(h_im + k * kLanes);
    for (std::int64_t t = 0; t < q; ++t, step += kRecord, b += b_stride, c += c_stride) {
      const auto b_re = all(b[0]), b_im = all(b[im]), c_re = all(2 * c[0]), c_im = all(2 * c[im]);
      for (int k = 0; k < kVectors; ++k) {
        float* x = step + k * kLanes;
        V e_re, e_im;
        decay(x + kStep, load(a_re + k * kLanes), load(a_im + k * kLanes), e_re, e_im);
        next_state(e_re, e_im, load(x + kDrive), b_re, b_im, re[k], imag[k]);
        const auto y = before_state<kFirst>(x, kY, k * kLanes);
        store(hn::NegMulAdd(c_im, imag[k], hn::MulAdd(c_re, re[k], y)), x + kY);
      }
    }
    for (int k = 0; k < kVectors; ++k) store(re[k], h_re + k * kLanes), store(imag[k], h_im + k * kLanes);
  }

  /// h = e h + drive b
  static HWY_INLINE void next_state(V e_re, V e_im, V drive, V b_re, V b_im, V& re, V& im) {
    const auto new_re = hn::MulAdd(drive, b_re, hn::NegMulAdd(e_im, im, hn::Mul(e_re, re)));
    im = hn::MulAdd(drive, b_im, hn::MulAdd(e_im, re, hn::Mul(e_re, im)));
    re = new_re;
  }

  /// State n after every step of the chunk, and its decays, from states[0]; with kOutput its share is added to out.
  template <bool kFirst, bool kOutput>
  HWY_INLINE void recompute_real(std::int64_t begin, std::int64_t q, std::int64_t n) {
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
        if constexpr (kOutput) store(hn::MulAdd(ct, h[k], before_state<kFirst>(x, kOut, k * kLanes)), x + kOut);
      }
    }
  }

  /// Adjoint of state n through the chunk: lambda[t] = C dy[t] + decay[t+1] lambda[t+1].
  template <bool kFirst>
  HWY_INLINE void retreat_real(std::int64_t begin, std::int64_t q, std::int64_t n) {
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
        store(hn::MulAdd(lambda, bt, sum_so_far<kFirst>(x + kSumB)), x + kSumB);
        store(hn::MulAdd(a[k], kept, sum_so_far<kFirst>(x + kSumA)), x + kSumA);
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

  template <bool kFirst, bool kOutput>
  HWY_INLINE void recompute_complex(std::int64_t begin, std::int64_t q, std::int64_t n) {
    float* step = m_.step(0);
    const float *b = b_in(begin) + n, *c = c_out(begin) + n;
    const auto b_stride = s_.b_in.step_stride, c_stride = s_.c_out.step_stride, im = s_.n;
    const float *a_re = kept_.a + n * kW, *a_im = kept_.a + (im + n) * kW;
    V re[kVectors], imag[kVectors];
    for (int k = 0; k < kVectors; ++k) {
      re[k] = load(m_.step(-1) + kState + k * kLanes);
      imag[k] = load(m_.step(-1) + kStateIm + k * kLanes);
    }
    for (std::int64_t t = 0; t < q; ++t, step += kRecord, b += b_stride, c += c_stride) {
      const auto b_re = all(b[0]), b_im = all(b[im]), c_re = all(2 * c[0]), c_im = all(2 * c[im]);
      for (int k = 0; k < kVectors; ++k) {
        float* x = step + k * kLanes;
        V e_re, e_im;
        decay(x + kStep, load(a_re + k * kLanes), load(a_im + k * kLanes), e_re, e_im);
        next_state(e_re, e_im, load(x + kDrive), b_re, b_im, re[k], imag[k]);
        store(e_re, x + kDecay), store(e_im, x + kDecayIm);
        store(re[k], x + kState), store(imag[k], x + kStateIm);
        if constexpr (kOutput) {
          const auto out = before_state<kFirst>(x, kOut, k * kLanes);
          store(hn::NegMulAdd(c_im, imag[k], hn::MulAdd(c_re, re[k], out)), x + kOut);
        }
      }
    }
  }

  /// Adjoint lambda[t] = 2 conj(C) dy[t] + conj(decay[t+1]) lambda[t+1].
  template <bool kFirst>
  HWY_INLINE void retreat_complex(std::int64_t begin, std::int64_t q, std::int64_t n) {
    float* step = m_.step(q - 1);
    auto row = (q - 1) * kLanes;
    const float *b = b_in(begin + q - 1) + n, *c = c_out(begin + q - 1) + n;
    const auto b_stride = s_.b_in.step_stride, c_stride = s_.c_out.step_stride, im = s_.n;
    constexpr auto kPlane = kQ * kLanes;  // from real to imaginary rows
    const float *a_re = kept_.a + n * kW, *a_im = kept_.a + (im + n) * kW;
    float *da_re = kept_.da + n * kW, *da_im = kept_.da + (im + n) * kW;
    V carry_re[kVectors], carry_im[kVectors];
    for (int k = 0; k < kVectors; ++k) {
      carry_re[k] = load(kept_.h + n * kW + k * kLanes);
      carry_im[k] = load(kept_.h + (im + n) * kW + k * kLanes);
    }
    for (auto t = q; t > 0; --t, step -= kRecord, row -= kLanes, b -= b_stride, c -= c_stride) {
      const auto b_re = all(b[0]), b_im = all(b[im]), c_re = all(c[0]), c_im = all(c[im]);
      V sum_b_re = hn::Zero(kTag), sum_b_im = sum_b_re, sum_c_re = sum_b_re, sum_c_im = sum_b_re;
      for (int k = 0; k < kVectors; ++k) {
        float* x = step + k * kLanes;
        const auto dy = load(x + kY), twice = hn::Add(dy, dy), drive = load(x + kDrive), size = load(x + kStep);
        const auto lambda_re = hn::MulAdd(c_re, twice, carry_re[k]);
        const auto lambda_im = hn::NegMulAdd(c_im, twice, carry_im[k]);
        sum_c_re = hn::MulAdd(twice, load(x + kState), sum_c_re);
        sum_c_im = hn::NegMulAdd(twice, load(x + kStateIm), sum_c_im);
        sum_b_re = hn::MulAdd(lambda_re, drive, sum_b_re);
        sum_b_im = hn::MulAdd(lambda_im, drive, sum_b_im);
        const auto e_re = load(x + kDecay), e_im = load(x + kDecayIm);
        carry_re[k] = hn::MulAdd(e_im, lambda_im, hn::Mul(e_re, lambda_re));
        carry_im[k] = hn::NegMulAdd(e_im, lambda_re, hn::Mul(e_re, lambda_im));
        // conj(lambda) times the part of the state that was kept.
        const auto old_re = load(x - kRecord + kState), old_im = load(x - kRecord + kStateIm);
        const auto kept_re = hn::MulAdd(carry_im[k], old_im, hn::Mul(carry_re[k], old_re));
        const auto kept_im = hn::NegMulAdd(carry_im[k], old_re, hn::Mul(carry_re[k], old_im));
        const auto lane = k * kLanes;
        store(hn::MulAdd(size, kept_re, load(da_re + lane)), da_re + lane);
        store(hn::NegMulAdd(size, kept_im, load(da_im + lane)), da_im + lane);
        const auto sum_b = hn::MulAdd(lambda_im, b_im, hn::MulAdd(lambda_re, b_re, sum_so_far<kFirst>(x + kSumB)));
        store(sum_b, x + kSumB);
        const auto turn = hn::Mul(load(a_im + lane), all(kQuarterOverLn2));
        const auto sum_a = hn::MulAdd(load(a_re + lane), kept_re, sum_so_far<kFirst>(x + kSumA));
        store(hn::NegMulAdd(turn, kept_im, sum_a), x + kSumA);
      }
      store(sum_b_re, m_.rows_b + row), store(sum_b_im, m_.rows_b + kPlane + row);
      store(sum_c_re, m_.rows_c + row), store(sum_c_im, m_.rows_c + kPlane + row);
    }
    for (int k = 0; k < kVectors; ++k) {
      store(carry_re[k], kept_.h + n * kW + k * kLanes);
      store(carry_im[k], kept_.h + (im + n) * kW + k * kLanes);
    }
  }
};

/// Calls body(blocks, row, index) for every part of every group of every row; the index counts them. A part is blocks
/// of channels, which take turns chunk by chunk, so that what they read and write of a step lies close together.
template <bool kComplex, class Body>
void for_parts(const Scan& s, Body body) {
  const auto channels = s.d / s.groups, blocks = (channels + kW - 1) / kW, parts = parts_of(s);
#pragma omp parallel if (s.t > 1)
  {
    const Scratch scratch(s, (blocks + parts - 1) / parts);
    std::vector<Block<kComplex> > mine;
#pragma omp for schedule(static)
    for (std::int64_t item = 0; item < s.b * s.groups * parts; ++item) {
      const auto part = item % parts, group = item / parts % s.groups, row = item / parts / s.groups;
      mine.clear();
      for (auto block = part * blocks / parts; block < (part + 1) * blocks / parts; ++block) {
        const auto taken = static_cast<std::int64_t>(mine.size()) * Kept::size(s.planes());
        const Kept kept(scratch.kept + taken, s.planes());
        const auto width = std::min(kW, channels - block * kW);
        mine.emplace_back(s, row, group, group * channels + block * kW, width, scratch, kept);
      }
      body(mine, row, item);
    }
  }
}

template <bool kComplex>
void scan(const Scan& s, const SelectiveScanOut<float>& out) {
  for_parts<kComplex>(s, [&](auto& blocks, std::int64_t, std::int64_t) {
    for (auto& block : blocks) block.start(s.h_init);
    for (std::int64_t chunk = 0; !blocks.empty() && chunk < blocks[0].chunks(); ++chunk)
      for (auto& block : blocks) block.run(chunk, out);
    for (const auto& block : blocks) block.finish(out);
  });
}

void selective_scan_all(const Scan& s, const SelectiveScanOut<float>& out) {
  s.complex ? scan<true>(s, out) : scan<false>(s, out);
}

/// Sums over parts [chunks, planes, kQ] of one row, as [t, groups, planes].
void sum_parts(const Scan& s, const float* parts_of_row, std::int64_t parts, std::int64_t row, float* out) {
  HWY_ALIGN float sums[kQ];
  for (std::int64_t group = 0; group < s.groups; ++group)
    for (std::int64_t chunk = 0; chunk < selective_scan_chunks(s.t); ++chunk)
      for (std::int64_t p = 0; p < s.planes(); ++p) {
        const float* first = parts_of_row + 2 * group * parts * part_size(s) + (chunk * s.planes() + p) * kQ;
        std::copy_n(first, kQ, sums);
        for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, first + 2 * part * part_size(s), sums, kQ);
        for (auto t = chunk * kQ; t < std::min(s.t, (chunk + 1) * kQ); ++t)
          out[((row * s.t + t) * s.groups + group) * s.planes() + p] = sums[t % kQ];
      }
}

/// Leaves the parts of db and dc, and the sums of each row, in the workspace.
template <bool kComplex>
void scan_grad(const Scan& s, const SelectiveScanGrad<float>& g, float* rows) {
  const auto size = part_size(s);
  for_parts<kComplex>(s, [&](auto& blocks, std::int64_t row, std::int64_t item) {
    float* db = g.workspace + 2 * item * size;
    std::fill_n(db, 2 * size, 0.0f);
    for (auto& block : blocks) block.start(g.dh_last), block.start_sums();
    for (auto chunk = blocks.empty() ? 0 : blocks[0].chunks(); chunk > 0; --chunk)
      for (auto& block : blocks) block.run_grad(chunk - 1, g, db, db + size);
    for (const auto& block : blocks) block.finish_grad(g, rows + row * row_size(s));
  });
}

void selective_scan_grad_all(const Scan& s, const SelectiveScanGrad<float>& g) {
  const auto parts = parts_of(s), size = part_size(s), planes = s.planes();
  float* const rows = g.workspace + 2 * s.b * s.groups * parts * size;
  s.complex ? scan_grad<true>(s, g, rows) : scan_grad<false>(s, g, rows);
#pragma omp parallel for schedule(static) if (s.t > 1)
  for (std::int64_t row = 0; row < s.b; ++row) {
    const float* parts_of_row = g.workspace + 2 * row * s.groups * parts * size;
    sum_parts(s, parts_of_row, parts, row, g.db);
    sum_parts(s, parts_of_row + size, parts, row, g.dc);
  }
  std::fill_n(g.da, planes * s.d, 0.0f);
  std::fill_n(g.dskip, s.d, 0.0f);
  std::fill_n(g.dbias, s.d, 0.0f);
  for (std::int64_t row = 0; row < s.b; ++row) {
    const float* sums = rows + row * row_size(s);
    add_scaled(1, sums, g.da, planes * s.d);
    add_scaled(1, sums + planes * s.d, g.dskip, s.d);
    add_scaled(1, sums + (planes + 1) * s.d, g.dbias, s.d);
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
