#include "longwave/kernels/fft_convolution.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

#undef HWY_DISABLED_TARGETS  // besides what the build leaves out: vectors of unknown size cannot be kept in arrays
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/fft_convolution.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/fft-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// Numbers of features first .. first + count of one step, zero in lanes beyond.
HWY_INLINE Lanes load_features(const float* x, std::int64_t count) {
  const LaneTag d;
  if (count == kLanes) return hn::LoadU(d, x);
  HWY_ALIGN float lanes[kLanes] = {};
  for (std::int64_t i = 0; i < count; ++i) lanes[i] = x[i];
  return hn::Load(d, lanes);
}

HWY_INLINE void store_features(Lanes v, float* x, std::int64_t count, bool add) {
  const LaneTag d;
  if (count == kLanes) return hn::StoreU(add ? hn::Add(v, hn::LoadU(d, x)) : v, d, x);
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, d, lanes);
  for (std::int64_t i = 0; i < count; ++i) x[i] = add ? x[i] + lanes[i] : lanes[i];
}

/// Steps of a sequence lie far apart in memory: they are fetched so many ahead of their use.
constexpr std::int64_t kAhead = 8;

/// Features of a sequence step by step.
struct Features {
  const float* x;  // null: ones
  std::int64_t step, count;
  HWY_INLINE Lanes load(std::int64_t t) const { return load_features(x + t * step, count); }
  HWY_INLINE Lanes times(std::int64_t t, Lanes v) const { return x ? hn::Mul(v, load(t)) : v; }
  HWY_INLINE void prefetch(std::int64_t t) const {
    if (x) __builtin_prefetch(x + t * step, 0);
  }
};
Features features(const Steps<const float>& s, std::int64_t row, std::int64_t first, std::int64_t count) {
  return {s.data ? s.at(row, 0) + first : nullptr, s.step_stride, count};
}

/// A real sequence of t steps, times its gate, as the complex one of its product ring: (x[j] - i x[j + n]) twist[j].
struct FromSequence {
  Features x, gate;
  std::int64_t t, n;
  const float* twist;
  HWY_INLINE Lanes at(std::int64_t j) const { return gate.times(j, x.load(j)); }
  HWY_INLINE void load(std::int64_t j, Lanes& re, Lanes& im) const {
    const LaneTag d;
    if (j + kAhead < t) x.prefetch(j + kAhead), gate.prefetch(j + kAhead);
    const auto low = j < t ? at(j) : hn::Zero(d);
    const auto wr = hn::Set(d, twist[2 * j]), wi = hn::Set(d, twist[2 * j + 1]);
    if (j + n >= t) {
      re = hn::Mul(low, wr), im = hn::Mul(low, wi);
      return;
    }
    const auto high = at(j + n);  // times -i: (0, -high)
    re = hn::MulAdd(high, wi, hn::Mul(low, wr));
    im = hn::NegMulAdd(high, wr, hn::Mul(low, wi));
  }
};

/// The way back: x[j] = Re(a conj(twist)) / n, x[j + n] = -Im(a conj(twist)) / n. Stored times a gate, and, if there is
/// a second place, there times another.
struct ToSequence {
  float *x, *second;  // of the same step
  Features gate, second_gate;
  std::int64_t step, t, n;
  const float* twist;
  bool add;
  HWY_INLINE void put(std::int64_t j, Lanes v) const {
    store_features(gate.times(j, v), x + j * step, gate.count, add);
    if (second) store_features(second_gate.times(j, v), second + j * step, gate.count, add);
  }
  HWY_INLINE void store(std::int64_t j, Lanes re, Lanes im) const {
    const LaneTag d;
    if (j + kAhead < t) {
      __builtin_prefetch(x + (j + kAhead) * step, 1);
      gate.prefetch(j + kAhead);
    }
    const auto scale = hn::Set(d, 1.0f / static_cast<float>(n));
    const auto wr = hn::Mul(scale, hn::Set(d, twist[2 * j])), wi = hn::Mul(scale, hn::Set(d, twist[2 * j + 1]));
    if (j < t) put(j, hn::MulAdd(im, wi, hn::Mul(re, wr)));
    if (j + n < t) put(j + n, hn::NegMulAdd(im, wr, hn::Mul(re, wi)));
  }
};

/// Twisted numbers in place.
struct Twisted {
  float* x;
  const float* twist;
  HWY_INLINE void load(std::int64_t j, Lanes& re, Lanes& im) const {
    InPlace{x}.load(j, re, im);
    rotate(re, im, twist + 2 * j);
  }
};
struct Untwisted {
  float* x;
  const float* twist;
  float scale;
  HWY_INLINE void store(std::int64_t j, Lanes re, Lanes im) const {
    const LaneTag d;
    rotate_back(re, im, twist + 2 * j);
    InPlace{x}.store(j, hn::Mul(re, hn::Set(d, scale)), hn::Mul(im, hn::Set(d, scale)));
  }
};

/// First pass of a transform, from where the numbers come from; returns the parts of the next level through `m`.
template <class From>
void first_pass(const FftPlan& plan, const From& from, float* x) {
  if (!plan.radices.empty()) return forward_pass(plan.radices[0], from, InPlace{x}, plan.n, plan.twiddles[0].data());
  Lanes re, im;
  from.load(0, re, im);
  InPlace{x}.store(0, re, im);
}

template <class To>
void last_pass(const FftPlan& plan, float* x, const To& to) {
  if (!plan.radices.empty()) return inverse_pass(plan.radices[0], InPlace{x}, to, plan.n, plan.twiddles[0].data());
  Lanes re, im;
  InPlace{x}.load(0, re, im);
  to.store(0, re, im);
}

/// What lies between them.
template <bool kBack, class Combine>
void middle(const FftPlan& plan, float* x, float* x2, const Combine& combine) {
  const auto radix = plan.radices.empty() ? 1 : plan.radices[0];
  for (std::int64_t s = 0; s < radix; ++s)
    transform_parts<kBack>(plan, 1, x, x2, s * (plan.n / radix), plan.n / radix, combine);
}

/// Position of the weight of lag m >= 0 is m; that of lag -m, of z^(2n - m) = -z^-m, the imaginary part of n - m.
struct KernelPlaces {
  std::int64_t n, origin;
  float* place(float* x, std::int64_t i) const {
    return i >= origin ? x + (i - origin) * kNumber : x + (n - (origin - i)) * kNumber + kLanes;
  }
};

/// Spectrum of the kernels of `count` features, k [count, l].
void kernel_spectrum(const FftPlan& plan, const float* k, std::int64_t count, std::int64_t l, std::int64_t origin,
                     float* x) {
  std::fill_n(x, plan.n * kNumber, 0.0f);
  const KernelPlaces places{plan.n, origin};
  constexpr std::int64_t kRun = 16;
  for (std::int64_t first = 0; first < l; first += kRun)
    for (std::int64_t lane = 0; lane < count; ++lane)
      for (std::int64_t i = first; i < std::min(l, first + kRun); ++i) places.place(x, i)[lane] = k[lane * l + i];
  first_pass(plan, Twisted{x, plan.twist.data()}, x);
  middle<false>(plan, x, nullptr, [](std::int64_t, std::int64_t) {});
}

/// Back from the spectrum of its gradient; x is destroyed.
void kernel_gradient(const FftPlan& plan, float* x, std::int64_t count, std::int64_t l, std::int64_t origin,
                     float* dk) {
  const auto radix = plan.radices.empty() ? 1 : plan.radices[0];
  // Inverse of everything but the first pass.
  const auto part = plan.n / radix;
  struct Inverse {
    const FftPlan& plan;
    float* x;
    void run(std::size_t level, std::int64_t at, std::int64_t m) const {
      if (level >= plan.radices.size()) return;
      const auto r = plan.radices[level];
      for (std::int64_t s = 0; s < r; ++s) run(level + 1, at + s * (m / r), m / r);
      inverse_pass(r, InPlace{x + at * kNumber}, InPlace{x + at * kNumber}, m, plan.twiddles[level].data());
    }
  };
  for (std::int64_t s = 0; s < radix; ++s) Inverse{plan, x}.run(1, s * part, part);
  last_pass(plan, x, Untwisted{x, plan.twist.data(), 1.0f / static_cast<float>(plan.n)});
  const KernelPlaces places{plan.n, origin};
  constexpr std::int64_t kRun = 16;
  for (std::int64_t first = 0; first < l; first += kRun)
    for (std::int64_t lane = 0; lane < count; ++lane)
      for (std::int64_t i = first; i < std::min(l, first + kRun); ++i) dk[lane * l + i] = places.place(x, i)[lane];
}

struct Rows {
  std::int64_t begin, end;
};
Rows rows_of(std::int64_t b, std::int64_t parts, std::int64_t part) {
  return {b * part / parts, b * (part + 1) / parts};
}

void convolve_block(const FftConvolution& p, std::int64_t c, std::int64_t first, Rows rows, float* spectrum, float* x) {
  const auto& plan = *p.plan;
  const auto count = std::min(kLanes, p.h - first);
  kernel_spectrum(plan, p.k + (c * p.h + first) * p.l, count, p.l, p.origin, spectrum);
  const auto multiply = [&](std::int64_t at, std::int64_t m) HWY_ATTR {
    for (std::int64_t j = at; j < at + m; ++j) {
      Lanes ar, ai, kr, ki;
      InPlace{x}.load(j, ar, ai);
      InPlace{spectrum}.load(j, kr, ki);
      InPlace{x}.store(j, hn::NegMulAdd(ai, ki, hn::Mul(ar, kr)), hn::MulAdd(ai, kr, hn::Mul(ar, ki)));
    }
  };
  const auto* twist = plan.twist.data();
  for (auto row = rows.begin; row < rows.end; ++row) {
    const auto u = features(p.u, row, first, count), gate = features(p.gate_in, row, first, count);
    first_pass(plan, FromSequence{u, gate, p.t, plan.n, twist}, x);
    middle<true>(plan, x, nullptr, multiply);
    const auto place = row * p.t * p.c * p.h + c * p.h + first;
    const auto out = features(p.gate_out, row, c * p.h + first, count);
    last_pass(plan, x,
              ToSequence{p.y + place, p.sums ? p.sums + place : nullptr, out, Features{nullptr, 0, count}, p.c * p.h,
                         p.t, plan.n, twist, false});
  }
}

/// With G, U, K the spectra of dy, u and k: that of du is G conj(K), of dk the sum over rows of G conj(U).
void gradient_block(const FftConvolutionGrad& p, std::int64_t part, std::int64_t first, Rows rows, float* workspace) {
  const auto& plan = *p.plan;
  const auto count = std::min(kLanes, p.h - first), size = plan.n * kNumber;
  float *spectrum = workspace, *g = spectrum + size, *u = g + size, *sum = u + size;
  const auto* twist = plan.twist.data();
  const auto combine = [&](std::int64_t at, std::int64_t m) HWY_ATTR {
    for (std::int64_t j = at; j < at + m; ++j) {
      Lanes gr, gi, ur, ui, kr, ki, sr, si;
      InPlace{g}.load(j, gr, gi);
      InPlace{u}.load(j, ur, ui);
      InPlace{spectrum}.load(j, kr, ki);
      InPlace{sum}.load(j, sr, si);
      InPlace{sum}.store(j, hn::MulAdd(gr, ur, hn::MulAdd(gi, ui, sr)), hn::MulAdd(gi, ur, hn::NegMulAdd(gr, ui, si)));
      InPlace{g}.store(j, hn::MulAdd(gi, ki, hn::Mul(gr, kr)), hn::NegMulAdd(gr, ki, hn::Mul(gi, kr)));
    }
  };
  for (std::int64_t c = 0; c < p.c; ++c) {
    kernel_spectrum(plan, p.k + (c * p.h + first) * p.l, count, p.l, p.origin, spectrum);
    std::fill_n(sum, size, 0.0f);
    for (auto row = rows.begin; row < rows.end; ++row) {
      const auto dy = features(p.dy, row, c * p.h + first, count);
      const auto in = features(p.u, row, first, count), gate = features(p.gate_in, row, first, count);
      const auto place = row * p.t * p.h + first;
      first_pass(plan, FromSequence{dy, features(p.gate_out, row, c * p.h + first, count), p.t, plan.n, twist}, g);
      first_pass(plan, FromSequence{in, gate, p.t, plan.n, twist}, u);
      middle<true>(plan, g, u, combine);
      last_pass(plan, g,
                ToSequence{p.du + place, p.dgate_in ? p.dgate_in + place : nullptr, gate, in, p.h, p.t, plan.n, twist,
                           c > 0});
    }
    kernel_gradient(plan, sum, count, p.l, p.origin, p.dk + ((part * p.c + c) * p.h + first) * p.l);
  }
}

std::int64_t lanes_of_target() { return kLanes; }

void convolve_all(const FftConvolution& p, float* workspace) {
  const auto blocks = (p.h + kLanes - 1) / kLanes, parts = fft_convolution_parts(p.b, p.h);
  const auto size = p.plan->n * kNumber;
#pragma omp parallel for collapse(3) schedule(dynamic, 1)
  for (std::int64_t block = 0; block < blocks; ++block)
    for (std::int64_t c = 0; c < p.c; ++c)
      for (std::int64_t part = 0; part < parts; ++part) {
        float* scratch = workspace + omp_get_thread_num() * 2 * size;
        convolve_block(p, c, block * kLanes, rows_of(p.b, parts, part), scratch, scratch + size);
      }
}

void gradient_all(const FftConvolutionGrad& p, float* workspace) {
  const auto blocks = (p.h + kLanes - 1) / kLanes;
  const auto size = p.plan->n * kNumber;
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
  for (std::int64_t block = 0; block < blocks; ++block)
    for (std::int64_t part = 0; part < p.parts; ++part)
      gradient_block(p, part, block * kLanes, rows_of(p.b, p.parts, part), workspace + omp_get_thread_num() * 4 * size);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(convolve_all);
HWY_EXPORT(gradient_all);
HWY_EXPORT(lanes_of_target);

std::int64_t fft_length(std::int64_t n) {
  std::int64_t power = 1;
  while (power < n) power *= 2;
  const auto three = power / 4 * 3;
  return three >= n && three > 0 ? three : power;
}

FftPlan fft_plan(std::int64_t n) {
  FftPlan plan;
  plan.n = n;
  auto rest = n;
  if (rest % 3 == 0) plan.radices.push_back(3), rest /= 3;
  int twos = 0;
  for (; rest > 1; rest /= 2) ++twos;
  int fours = twos % 3 == 2 ? 1 : twos % 3 == 1 && twos >= 4 ? 2 : 0;
  for (int i = 0; i < (twos - 2 * fours) / 3; ++i) plan.radices.push_back(8);
  for (int i = 0; i < fours; ++i) plan.radices.push_back(4);
  if ((twos - 2 * fours) % 3 == 1) plan.radices.push_back(2);
  auto m = n;
  for (const auto radix : plan.radices) {
    std::vector<float> table;
    for (std::int64_t q = 0; q < m / radix; ++q)
      for (std::int64_t s = 1; s < radix; ++s) {
        const double angle = -2 * M_PI * static_cast<double>((s * q) % m) / static_cast<double>(m);
        table.push_back(static_cast<float>(std::cos(angle)));
        table.push_back(static_cast<float>(std::sin(angle)));
      }
    plan.twiddles.push_back(std::move(table));
    m /= radix;
  }
  for (std::int64_t j = 0; j < n; ++j) {
    const double angle = -M_PI * static_cast<double>(j) / (2 * static_cast<double>(n));
    plan.twist.push_back(static_cast<float>(std::cos(angle)));
    plan.twist.push_back(static_cast<float>(std::sin(angle)));
  }
  return plan;
}

std::int64_t fft_convolution_parts(std::int64_t b, std::int64_t h) {
  constexpr std::int64_t kItems = 8;  // pieces of work worth having
  const auto blocks = (h + 15) / 16;
  return std::max<std::int64_t>(1, std::min(b, (kItems + blocks - 1) / blocks));
}

std::int64_t fft_convolution_workspace(const FftPlan& plan, bool gradient) {
  const auto number = 2 * HWY_DYNAMIC_DISPATCH(lanes_of_target)();
  return omp_get_max_threads() * (gradient ? 4 : 2) * plan.n * number;
}

void fft_convolution(const FftConvolution& p, float* workspace) { HWY_DYNAMIC_DISPATCH(convolve_all)(p, workspace); }
void fft_convolution_grad(const FftConvolutionGrad& p, float* workspace) {
  HWY_DYNAMIC_DISPATCH(gradient_all)(p, workspace);
}

}  // namespace longwave::kernels
#endif
