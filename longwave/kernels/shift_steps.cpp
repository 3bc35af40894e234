#include "longwave/kernels/shift_steps.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/shift_steps.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 16;  // numbers of states, steps and channels

/// moved [n + 1] begins with the zero that enters.
void run_channel(const ShiftSteps& s, std::int64_t row, std::int64_t channel, float* moved) {
  const float *b = s.b + channel * s.n, *c = s.c + channel * s.n, *state = s.before + (row * s.d + channel) * s.n;
  float* behind = s.behind + (row * s.d + channel) * s.n;
  const auto length = s.length(row);
  if (length == 0) std::copy_n(state, s.n, behind);
  for (std::int64_t t = 0; t < s.t; ++t) {
    const auto at = (row * s.t + t) * s.d + channel;
    if (t >= length) {
      s.y[at] = 0;
      continue;
    }
    std::copy_n(state, s.n, moved + 1);
    const float x = s.x[at];
    const float y = sum_of(s.n, [&](auto tag, std::int64_t j) HWY_ATTR {
      const auto next = hn::MulAdd(hn::LoadU(tag, b + j), hn::Set(tag, x), hn::LoadU(tag, moved + j));
      hn::StoreU(next, tag, behind + j);
      return hn::Mul(hn::LoadU(tag, c + j), next);
    });
    s.y[at] = y + s.skip[channel] * x;
    state = behind;
  }
}

}  // namespace

void shift_steps_all(const ShiftSteps& s) {
#pragma omp parallel if (s.rows * s.t * s.d * s.n > kWorthThreads)
  {
    std::vector<float> moved(static_cast<std::size_t>(s.n + 1));
#pragma omp for schedule(static)
    for (std::int64_t i = 0; i < s.rows * s.d; ++i) run_channel(s, i / s.d, i % s.d, moved.data());
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(shift_steps_all);

void shift_steps(const ShiftSteps& s) { HWY_DYNAMIC_DISPATCH(shift_steps_all)(s); }

}  // namespace longwave::kernels
#endif
