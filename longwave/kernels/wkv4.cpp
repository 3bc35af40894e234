#include "longwave/kernels/wkv4.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/wkv4.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// Some channels of one row, a vector of them. The same steps as the reference's, in vectors.
template <class D>
struct Channels {
  using V = hn::Vec<D>;
  struct State {
    V a, b, p;
  };
  const Wkv4<float>& problem;
  const D tag;
  const std::int64_t row, c;
  const V w, u;

  Channels(const Wkv4<float>& of, D lanes, std::int64_t of_row, std::int64_t first)
      : problem(of),
        tag(lanes),
        row(of_row),
        c(first),
        w(hn::LoadU(tag, of.w + first)),
        u(hn::LoadU(tag, of.u + first)) {}

  std::int64_t steps() const { return problem.lengths ? problem.lengths[row] : problem.t; }
  std::int64_t at(std::int64_t t) const { return (row * problem.t + t) * problem.c + c; }
  std::int64_t kept_at(std::int64_t kept) const { return (row * states_kept(problem.t) + kept) * 3 * problem.c + c; }
  V load(const float* x, std::int64_t i) const { return hn::LoadU(tag, x + i); }

  State load_state(const float* x, std::int64_t i, std::int64_t stride) const {
    return {load(x, i), load(x, i + stride), load(x, i + 2 * stride)};
  }
  void store_state(const State& s, float* x, std::int64_t i, std::int64_t stride) const {
    hn::StoreU(s.a, tag, x + i);
    hn::StoreU(s.b, tag, x + i + stride);
    hn::StoreU(s.p, tag, x + i + 2 * stride);
  }

  State next(const State& s, V k, V v) const {
    const auto faded = hn::Sub(s.p, w), p = hn::Max(faded, k);
    const auto keep = hn::Exp(tag, hn::Sub(faded, p)), add = hn::Exp(tag, hn::Sub(k, p));
    return {hn::MulAdd(keep, s.a, hn::Mul(add, v)), hn::MulAdd(keep, s.b, add), p};
  }

  void forward(const Wkv4Out<float>& out) const {
    auto s = load_state(problem.initial, row * 3 * problem.c + c, problem.c);
    const auto end = steps();
    for (std::int64_t t = 0; t < end; ++t) {
      if (out.states && t % kStateSpacing == 0) store_state(s, out.states, kept_at(t / kStateSpacing), problem.c);
      const auto k = load(problem.k, at(t)), v = load(problem.v, at(t));
      const auto now_exponent = hn::Add(u, k), top = hn::Max(s.p, now_exponent);
      const auto past = hn::Exp(tag, hn::Sub(s.p, top)), now = hn::Exp(tag, hn::Sub(now_exponent, top));
      const auto y = hn::Div(hn::MulAdd(past, s.a, hn::Mul(now, v)), hn::MulAdd(past, s.b, now));
      hn::StoreU(y, tag, out.y + at(t));
      s = next(s, k, v);
    }
    for (auto t = end; t < problem.t; ++t) hn::StoreU(hn::Zero(tag), tag, out.y + at(t));
    store_state(s, out.final_state, row * 3 * problem.c + c, problem.c);
  }

  /// Gradients of one step; ds is that of the state behind it on entry, before it on return. `s`: the state before.
  void step_back(const State& s, std::int64_t t, const Wkv4Grad<float>& grad, State& ds, V& dw, V& du) const {
    const auto k = load(problem.k, at(t)), v = load(problem.v, at(t)), dy = load(grad.dy, at(t));
    const auto faded = hn::Sub(s.p, w), p = hn::Max(faded, k);
    const auto keep = hn::Exp(tag, hn::Sub(faded, p)), add = hn::Exp(tag, hn::Sub(k, p));
    const auto d_past = hn::Mul(keep, hn::MulAdd(ds.a, s.a, hn::Mul(ds.b, s.b)));
    const auto d_now = hn::Mul(add, hn::MulAdd(ds.a, v, ds.b));
    const auto d_top = hn::Sub(hn::Sub(ds.p, d_past), d_now);
    const auto past_wins = hn::Ge(faded, k);
    auto dk = hn::Add(d_now, hn::IfThenZeroElse(past_wins, d_top));
    auto dv = hn::Mul(add, ds.a);
    const auto d_exponent = hn::Add(d_past, hn::IfThenElseZero(past_wins, d_top));
    dw = hn::Sub(dw, d_exponent);

    const auto now_exponent = hn::Add(u, k), top = hn::Max(s.p, now_exponent);
    const auto past = hn::Exp(tag, hn::Sub(s.p, top)), now = hn::Exp(tag, hn::Sub(now_exponent, top));
    const auto denominator = hn::MulAdd(past, s.b, now);
    const auto y = hn::Div(hn::MulAdd(past, s.a, hn::Mul(now, v)), denominator);
    const auto d_numerator = hn::Div(dy, denominator), d_denominator = hn::Neg(hn::Mul(d_numerator, y));
    ds.a = hn::MulAdd(past, d_numerator, hn::Mul(keep, ds.a));
    ds.b = hn::MulAdd(past, d_denominator, hn::Mul(keep, ds.b));
    ds.p = hn::MulAdd(past, hn::MulAdd(d_numerator, s.a, hn::Mul(d_denominator, s.b)), d_exponent);
    dv = hn::MulAdd(now, d_numerator, dv);
    const auto d_key = hn::Mul(now, hn::MulAdd(d_numerator, v, d_denominator));
    dk = hn::Add(dk, d_key);
    du = hn::Add(du, d_key);
    hn::StoreU(dk, tag, grad.dk + at(t));
    hn::StoreU(dv, tag, grad.dv + at(t));
  }

  void backward(const Wkv4Grad<float>& grad) const {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
    float states[kStateSpacing * 3 * 16];
    const auto final_at = row * 3 * problem.c + c;
    State ds{hn::Zero(tag), hn::Zero(tag), hn::Zero(tag)};
    if (grad.d_final) ds = load_state(grad.d_final, final_at, problem.c);
    auto dw = hn::Zero(tag), du = hn::Zero(tag);
    const auto end = steps();
    for (auto t = end; t < problem.t; ++t) {
      hn::StoreU(hn::Zero(tag), tag, grad.dk + at(t));
      hn::StoreU(hn::Zero(tag), tag, grad.dv + at(t));
    }
    for (auto kept = states_kept(end) - 1; kept >= 0; --kept) {
      const auto first = kept * kStateSpacing, last = std::min(end, first + kStateSpacing) - 1;
      auto s = load_state(grad.states, kept_at(kept), problem.c);
      for (auto t = first; t <= last; ++t) {
        store_state(s, states, (t - first) * 3 * lanes, lanes);
        if (t < last) s = next(s, load(problem.k, at(t)), load(problem.v, at(t)));
      }
      for (auto t = last; t >= first; --t)
        step_back(load_state(states, (t - first) * 3 * lanes, lanes), t, grad, ds, dw, du);
    }
    hn::StoreU(dw, tag, grad.dw + row * problem.c + c);
    hn::StoreU(du, tag, grad.du + row * problem.c + c);
    store_state(ds, grad.d_initial, final_at, problem.c);
  }
};

/// Calls body(tag, row, first channel) for groups of 16 channels, and vectors within them.
template <class Body>
void for_channels(const Wkv4<float>& p, Body body) {
  const auto groups = (p.c + 15) / 16;
#pragma omp parallel for schedule(static) if (p.t > 1)
  for (std::int64_t task = 0; task < p.rows * groups; ++task) {
    const auto row = task / groups, first = task % groups * 16;
    const hn::CappedTag<float, 16> wide;
    const hn::CappedTag<float, 4> four;
    const hn::CappedTag<float, 1> single;
    auto c = first;
    const auto end = std::min(p.c, first + 16);
    const auto run = [&](auto tag) HWY_ATTR {
      const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
      for (; c + lanes <= end; c += lanes) body(tag, row, c);
    };
    run(wide);
    run(four);
    run(single);
  }
}

void wkv4_all(const Wkv4<float>& p, const Wkv4Out<float>& out) {
  for_channels(p, [&](auto tag, std::int64_t row, std::int64_t c)
                      HWY_ATTR { Channels<decltype(tag)>(p, tag, row, c).forward(out); });
}

void wkv4_grad_all(const Wkv4<float>& p, const Wkv4Grad<float>& grad) {
  for_channels(p, [&](auto tag, std::int64_t row, std::int64_t c)
                      HWY_ATTR { Channels<decltype(tag)>(p, tag, row, c).backward(grad); });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(wkv4_all);
HWY_EXPORT(wkv4_grad_all);

void wkv4(const Wkv4<float>& p, const Wkv4Out<float>& out) { HWY_DYNAMIC_DISPATCH(wkv4_all)(p, out); }
void wkv4_grad(const Wkv4<float>& p, const Wkv4Grad<float>& grad) { HWY_DYNAMIC_DISPATCH(wkv4_grad_all)(p, grad); }

}  // namespace longwave::kernels
#endif
