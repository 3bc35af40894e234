// The angle of position p = far + near, far a multiple of kNear, is that of far turned on by that of near: one complex
// product in double instead of a sine and a cosine. Positions are split the same way whatever piece they come in.

#include "longwave/kernels/rotary.h"

#include <algorithm>
#include <cmath>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/rotary.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kNear = 64;
constexpr std::int64_t kGrain = 1 << 14;  // numbers that one thread turns at least

/// Cosines and sines of `position` times each rate.
struct Turns {
  explicit Turns(std::size_t pairs) : cosine(pairs), sine(pairs) {}
  void set(const std::vector<double>& rates, std::int64_t position) {
    for (std::size_t c = 0; c < rates.size(); ++c) {
      const double angle = static_cast<double>(position) * rates[c];
      cosine[c] = std::cos(angle), sine[c] = std::sin(angle);
    }
  }
  std::vector<double> cosine, sine;
};

/// Those of the sum of two angles, rounded to float, the sine times `sign`.
void add_turns(const Turns& far, const Turns& near, double sign, float* cosine, float* sine) {
  const auto pairs = static_cast<std::int64_t>(far.cosine.size());
  const auto run = [&](auto tag, std::int64_t c) HWY_ATTR {
    const hn::Rebind<float, decltype(tag)> narrow;
    const auto fc = hn::LoadU(tag, far.cosine.data() + c), fs = hn::LoadU(tag, far.sine.data() + c);
    const auto nc = hn::LoadU(tag, near.cosine.data() + c), ns = hn::LoadU(tag, near.sine.data() + c);
    hn::StoreU(hn::DemoteTo(narrow, hn::NegMulAdd(fs, ns, hn::Mul(fc, nc))), narrow, cosine + c);
    const auto sum = hn::MulAdd(fc, ns, hn::Mul(fs, nc));
    hn::StoreU(hn::DemoteTo(narrow, hn::Mul(sum, hn::Set(tag, sign))), narrow, sine + c);
  };
  const hn::ScalableTag<double> wide;
  const hn::CappedTag<double, 1> single;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(wide));
  std::int64_t c = 0;
  for (; c + lanes <= pairs; c += lanes) run(wide, c);
  for (; c < pairs; ++c) run(single, c);
}

/// One vector.
HWY_INLINE void turn(const float* x, std::int64_t d, bool half, const float* cosine, const float* sine, float* y) {
  const auto pairs = d / 2;
  for_lanes(pairs, [&](auto tag, std::int64_t c) HWY_ATTR {
    const auto cos = hn::LoadU(tag, cosine + c), sin = hn::LoadU(tag, sine + c);
    hn::Vec<decltype(tag)> first, second;
    if (half)
      first = hn::LoadU(tag, x + c), second = hn::LoadU(tag, x + pairs + c);
    else
      hn::LoadInterleaved2(tag, x + 2 * c, first, second);
    const auto turned_first = hn::NegMulAdd(second, sin, hn::Mul(first, cos));
    const auto turned_second = hn::MulAdd(first, sin, hn::Mul(second, cos));
    if (half)
      hn::StoreU(turned_first, tag, y + c), hn::StoreU(turned_second, tag, y + pairs + c);
    else
      hn::StoreInterleaved2(turned_first, turned_second, tag, y + 2 * c);
  });
}

void rotary_all(const Rotary& r, const float* x, float* y) {
  const auto pairs = static_cast<std::size_t>(r.d / 2);
  std::vector<double> rates(pairs);
  for (std::size_t c = 0; c < pairs; ++c) rates[c] = std::pow(r.ratio, static_cast<double>(c));
  std::vector<Turns> nears;
  if (r.t >= kNear)
    for (std::int64_t i = 0; i < kNear; ++i) nears.emplace_back(pairs).set(rates, i);
  const double sign = r.backwards ? -1 : 1;
  const auto steps = r.b * r.t, per_step = r.h * r.d;
  const auto grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, per_step));
  const auto parts = (steps + grain - 1) / grain;
#pragma omp parallel for schedule(static) if (parts > 1)
  for (std::int64_t part = 0; part < parts; ++part) {
    Turns far(pairs), own(pairs);
    std::vector<float> cosine(pairs), sine(pairs);
    std::int64_t far_position = -1;
    for (auto step = part * grain; step < std::min(steps, (part + 1) * grain); ++step) {
      const auto position = step % r.t + (r.offsets ? r.offsets[step / r.t] : 0);
      const auto near = position % kNear;
      if (position - near != far_position) far.set(rates, far_position = position - near);
      if (nears.empty()) own.set(rates, near);
      add_turns(far, nears.empty() ? own : nears[static_cast<std::size_t>(near)], sign, cosine.data(), sine.data());
      for (auto at = step * per_step; at < (step + 1) * per_step; at += r.d)
        turn(x + at, r.d, r.half, cosine.data(), sine.data(), y + at);
    }
  }
}

}  // namespace
}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(rotary_all);

void rotary(const Rotary& r, const float* x, float* y) { HWY_DYNAMIC_DISPATCH(rotary_all)(r, x, y); }

}  // namespace longwave::kernels
#endif
