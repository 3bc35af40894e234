#include "longwave/kernels/batch_norm.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/row_parts.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 14;  // numbers

/// Calls body(row) for the rows of one part that count.
template <class Body>
void for_counted(const BatchNorm& n, std::int64_t part, std::int64_t parts, Body body) {
  const auto end = (part + 1) * n.rows / parts;
  for (auto row = part * n.rows / parts; row < end; ++row)
    if (!n.counts || n.counts[row]) body(row);
}

/// Sums over the rows that count: body(row, sums) adds a row to `sums` [width] of its part. The total is in the first
/// part in the end.
template <class Body>
void sum_rows(const BatchNorm& n, std::int64_t width, float* workspace, Body body) {
  const auto parts = row_parts(n.rows);
#pragma omp parallel for schedule(static) if (n.rows * n.d > kWorthThreads)
  for (std::int64_t part = 0; part < parts; ++part) {
    float* sums = workspace + part * width;
    std::fill_n(sums, width, 0.0f);
    for_counted(n, part, parts, [&](std::int64_t row) HWY_ATTR { body(row, sums); });
  }
  for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, workspace + part * width, workspace, width);
}

/// body(tag, i, at) for the numbers of rows that count, at = row d + i; the other rows of `out` become zero.
template <class Body>
void write_rows(const BatchNorm& n, float* out, Body body) {
#pragma omp parallel for schedule(static, kRowBlock) if (n.rows * n.d > kWorthThreads)
  for (std::int64_t row = 0; row < n.rows; ++row) {
    if (n.counts && !n.counts[row]) {
      std::fill_n(out + row * n.d, n.d, 0.0f);
      continue;
    }
    for_lanes(n.d, [&](auto tag, std::int64_t i)
                       HWY_ATTR { hn::StoreU(body(tag, i, row * n.d + i), tag, out + row * n.d + i); });
  }
}

}  // namespace

void batch_norm_all(const BatchNorm& n, float* y, float* mean, float* variance, float* workspace) {
  const auto share = 1 / static_cast<float>(n.counted);
  sum_rows(n, n.d, workspace,
           [&](std::int64_t row, float* sums) HWY_ATTR { add_scaled(1, n.x + row * n.d, sums, n.d); });
  for (std::int64_t i = 0; i < n.d; ++i) mean[i] = share * workspace[i];
  sum_rows(n, n.d, workspace, [&](std::int64_t row, float* sums) HWY_ATTR {
    for_lanes(n.d, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(tag, n.x + row * n.d + i), hn::LoadU(tag, mean + i));
      hn::StoreU(hn::MulAdd(centred, centred, hn::LoadU(tag, sums + i)), tag, sums + i);
    });
  });
  float* scale = workspace + n.d;  // behind the total
  for (std::int64_t i = 0; i < n.d; ++i) {
    variance[i] = share * workspace[i];
    scale[i] = n.weight[i] / std::sqrt(variance[i] + n.eps);
  }
  write_rows(n, y, [&](auto tag, std::int64_t i, std::int64_t at) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(tag, n.x + at), hn::LoadU(tag, mean + i));
    return hn::MulAdd(centred, hn::LoadU(tag, scale + i), hn::LoadU(tag, n.bias + i));
  });
}

void batch_norm_grad_all(const BatchNorm& n, const float* mean, const float* variance, const float* dy, float* dx,
                         float* dweight, float* dbias, float* workspace) {
  const auto share = 1 / static_cast<float>(n.counted);
  sum_rows(n, 2 * n.d, workspace, [&](std::int64_t row, float* sums) HWY_ATTR {  // of dy, and of dy (x - mean)
    for_lanes(n.d, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto d = hn::LoadU(tag, dy + row * n.d + i);
      const auto centred = hn::Sub(hn::LoadU(tag, n.x + row * n.d + i), hn::LoadU(tag, mean + i));
      hn::StoreU(hn::Add(hn::LoadU(tag, sums + i), d), tag, sums + i);
      hn::StoreU(hn::MulAdd(d, centred, hn::LoadU(tag, sums + n.d + i)), tag, sums + n.d + i);
    });
  });
  // dx = scale dy - fall (x - mean) - shift
  float *scale = workspace + 2 * n.d, *fall = scale + n.d, *shift = fall + n.d;
  for (std::int64_t i = 0; i < n.d; ++i) {
    const auto inverse = 1 / std::sqrt(variance[i] + n.eps);
    dbias[i] = workspace[i];
    dweight[i] = inverse * workspace[n.d + i];
    scale[i] = n.weight[i] * inverse;
    fall[i] = share * scale[i] * inverse * dweight[i];
    shift[i] = share * scale[i] * dbias[i];
  }
  write_rows(n, dx, [&](auto tag, std::int64_t i, std::int64_t at) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(tag, n.x + at), hn::LoadU(tag, mean + i));
    const auto rest = hn::MulAdd(centred, hn::LoadU(tag, fall + i), hn::LoadU(tag, shift + i));
    return hn::MulSub(hn::LoadU(tag, scale + i), hn::LoadU(tag, dy + at), rest);
  });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(batch_norm_all);
HWY_EXPORT(batch_norm_grad_all);

std::int64_t batch_norm_workspace(const BatchNorm& n) { return (2 * row_parts(n.rows) + 3) * n.d; }
void batch_norm(const BatchNorm& n, float* y, float* mean, float* variance, float* workspace) {
  HWY_DYNAMIC_DISPATCH(batch_norm_all)(n, y, mean, variance, workspace);
}
void batch_norm_grad(const BatchNorm& n, const float* mean, const float* variance, const float* dy, float* dx,
                     float* dweight, float* dbias, float* workspace) {
  HWY_DYNAMIC_DISPATCH(batch_norm_grad_all)(n, mean, variance, dy, dx, dweight, dbias, workspace);
}

}  // namespace longwave::kernels
#endif
