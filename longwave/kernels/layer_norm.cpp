#include "longwave/kernels/layer_norm.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/layer_norm.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/row_parts.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 15;  // numbers

/// Sum over i of term(tag, i).
template <class Term>
HWY_INLINE float sum_of(std::int64_t n, Term term) {
  const hn::ScalableTag<float> wide;
  const auto step = static_cast<std::int64_t>(hn::Lanes(wide));
  auto total = hn::Zero(wide);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) total = hn::Add(total, term(wide, i));
  float sum = hn::GetLane(hn::SumOfLanes(wide, total));
  const hn::CappedTag<float, 1> single;
  for (; i < n; ++i) sum += hn::GetLane(term(single, i));
  return sum;
}

struct Moments {
  float mean, inverse;  // inverse: 1 / standard deviation
};

HWY_INLINE Moments moments(const LayerNorm& n, const float* s) {
  const auto width = static_cast<float>(n.width);
  Moments m{0, 0};
  if (n.centered)
    m.mean = sum_of(n.width, [&](auto tag, std::int64_t i) HWY_ATTR { return hn::LoadU(tag, s + i); }) / width;
  const float squares = sum_of(n.width, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto x = hn::Sub(hn::LoadU(tag, s + i), hn::Set(tag, m.mean));
    return hn::Mul(x, x);
  });
  m.inverse = 1 / std::sqrt(squares / width + n.eps);
  return m;
}

void norm_row(const LayerNorm& n, std::int64_t row, float* y, float* sum) {
  const float* s = n.x + row * n.width;
  if (n.residual) {
    float* to = sum + row * n.width;
    const float* residual = n.residual + row * n.width;
    for_lanes(n.width, [&](auto tag, std::int64_t i) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(tag, s + i), hn::LoadU(tag, residual + i)), tag, to + i);
    });
    s = to;
  }
  const auto m = moments(n, s);
  for_lanes(n.width, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto x = hn::Mul(hn::Sub(hn::LoadU(tag, s + i), hn::Set(tag, m.mean)), hn::Set(tag, m.inverse));
    const auto bias = n.bias ? hn::LoadU(tag, n.bias + i) : hn::Zero(tag);
    hn::StoreU(hn::MulAdd(x, hn::LoadU(tag, n.weight + i), bias), tag, y + row * n.width + i);
  });
}

void grad_row(const LayerNorm& n, std::int64_t row, const float* dy, const float* dsum, float* ds, float* dweight,
              float* dbias) {
  const auto at = row * n.width;
  const float *s = n.x + at, *g = dy + at;
  const auto m = moments(n, s);
  const auto normed = [&](auto tag, std::int64_t i) HWY_ATTR {
    return hn::Mul(hn::Sub(hn::LoadU(tag, s + i), hn::Set(tag, m.mean)), hn::Set(tag, m.inverse));
  };
  const auto weighted = [&](auto tag, std::int64_t i)
                            HWY_ATTR { return hn::Mul(hn::LoadU(tag, g + i), hn::LoadU(tag, n.weight + i)); };
  const auto width = static_cast<float>(n.width);
  const float mean = n.centered ? sum_of(n.width, weighted) / width : 0;
  const float along =
      sum_of(n.width, [&](auto tag, std::int64_t i) HWY_ATTR { return hn::Mul(weighted(tag, i), normed(tag, i)); }) /
      width;
  for_lanes(n.width, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto x = normed(tag, i), gradient = hn::LoadU(tag, g + i);
    auto d = hn::Sub(weighted(tag, i), hn::Set(tag, mean));
    d = hn::Mul(hn::NegMulAdd(x, hn::Set(tag, along), d), hn::Set(tag, m.inverse));
    if (dsum) d = hn::Add(d, hn::LoadU(tag, dsum + at + i));
    hn::StoreU(d, tag, ds + at + i);
    hn::StoreU(hn::MulAdd(gradient, x, hn::LoadU(tag, dweight + i)), tag, dweight + i);
    hn::StoreU(hn::Add(gradient, hn::LoadU(tag, dbias + i)), tag, dbias + i);
  });
}

}  // namespace

void layer_norm_all(const LayerNorm& n, float* y, float* sum) {
#pragma omp parallel for schedule(static, kRowBlock) if (n.rows * n.width > kWorthThreads)
  for (std::int64_t row = 0; row < n.rows; ++row) norm_row(n, row, y, sum);
}

void layer_norm_grad_all(const LayerNorm& n, const float* dy, const float* dsum, float* ds, float* dweight,
                         float* dbias, float* workspace) {
  const auto parts = row_parts(n.rows);
#pragma omp parallel for schedule(static) if (n.rows * n.width > kWorthThreads)
  for (std::int64_t part = 0; part < parts; ++part) {
    float *dw = workspace + part * 2 * n.width, *db = dw + n.width;
    std::fill_n(dw, 2 * n.width, 0.0f);
    const auto end = (part + 1) * n.rows / parts;
    for (auto row = part * n.rows / parts; row < end; ++row) grad_row(n, row, dy, dsum, ds, dw, db);
  }
  for (std::int64_t part = 1; part < parts; ++part)
    add_scaled(1, workspace + part * 2 * n.width, workspace, 2 * n.width);
  std::copy_n(workspace, n.width, dweight);
  if (dbias) std::copy_n(workspace + n.width, n.width, dbias);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(layer_norm_all);
HWY_EXPORT(layer_norm_grad_all);

void layer_norm(const LayerNorm& n, float* y, float* sum) { HWY_DYNAMIC_DISPATCH(layer_norm_all)(n, y, sum); }
std::int64_t layer_norm_grad_workspace(const LayerNorm& n) { return row_parts(n.rows) * 2 * n.width; }
void layer_norm_grad(const LayerNorm& n, const float* dy, const float* dsum, float* ds, float* dweight, float* dbias,
                     float* workspace) {
  HWY_DYNAMIC_DISPATCH(layer_norm_grad_all)(n, dy, dsum, ds, dweight, dbias, workspace);
}

}  // namespace longwave::kernels
#endif
