#include "longwave/kernels/gated_linear_unit.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/gated_linear_unit.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/row_parts.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 14;  // numbers

/// Numbers i, i + 1, ... of a row of 2 d, with their bias.
template <class D>
HWY_INLINE hn::Vec<D> with_bias(D tag, const GatedLinearUnit& g, std::int64_t row, std::int64_t i) {
  const auto x = hn::LoadU(tag, g.x + row * 2 * g.d + i);
  return g.bias ? hn::Add(x, hn::LoadU(tag, g.bias + i)) : x;
}

}  // namespace

void gated_linear_unit_all(const GatedLinearUnit& g, float* y) {
#pragma omp parallel for schedule(static, kRowBlock) if (g.rows * g.d > kWorthThreads)
  for (std::int64_t row = 0; row < g.rows; ++row)
    for_lanes(g.d, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto gate = sigmoid(tag, with_bias(tag, g, row, g.d + i));
      hn::StoreU(hn::Mul(with_bias(tag, g, row, i), gate), tag, y + row * g.d + i);
    });
}

void gated_linear_unit_grad_all(const GatedLinearUnit& g, const float* dy, float* dx, float* dbias, float* workspace) {
  const auto parts = row_parts(g.rows), width = 2 * g.d;
#pragma omp parallel for schedule(static) if (g.rows * g.d > kWorthThreads)
  for (std::int64_t part = 0; part < parts; ++part) {
    float* sums = workspace + part * width;
    std::fill_n(sums, width, 0.0f);
    const auto end = (part + 1) * g.rows / parts;
    for (auto row = part * g.rows / parts; row < end; ++row)
      for_lanes(g.d, [&](auto tag, std::int64_t i) HWY_ATTR {
        const auto add = [&](std::int64_t at, auto d) HWY_ATTR {
          hn::StoreU(d, tag, dx + row * width + at);
          hn::StoreU(hn::Add(hn::LoadU(tag, sums + at), d), tag, sums + at);
        };
        const auto gate = sigmoid(tag, with_bias(tag, g, row, g.d + i));
        const auto da = hn::Mul(hn::LoadU(tag, dy + row * g.d + i), gate);
        add(i, da);
        add(g.d + i, hn::Mul(hn::Mul(da, with_bias(tag, g, row, i)), hn::Sub(hn::Set(tag, 1.0f), gate)));
      });
  }
  for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, workspace + part * width, workspace, width);
  if (g.bias) std::copy_n(workspace, width, dbias);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(gated_linear_unit_all);
HWY_EXPORT(gated_linear_unit_grad_all);

void gated_linear_unit(const GatedLinearUnit& g, float* y) { HWY_DYNAMIC_DISPATCH(gated_linear_unit_all)(g, y); }
std::int64_t gated_linear_unit_grad_workspace(const GatedLinearUnit& g) { return row_parts(g.rows) * 2 * g.d; }
void gated_linear_unit_grad(const GatedLinearUnit& g, const float* dy, float* dx, float* dbias, float* workspace) {
  HWY_DYNAMIC_DISPATCH(gated_linear_unit_grad_all)(g, dy, dx, dbias, workspace);
}

}  // namespace longwave::kernels
#endif
