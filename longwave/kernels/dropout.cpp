#include "longwave/kernels/dropout.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/dropout.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/dropout-inl.h"
#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

constexpr std::int64_t kBlock = 1 << 15;  // elements per work item

void dropout_all(const float* x, float* y, std::int64_t n, const DropoutMask& mask) {
#pragma omp parallel for schedule(static) if (n > kBlock)
  for (std::int64_t first = 0; first < n; first += kBlock)
    for_lanes(std::min(kBlock, n - first), [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto at = first + i;
      hn::StoreU(hn::Mul(hn::LoadU(tag, x + at), dropout_factors(tag, mask, at)), tag, y + at);
    });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(dropout_all);

void dropout(const float* x, float* y, std::int64_t n, const DropoutMask& mask) {
  HWY_DYNAMIC_DISPATCH(dropout_all)(x, y, n, mask);
}

}  // namespace longwave::kernels
#endif
