#include "longwave/kernels/gated_activation.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/gated_activation.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/activation-inl.h"
#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/row_parts.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 14;  // numbers

struct Sigmoid {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE ValueAndSlope<V> both(D tag, V x) {
    const auto y = sigmoid(tag, x);
    return {y, hn::NegMulAdd(y, y, y)};
  }
};

struct Silu {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE ValueAndSlope<V> both(D tag, V x) {
    const auto gate = sigmoid(tag, x), y = hn::Mul(x, gate);
    return {y, hn::MulAdd(gate, hn::Sub(hn::Set(tag, 1.0f), y), y)};
  }
};

struct Identity {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE ValueAndSlope<V> both(D tag, V x) {
    return {x, hn::Set(tag, 1.0f)};
  }
};

/// Calls body(one of the function types).
template <class Body>
void for_function(HiddenFunction function, Body body) {
  switch (function) {
    case HiddenFunction::gelu:
      return body(Gelu());
    case HiddenFunction::relu:
      return body(Relu());
    case HiddenFunction::silu:
      return body(Silu());
    case HiddenFunction::sigmoid:
      return body(Sigmoid());
    case HiddenFunction::identity:
      return body(Identity());
  }
}

template <class D>
HWY_INLINE auto input(D tag, const GatedActivation& g, std::int64_t row, std::int64_t i) {
  const auto x = hn::LoadU(tag, g.x + row * g.stride + i);
  return g.bias ? hn::Add(x, hn::LoadU(tag, g.bias + i)) : x;
}

template <class Function>
void activate_rows(const GatedActivation& g, float* y) {
#pragma omp parallel for schedule(static, kRowBlock) if (g.rows * g.width > kWorthThreads)
  for (std::int64_t row = 0; row < g.rows; ++row)
    for_lanes(g.width, [&](auto tag, std::int64_t i) HWY_ATTR {
      auto value = Function::both(tag, input(tag, g, row, i)).value;
      if (g.up) value = hn::Mul(value, hn::LoadU(tag, g.up + row * g.width + i));
      hn::StoreU(value, tag, y + row * g.width + i);
    });
}

/// Gradients, and in every part of `sums` that of the bias from its rows.
template <class Function>
void activate_rows_grad(const GatedActivation& g, const float* dy, float* dx, float* dup, float* sums) {
  const auto parts = row_parts(g.rows);
#pragma omp parallel for schedule(static) if (g.rows * g.width > kWorthThreads)
  for (std::int64_t part = 0; part < parts; ++part) {
    float* sum = sums + part * g.width;
    std::fill_n(sum, g.width, 0.0f);
    const auto end = (part + 1) * g.rows / parts;
    for (auto row = part * g.rows / parts; row < end; ++row)
      for_lanes(g.width, [&](auto tag, std::int64_t i) HWY_ATTR {
        const auto at = row * g.width + i;
        const auto [value, slope] = Function::both(tag, input(tag, g, row, i));
        auto d = hn::LoadU(tag, dy + at);
        if (g.up) {
          hn::StoreU(hn::Mul(d, value), tag, dup + at);
          d = hn::Mul(d, hn::LoadU(tag, g.up + at));
        }
        d = hn::Mul(d, slope);
        hn::StoreU(d, tag, dx + at);
        hn::StoreU(hn::Add(hn::LoadU(tag, sum + i), d), tag, sum + i);
      });
  }
}

}  // namespace

void gated_activation_all(const GatedActivation& g, float* y) {
  for_function(g.function, [&](auto function) { activate_rows<decltype(function)>(g, y); });
}

void gated_activation_grad_all(const GatedActivation& g, const float* dy, float* dx, float* dbias, float* dup,
                               float* workspace) {
  const auto parts = row_parts(g.rows);
  for_function(g.function, [&](auto function) { activate_rows_grad<decltype(function)>(g, dy, dx, dup, workspace); });
  for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, workspace + part * g.width, workspace, g.width);
  if (g.bias) std::copy_n(workspace, g.width, dbias);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(gated_activation_all);
HWY_EXPORT(gated_activation_grad_all);

void gated_activation(const GatedActivation& g, float* y) { HWY_DYNAMIC_DISPATCH(gated_activation_all)(g, y); }
std::int64_t gated_activation_grad_workspace(const GatedActivation& g) { return row_parts(g.rows) * g.width; }
void gated_activation_grad(const GatedActivation& g, const float* dy, float* dx, float* dbias, float* dup,
                           float* workspace) {
  HWY_DYNAMIC_DISPATCH(gated_activation_grad_all)(g, dy, dx, dbias, dup, workspace);
}

}  // namespace longwave::kernels
#endif
