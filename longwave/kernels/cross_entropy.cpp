#include "longwave/kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/cross_entropy.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 14;  // logits
constexpr std::int64_t kColumns = 512;           // whose sums stay in the first-level cache

float largest_of(const float* x, std::int64_t n) {
  const hn::ScalableTag<float> wide;
  const auto step = static_cast<std::int64_t>(hn::Lanes(wide));
  auto largest = hn::Set(wide, x[0]);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) largest = hn::Max(largest, hn::LoadU(wide, x + i));
  float result = hn::GetLane(hn::MaxOfLanes(wide, largest));
  for (; i < n; ++i) result = std::max(result, x[i]);
  return result;
}

/// Sum of e^(x - base), which also go to `each` unless that is null: in double across vectors, for vocabularies are
/// large.
HWY_INLINE double sum_of_exponentials(const float* x, std::int64_t n, float base, float* each) {
  double sum = 0;
  for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto e = fast_exp(tag, hn::Sub(hn::LoadU(tag, x + i), hn::Set(tag, base)));
    sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, e)));
    if (each) hn::StoreU(e, tag, each + i);
  });
  return sum;
}

}  // namespace

void cross_entropy_all(const CrossEntropy& c, const float* logits, float* loss, float* lse) {
#pragma omp parallel for schedule(static) if (c.rows * c.classes > kWorthThreads)
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const float* x = logits + row * c.classes;
    const float base = largest_of(x, c.classes);
    lse[row] = base + static_cast<float>(std::log(sum_of_exponentials(x, c.classes, base, nullptr)));
    loss[row] = c.targets[row] == c.ignored ? 0 : lse[row] - x[c.targets[row]];
  }
}

void cross_entropy_sum_grad_all(const CrossEntropy& c, float* logits, float* loss, float* lse) {
#pragma omp parallel for schedule(static) if (c.rows * c.classes > kWorthThreads)
  for (std::int64_t row = 0; row < c.rows; ++row) {
    float* x = logits + row * c.classes;
    const bool ignored = c.targets[row] == c.ignored;
    const float base = largest_of(x, c.classes), picked = ignored ? 0 : x[c.targets[row]];
    const double sum = sum_of_exponentials(x, c.classes, base, x);
    lse[row] = base + static_cast<float>(std::log(sum));
    loss[row] = ignored ? 0 : lse[row] - picked;
    const auto scale = ignored ? 0 : static_cast<float>(1 / sum);
    for_lanes(c.classes, [&](auto tag, std::int64_t i)
                             HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, scale)), tag, x + i); });
    if (!ignored) x[c.targets[row]] -= 1;
  }
}

void cross_entropy_grad_all(const CrossEntropy& c, const float* lse, const float* dloss, float* logits) {
#pragma omp parallel for schedule(static) if (c.rows * c.classes > kWorthThreads)
  for (std::int64_t row = 0; row < c.rows; ++row) {
    float* x = logits + row * c.classes;
    if (c.targets[row] == c.ignored) {
      std::fill_n(x, c.classes, 0.0f);
      continue;
    }
    for_lanes(c.classes, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto p = fast_exp(tag, hn::Sub(hn::LoadU(tag, x + i), hn::Set(tag, lse[row])));
      hn::StoreU(hn::Mul(p, hn::Set(tag, dloss[row])), tag, x + i);
    });
    x[c.targets[row]] -= dloss[row];
  }
}

void add_sums_over_rows_all(const float* x, std::int64_t rows, std::int64_t n, float* sums) {
#pragma omp parallel for schedule(static) if (rows * n > kWorthThreads)
  for (std::int64_t first = 0; first < n; first += kColumns)
    for (std::int64_t row = 0; row < rows; ++row)
      add_scaled(1, x + row * n + first, sums + first, std::min(kColumns, n - first));
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(cross_entropy_all);
HWY_EXPORT(cross_entropy_sum_grad_all);
HWY_EXPORT(cross_entropy_grad_all);
HWY_EXPORT(add_sums_over_rows_all);

void cross_entropy(const CrossEntropy& c, const float* logits, float* loss, float* lse) {
  HWY_DYNAMIC_DISPATCH(cross_entropy_all)(c, logits, loss, lse);
}
void cross_entropy_sum_grad(const CrossEntropy& c, float* logits, float* loss, float* lse) {
  HWY_DYNAMIC_DISPATCH(cross_entropy_sum_grad_all)(c, logits, loss, lse);
}
void cross_entropy_grad(const CrossEntropy& c, const float* lse, const float* dloss, float* logits) {
  HWY_DYNAMIC_DISPATCH(cross_entropy_grad_all)(c, lse, dloss, logits);
}

void add_sums_over_rows(const float* x, std::int64_t rows, std::int64_t n, float* sums) {
  HWY_DYNAMIC_DISPATCH(add_sums_over_rows_all)(x, rows, n, sums);
}

}  // namespace longwave::kernels
#endif
