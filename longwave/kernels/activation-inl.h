// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_ACTIVATION_INL_H
#undef LONGWAVE_KERNELS_ACTIVATION_INL_H
#else
#define LONGWAVE_KERNELS_ACTIVATION_INL_H
#endif

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Value and derivative of an activation.
template <class V>
struct ValueAndSlope {
  V value, slope;
};

/// Exact GELU x * Phi(x) with Phi from Abramowitz and Stegun 7.1.26 (error of Phi below 1e-7); its exponential is the
/// density that the derivative Phi(x) + x * phi(x) needs.
struct Gelu {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE ValueAndSlope<V> both(D tag, V x) {
    const auto set = [&](float value) HWY_ATTR { return hn::Set(tag, value); };
    const auto bell = fast_exp(tag, hn::Mul(hn::Mul(x, x), set(-0.5f)));
    const auto t = reciprocal(tag, hn::MulAdd(hn::Abs(x), set(0.23164189f), set(1)));  // 0.3275911 / sqrt(2)
    auto poly = hn::MulAdd(t, set(0.5307027145f), set(-0.7265760135f));                // coefficients halved
    poly = hn::MulAdd(poly, t, set(0.7107068705f));
    poly = hn::MulAdd(poly, t, set(-0.142248368f));
    poly = hn::MulAdd(poly, t, set(0.127414796f));
    const auto tail = hn::Mul(hn::Mul(poly, t), bell);  // Phi(-|x|)
    const auto phi = hn::IfThenElse(hn::Lt(x, hn::Zero(tag)), tail, hn::Sub(set(1), tail));
    const auto density = hn::Mul(bell, set(0.3989422804f));
    return {hn::Mul(x, phi), hn::MulAdd(x, density, phi)};
  }
};

struct Relu {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE ValueAndSlope<V> both(D tag, V x) {
    const auto positive = hn::Gt(x, hn::Zero(tag));
    return {hn::IfThenElseZero(positive, x), hn::IfThenElseZero(positive, hn::Set(tag, 1.0f))};
  }
};

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
