#include "bench/exp_rate.h"

#include <omp.h>

#include <algorithm>
#include <chrono>

#ifndef LONGWAVE_BENCH_EXP_NUMBERS
#define LONGWAVE_BENCH_EXP_NUMBERS
namespace longwave::bench {
constexpr int kExpNumbers = 2048;  // 8 KiB in, 8 KiB out
}
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/exp_rate.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// y = exp(x), as the scans use it: one product, then 2^.
void exp_all(const float* x, float* y, int repeats) {
  const hn::CappedTag<float, 16> tag;
  const auto lanes = static_cast<int>(hn::Lanes(tag));
  for (int repeat = 0; repeat < repeats; ++repeat)
    for (int i = 0; i < bench::kExpNumbers; i += lanes)
      hn::StoreU(exp2(tag, hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, kLog2E))), tag, y + i);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {
HWY_EXPORT(exp_all);
void run_exp(const float* x, float* y, int repeats) { HWY_DYNAMIC_DISPATCH(exp_all)(x, y, repeats); }
}  // namespace longwave::kernels

namespace longwave::bench {

double measure_exp_rate() {
  constexpr int kRepeats = 20000;
  double best = 0;
  for (int trial = 0; trial < 5; ++trial) {
    const auto start = std::chrono::steady_clock::now();
#pragma omp parallel
    {
      alignas(64) float x[kExpNumbers], y[kExpNumbers];
      std::fill_n(x, std::size(x), -0.3f);
      kernels::run_exp(x, y, kRepeats);
      volatile float sink = y[7];
      (void)sink;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 1.0 * omp_get_max_threads() * kRepeats * kExpNumbers / seconds);
  }
  return best;
}

}  // namespace longwave::bench
#endif
