#include "bench/kernel_rates.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#ifndef LONGWAVE_BENCH_KERNEL_RATES
#define LONGWAVE_BENCH_KERNEL_RATES
namespace longwave::bench {
constexpr int kExpNumbers = 2048;  // 8 KiB in, 8 KiB out
constexpr int kFftNumbers = 256;   // of every lane; 32 KiB with 16 lanes
}  // namespace longwave::bench
#endif

#undef HWY_DISABLED_TARGETS  // besides what the build leaves out: those that the transforms leave out
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/kernel_rates.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/fft-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// y = exp(x), as the scans use it: one product, then 2^.
void exp_all(float* x, float* y, int repeats) {
  const hn::CappedTag<float, 16> tag;
  const auto lanes = static_cast<int>(hn::Lanes(tag));
  for (int repeat = 0; repeat < repeats; ++repeat)
    for (int i = 0; i < bench::kExpNumbers; i += lanes)
      hn::StoreU(exp2(tag, hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, kLog2E))), tag, y + i);
}

/// Transforms of kLanes sequences, forward and back. Returns how many sequences there are.
std::int64_t transform_all(const FftPlan& plan, float* x, int repeats) {
  const auto scale = hn::Set(LaneTag(), 1.0f / static_cast<float>(plan.n));
  for (int repeat = 0; repeat < repeats; ++repeat)
    transform_parts<true>(plan, 0, x, nullptr, 0, plan.n, [&](std::int64_t, std::int64_t m) {
      for (std::int64_t i = 0; i < 2 * m; ++i)
        hn::Store(hn::Mul(hn::Load(LaneTag(), x + i * kLanes), scale), LaneTag(), x + i * kLanes);
    });
  return kLanes;
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {
HWY_EXPORT(exp_all);
HWY_EXPORT(transform_all);
void run_exp(float* x, float* y, int repeats) { HWY_DYNAMIC_DISPATCH(exp_all)(x, y, repeats); }
std::int64_t run_transforms(const FftPlan& plan, float* x, int repeats) {
  return HWY_DYNAMIC_DISPATCH(transform_all)(plan, x, repeats);
}
}  // namespace longwave::kernels

namespace longwave::bench {
namespace {

/// Seconds of the fastest of 20 runs of `body` on all threads at once.
template <class Body>
double best_seconds(const Body& body) {
  double best = 1e30;
  for (int trial = 0; trial < 20; ++trial) {
    const auto start = std::chrono::steady_clock::now();
#pragma omp parallel
    body();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

double measure_exp_rate() {
  constexpr int kRepeats = 20000;
  const double seconds = best_seconds([] {
    alignas(64) float x[kExpNumbers], y[kExpNumbers];
    std::fill_n(x, std::size(x), -0.3f);
    kernels::run_exp(x, y, kRepeats);
    volatile float sink = y[7];
    (void)sink;
  });
  return 1.0 * omp_get_max_threads() * kRepeats * kExpNumbers / seconds;
}

double measure_fft_rate() {
  constexpr int kRepeats = 2000;
  const auto plan = kernels::fft_plan(kFftNumbers);
  std::int64_t sequences = 0;
  const double seconds = best_seconds([&] {
    alignas(64) float x[2 * 16 * kFftNumbers];
    std::fill_n(x, std::size(x), 0.3f);
    const auto count = kernels::run_transforms(plan, x, kRepeats);
#pragma omp master
    sequences = count;
    volatile float sink = x[7];
    (void)sink;
  });
  const double one = 5 * kFftNumbers * std::log2(kFftNumbers);
  return 2 * one * omp_get_max_threads() * kRepeats * static_cast<double>(sequences) / seconds;
}

}  // namespace longwave::bench
#endif
