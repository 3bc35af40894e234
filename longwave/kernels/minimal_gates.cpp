#include "longwave/kernels/minimal_gates.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/minimal_gates.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/row_parts.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 13;  // numbers

template <class V>
struct Candidate {
  V value, slope;
};

template <class D, class V = hn::Vec<D>>
HWY_INLINE Candidate<V> candidate(D tag, V c) {
  const auto positive = hn::Ge(c, hn::Zero(tag));
  const auto s = sigmoid(tag, c);
  return {hn::IfThenElse(positive, hn::Add(c, hn::Set(tag, 0.5f)), s),
          hn::IfThenElse(positive, hn::Set(tag, 1.0f), hn::NegMulAdd(s, s, s))};
}

/// keep, 1 - keep, and the slopes of keep along the gates' maps.
template <class V>
struct Gate {
  V keep, open, slope[2];
};

struct Gru {
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE Gate<V> gate(D tag, const float* maps, std::int64_t width) {
    const auto z = hn::LoadU(tag, maps + width);
    const auto keep = sigmoid(tag, hn::Neg(z)), open = sigmoid(tag, z), slope = hn::Neg(hn::Mul(keep, open));
    return {keep, open, {slope, slope}};
  }
  static constexpr int kGates = 1;
};

struct Lstm {
  /// sigma(x) / e^least for least <= min(x, 0), which leaves the quotient of two as it is.
  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V scaled_sigmoid(D tag, V x, V least) {
    const auto tail = fast_exp(tag, hn::Neg(hn::Abs(x)));
    const auto top = fast_exp(tag, hn::Sub(hn::Min(x, hn::Zero(tag)), least));
    return hn::Div(top, hn::Add(hn::Set(tag, 1.0f), tail));
  }

  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE Gate<V> gate(D tag, const float* maps, std::int64_t width) {
    const auto f = hn::LoadU(tag, maps + width), i = hn::LoadU(tag, maps + 2 * width);
    const auto least = hn::Min(hn::Max(f, i), hn::Zero(tag));  // of the larger: neither both vanish nor one overflows
    const auto forget = scaled_sigmoid(tag, f, least), add = scaled_sigmoid(tag, i, least);
    const auto whole = hn::Div(hn::Set(tag, 1.0f), hn::Add(forget, add));
    const auto keep = hn::Mul(forget, whole), open = hn::Mul(add, whole), slope = hn::Mul(keep, open);
    return {keep, open, {hn::Mul(slope, sigmoid(tag, hn::Neg(f))), hn::Neg(hn::Mul(slope, sigmoid(tag, hn::Neg(i))))}};
  }
  static constexpr int kGates = 2;
};

template <class Form>
void run(const MinimalGates& m, float* keep, float* input) {
  const auto w = m.width, stride = (1 + Form::kGates) * w;
#pragma omp parallel for schedule(static, kRowBlock) if (m.rows * w > kWorthThreads)
  for (std::int64_t row = 0; row < m.rows; ++row) {
    if (m.valid && !m.valid[row]) {
      std::fill_n(keep + row * w, w, 1.0f);
      std::fill_n(input + row * w, w, 0.0f);
      continue;
    }
    const float* maps = m.maps + row * stride;
    for_lanes(w, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto g = Form::gate(tag, maps + i, w);
      hn::StoreU(g.keep, tag, keep + row * w + i);
      hn::StoreU(hn::Mul(g.open, candidate(tag, hn::LoadU(tag, maps + i)).value), tag, input + row * w + i);
    });
  }
}

template <class Form>
void run_grad(const MinimalGates& m, const float* dkeep, const float* dinput, float* dmaps) {
  const auto w = m.width, stride = (1 + Form::kGates) * w;
#pragma omp parallel for schedule(static, kRowBlock) if (m.rows * w > kWorthThreads)
  for (std::int64_t row = 0; row < m.rows; ++row) {
    float* to = dmaps + row * stride;
    if (m.valid && !m.valid[row]) {
      std::fill_n(to, stride, 0.0f);
      continue;
    }
    const float* maps = m.maps + row * stride;
    for_lanes(w, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto g = Form::gate(tag, maps + i, w);
      const auto [value, slope] = candidate(tag, hn::LoadU(tag, maps + i));
      const auto di = hn::LoadU(tag, dinput + row * w + i);
      const auto dk = hn::NegMulAdd(di, value, hn::LoadU(tag, dkeep + row * w + i));
      hn::StoreU(hn::Mul(hn::Mul(di, g.open), slope), tag, to + i);
      for (int gate = 0; gate < Form::kGates; ++gate)
        hn::StoreU(hn::Mul(dk, g.slope[gate]), tag, to + (1 + gate) * w + i);
    });
  }
}

}  // namespace

void minimal_gates_all(const MinimalGates& m, float* keep, float* input) {
  m.lstm ? run<Lstm>(m, keep, input) : run<Gru>(m, keep, input);
}

void minimal_gates_grad_all(const MinimalGates& m, const float* dkeep, const float* dinput, float* dmaps) {
  m.lstm ? run_grad<Lstm>(m, dkeep, dinput, dmaps) : run_grad<Gru>(m, dkeep, dinput, dmaps);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(minimal_gates_all);
HWY_EXPORT(minimal_gates_grad_all);

void minimal_gates(const MinimalGates& m, float* keep, float* input) {
  HWY_DYNAMIC_DISPATCH(minimal_gates_all)(m, keep, input);
}
void minimal_gates_grad(const MinimalGates& m, const float* dkeep, const float* dinput, float* dmaps) {
  HWY_DYNAMIC_DISPATCH(minimal_gates_grad_all)(m, dkeep, dinput, dmaps);
}

}  // namespace longwave::kernels
#endif
