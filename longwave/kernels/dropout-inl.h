// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_DROPOUT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_DROPOUT_INL_H
#undef LONGWAVE_KERNELS_DROPOUT_INL_H
#else
#define LONGWAVE_KERNELS_DROPOUT_INL_H
#endif

#include <hwy/highway.h>

#include "longwave/kernels/dropout.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class V>
HWY_INLINE V mix(V v) {
  const hn::DFromV<V> tag;
  v = hn::Mul(hn::Xor(v, hn::ShiftRight<16>(v)), hn::Set(tag, 0x7feb352du));
  v = hn::Mul(hn::Xor(v, hn::ShiftRight<15>(v)), hn::Set(tag, 0x846ca68bu));
  return hn::Xor(v, hn::ShiftRight<16>(v));
}

/// The factors of elements index, index + 1, ...: 0 where dropped, 1 / (1 - p) where kept.
template <class D>
HWY_INLINE hn::Vec<D> dropout_factors(D tag, const DropoutMask& mask, std::int64_t index) {
  const hn::RebindToUnsigned<D> bits;
  const auto low = static_cast<std::uint32_t>(index);
  const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(index) >> 32);
  // Not Iota(bits, low): Highway 1.0 writes a variable start lane by lane through memory.
  const auto indices = hn::Add(hn::Iota(bits, 0), hn::Set(bits, low));
  const auto carry = hn::IfThenElseZero(hn::Lt(indices, hn::Set(bits, low)), hn::Set(bits, 1u));
  const auto first = mix(hn::Xor(indices, hn::Set(bits, mask.key_low)));
  const auto hash = mix(hn::Add(first, hn::Add(carry, hn::Set(bits, mask.key_high + high))));
  const auto drop = hn::RebindMask(tag, hn::Lt(hash, hn::Set(bits, mask.threshold)));
  return hn::IfThenZeroElse(drop, hn::Set(tag, mask.scale));
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
