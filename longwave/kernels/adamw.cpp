#include "longwave/kernels/adamw.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/adamw.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

constexpr std::int64_t kBlock = 1 << 14;  // elements per work item

void adamw_block(const AdamWPart& part, const AdamWScalars& s, std::int64_t first, std::int64_t n) {
  for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto at = first + i;
    const auto set = [&](float value) HWY_ATTR { return hn::Set(tag, value); };
    const auto g = hn::Mul(hn::LoadU(tag, part.gradient + at), set(s.gradient_scale));
    const auto m_old = hn::LoadU(tag, part.average + at);
    const auto m = hn::MulAdd(set(1 - s.beta1), hn::Sub(g, m_old), m_old);
    const auto v_old = hn::LoadU(tag, part.average_square + at);
    const auto v = hn::MulAdd(set(s.beta2), v_old, hn::Mul(hn::Mul(set(1 - s.beta2), g), g));
    const auto root = hn::MulAdd(hn::Sqrt(v), set(s.inverse_root), set(s.eps));
    const auto w = hn::Mul(hn::LoadU(tag, part.parameter + at), set(s.decay));
    hn::StoreU(m, tag, part.average + at);
    hn::StoreU(v, tag, part.average_square + at);
    hn::StoreU(hn::NegMulAdd(set(s.rate), hn::Div(m, root), w), tag, part.parameter + at);
  });
}

void adamw_all(const AdamWPart& part, const AdamWScalars& s) {
#pragma omp parallel for schedule(static) if (part.n > 2 * kBlock)
  for (std::int64_t first = 0; first < part.n; first += kBlock)
    adamw_block(part, s, first, std::min(kBlock, part.n - first));
}

double sum_of_squares_all(const float* x, std::int64_t n) {
  const auto blocks = (n + kBlock - 1) / kBlock;
  constexpr std::int64_t kPiece = 256;  // added up in float before it goes to the double sum
  double total = 0;
#pragma omp parallel for ordered schedule(static, 1) if (blocks > 2)
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto end = std::min(n, (block + 1) * kBlock);
    double sum = 0;
    for (auto first = block * kBlock; first < end; first += kPiece) {
      const auto count = std::min(kPiece, end - first);
      sum += dot(x + first, x + first, count);
    }
#pragma omp ordered
    total += sum;
  }
  return total;
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(adamw_all);
HWY_EXPORT(sum_of_squares_all);

void adamw(const AdamWPart& part, const AdamWScalars& s) { HWY_DYNAMIC_DISPATCH(adamw_all)(part, s); }
double sum_of_squares(const float* x, std::int64_t n) { return HWY_DYNAMIC_DISPATCH(sum_of_squares_all)(x, n); }

}  // namespace longwave::kernels
#endif
