// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_CAUSAL_PRODUCT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_CAUSAL_PRODUCT_INL_H
#undef LONGWAVE_KERNELS_CAUSAL_PRODUCT_INL_H
#else
#define LONGWAVE_KERNELS_CAUSAL_PRODUCT_INL_H
#endif

#include <algorithm>

#include <hwy/highway.h>

#include "longwave/kernels/causal_product.h"
#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Which form is cheaper, in operations on 16 lanes a step: a state of e x e numbers, or all earlier steps each with
/// two passes over e and a sum over lanes. From the shape alone, so that every machine takes the same form.
HWY_INLINE bool state_is_cheaper(const CausalProduct& p) {
  const auto vectors = (p.e + 15) / 16;
  return 2 * p.e * vectors <= p.t / 2 * (2 * vectors + 6);
}

/// One head: state += x_t y_t', out_t = z_t' state.
HWY_INLINE void with_state(const CausalProduct& p, std::int64_t row, std::int64_t head, float* state) {
  const auto offset = head * p.e;
  std::fill_n(state, p.e * p.e, 0.0f);
  for (std::int64_t step = 0; step < p.t; ++step) {
    const auto t = p.reverse ? p.t - 1 - step : step;
    const float *x = p.x.at(row, t) + offset, *y = p.y.at(row, t) + offset, *z = p.z.at(row, t) + offset;
    float* out = p.out.at(row, t) + offset;
    for_lanes(p.e, [&](auto tag, std::int64_t j) HWY_ATTR {
      const auto yj = hn::LoadU(tag, y + j);
      auto sum = hn::Zero(tag);
      for (std::int64_t a = 0; a < p.e; ++a) {
        float* s = state + a * p.e + j;
        const auto updated = hn::MulAdd(hn::Set(tag, x[a]), yj, hn::LoadU(tag, s));
        hn::StoreU(updated, tag, s);
        sum = hn::MulAdd(hn::Set(tag, z[a]), updated, sum);
      }
      hn::StoreU(sum, tag, out + j);
    });
  }
}

#if !HWY_HAVE_SCALABLE && HWY_TARGET != HWY_SCALAR
/// The same for e = kWidth with the state in registers, kWidth of them for each vector of columns.
template <int kWidth, class D>
HWY_INLINE void with_state_in_registers(D tag, const CausalProduct& p, std::int64_t row, std::int64_t head) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto offset = head * kWidth;
  for (std::int64_t j = 0; j < kWidth; j += lanes) {
    hn::Vec<D> state[kWidth];
    for (auto& s : state) s = hn::Zero(tag);
    for (std::int64_t step = 0; step < p.t; ++step) {
      const auto t = p.reverse ? p.t - 1 - step : step;
      const float *x = p.x.at(row, t) + offset, *z = p.z.at(row, t) + offset;
      const auto y = hn::LoadU(tag, p.y.at(row, t) + offset + j);
      hn::Vec<D> sums[4];
      for (int a = 0; a < kWidth; ++a) {
        state[a] = hn::MulAdd(hn::Set(tag, x[a]), y, state[a]);
        const auto factor = hn::Set(tag, z[a]);
        sums[a % 4] = a < 4 ? hn::Mul(factor, state[a]) : hn::MulAdd(factor, state[a], sums[a % 4]);
      }
      const auto total = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
      hn::StoreU(total, tag, p.out.at(row, t) + offset + j);
    }
  }
}
#endif

/// One head: every pair of steps.
HWY_INLINE void with_pairs(const CausalProduct& p, std::int64_t row, std::int64_t head) {
  const auto offset = head * p.e;
  for (std::int64_t t = 0; t < p.t; ++t) {
    const float* z = p.z.at(row, t) + offset;
    float* out = p.out.at(row, t) + offset;
    std::fill_n(out, p.e, 0.0f);
    const auto begin = p.reverse ? t : 0, end = p.reverse ? p.t : t + 1;
    for (auto i = begin; i < end; ++i)
      add_scaled(dot(z, p.x.at(row, i) + offset, p.e), p.y.at(row, i) + offset, out, p.e);
  }
}

/// One head of one row; `state`: e * e floats of scratch.
HWY_INLINE void causal_product_head(const CausalProduct& p, bool by_state, std::int64_t row, std::int64_t head,
                                    float* state) {
#if !HWY_HAVE_SCALABLE && HWY_TARGET != HWY_SCALAR
  if (by_state && p.e == 8) return with_state_in_registers<8>(hn::CappedTag<float, 8>(), p, row, head);
  if (by_state && p.e == 16) return with_state_in_registers<16>(hn::CappedTag<float, 16>(), p, row, head);
#endif
  if (by_state)
    with_state(p, row, head, state);
  else
    with_pairs(p, row, head);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
