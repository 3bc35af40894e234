#include "longwave/kernels/causal_product.h"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/causal_product.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// Which form is cheaper, in operations on 16 lanes a step: a state of e x e numbers, or all earlier steps each with
/// two passes over e and a sum over lanes. From the shape alone, so that every machine takes the same form.
bool state_is_cheaper(const CausalProduct& p) {
  const auto vectors = (p.e + 15) / 16;
  return 2 * p.e * vectors <= p.t / 2 * (2 * vectors + 6);
}

/// One head: state += x_t y_t', out_t = z_t' state.
void with_state(const CausalProduct& p, std::int64_t row, std::int64_t head, float* state) {
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

/// The same for e = 8, the usual width, with the state in registers.
void with_state_of_eight(const CausalProduct& p, std::int64_t row, std::int64_t head) {
  const hn::CappedTag<float, 8> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto offset = head * 8;
  for (std::int64_t j = 0; j < 8; j += lanes) {
    auto s0 = hn::Zero(tag), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    for (std::int64_t step = 0; step < p.t; ++step) {
      const auto t = p.reverse ? p.t - 1 - step : step;
      const float *x = p.x.at(row, t) + offset, *z = p.z.at(row, t) + offset;
      const auto y = hn::LoadU(tag, p.y.at(row, t) + offset + j);
      const auto grow = [&](auto& s, int a) HWY_ATTR { s = hn::MulAdd(hn::Set(tag, x[a]), y, s); };
      grow(s0, 0), grow(s1, 1), grow(s2, 2), grow(s3, 3), grow(s4, 4), grow(s5, 5), grow(s6, 6), grow(s7, 7);
      auto even = hn::Mul(hn::Set(tag, z[0]), s0), odd = hn::Mul(hn::Set(tag, z[1]), s1);
      even = hn::MulAdd(hn::Set(tag, z[2]), s2, even);
      odd = hn::MulAdd(hn::Set(tag, z[3]), s3, odd);
      even = hn::MulAdd(hn::Set(tag, z[4]), s4, even);
      odd = hn::MulAdd(hn::Set(tag, z[5]), s5, odd);
      even = hn::MulAdd(hn::Set(tag, z[6]), s6, even);
      odd = hn::MulAdd(hn::Set(tag, z[7]), s7, odd);
      hn::StoreU(hn::Add(even, odd), tag, p.out.at(row, t) + offset + j);
    }
  }
}

/// One head: every pair of steps.
void with_pairs(const CausalProduct& p, std::int64_t row, std::int64_t head) {
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

void causal_product_all(const CausalProduct& p, float* workspace) {
  const bool state = state_is_cheaper(p);
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t row = 0; row < p.n; ++row)
    for (std::int64_t head = 0; head < p.h; ++head)
      if (state && p.e == 8)
        with_state_of_eight(p, row, head);
      else if (state)
        with_state(p, row, head, workspace + omp_get_thread_num() * p.e * p.e);
      else
        with_pairs(p, row, head);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(causal_product_all);

std::int64_t causal_product_workspace(const CausalProduct& p) { return omp_get_max_threads() * p.e * p.e; }
void causal_product(const CausalProduct& p, float* workspace) {
  HWY_DYNAMIC_DISPATCH(causal_product_all)(p, workspace);
}

}  // namespace longwave::kernels
#endif
