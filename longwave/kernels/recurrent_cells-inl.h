// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_RECURRENT_CELLS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_RECURRENT_CELLS_INL_H
#undef LONGWAVE_KERNELS_RECURRENT_CELLS_INL_H
#else
#define LONGWAVE_KERNELS_RECURRENT_CELLS_INL_H
#endif

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/recurrent.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// tanh x with an absolute error below 3e-7.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh_of(D d, V x) {
  const auto one = hn::Set(d, 1.0f);
  const auto e = exp2(d, hn::Mul(x, hn::Set(d, 2 * kLog2E)));
  return hn::Sub(one, hn::Div(hn::Set(d, 2.0f), hn::Add(one, e)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V log_sigmoid(D d, V x) {
  return hn::Neg(softplus(d, hn::Neg(x)));
}

/// x (1 - x).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid_slope(D, V y) {
  return hn::NegMulAdd(y, y, y);
}
/// 1 - x^2.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh_slope(D d, V y) {
  return hn::NegMulAdd(y, y, hn::Set(d, 1.0f));
}

/// What the sLSTM keeps, e^(l - m). In the first step m = i may lie far below l; what is kept is 0 then, and an
/// infinite factor of it would make NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V keep_of(D d, V l, V m) {
  return fast_exp(d, hn::Min(hn::Set(d, 80.0f), hn::Sub(l, m)));  // the difference last: a NaN stays one
}

/// The units of one vector at one step; p = W x + b, q = R h (+ b_g), s their states, kept what backward needs. The
/// same as the reference's, a vector at a time.
template <Cell kCell, class D, class V = hn::Vec<D>>
HWY_INLINE void step_units(D d, const V* p, const V* q, V* s, V* kept) {
  const auto one = hn::Set(d, 1.0f);
  const auto pre = [&](int k) HWY_ATTR { return hn::Add(p[k], q[k]); };
  if constexpr (kCell == Cell::rnn_tanh) {
    s[0] = tanh_of(d, pre(0));
  } else if constexpr (kCell == Cell::rnn_relu) {
    s[0] = hn::Max(hn::Zero(d), pre(0));
  } else if constexpr (kCell == Cell::lstm) {
    kept[0] = sigmoid(d, pre(0)), kept[1] = sigmoid(d, pre(1)), kept[2] = tanh_of(d, pre(2));
    kept[3] = sigmoid(d, pre(3));
    s[1] = hn::MulAdd(kept[1], s[1], hn::Mul(kept[0], kept[2]));
    s[0] = hn::Mul(kept[3], tanh_of(d, s[1]));
  } else if constexpr (kCell == Cell::gru) {
    kept[0] = sigmoid(d, pre(0)), kept[1] = sigmoid(d, pre(1)), kept[3] = q[2];
    kept[2] = tanh_of(d, hn::MulAdd(kept[0], q[2], p[2]));
    s[0] = hn::MulAdd(kept[1], hn::Sub(s[0], kept[2]), kept[2]);
  } else {
    const auto i = pre(0), l = hn::Add(log_sigmoid(d, pre(1)), s[3]);
    const auto m = hn::IfThenElse(hn::Eq(s[2], hn::Zero(d)), i, hn::Max(i, l));
    const auto grow = fast_exp(d, hn::Sub(i, m)), keep = keep_of(d, l, m);
    kept[0] = i, kept[1] = pre(1), kept[2] = tanh_of(d, pre(2)), kept[3] = sigmoid(d, pre(3));
    s[1] = hn::MulAdd(keep, s[1], hn::Mul(grow, kept[2]));
    s[2] = hn::Max(hn::MulAdd(keep, s[2], grow), one);
    s[3] = m;
    s[0] = hn::Div(hn::Mul(kept[3], s[1]), s[2]);
  }
}

/// The share of a maximum's gradient that goes to `mine`; a tie is split, as the frameworks do.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V share(D d, V mine, V other) {
  const auto tie = hn::IfThenElseZero(hn::Eq(mine, other), hn::Set(d, 0.5f));
  return hn::IfThenElse(hn::Gt(mine, other), hn::Set(d, 1.0f), tie);
}

/// Gradients of the units of one vector at one step; g: of the states after, replaced by those of the states before
/// (without the path through R). dp, dq: of p and q.
template <Cell kCell, class D, class V = hn::Vec<D>>
HWY_INLINE void step_units_grad(D d, const V* before, const V* after, const V* kept, V* g, V* dp, V* dq) {
  const auto one = hn::Set(d, 1.0f);
  const auto dh = g[0];
  if constexpr (kCell == Cell::rnn_tanh) {
    dp[0] = dq[0] = hn::Mul(dh, tanh_slope(d, after[0]));
    g[0] = hn::Zero(d);
  } else if constexpr (kCell == Cell::rnn_relu) {
    dp[0] = dq[0] = hn::IfThenElseZero(hn::Gt(after[0], hn::Zero(d)), dh);
    g[0] = hn::Zero(d);
  } else if constexpr (kCell == Cell::lstm) {
    const auto i = kept[0], f = kept[1], z = kept[2], o = kept[3], squashed = tanh_of(d, after[1]);
    const auto dc = hn::MulAdd(hn::Mul(dh, o), tanh_slope(d, squashed), g[1]);
    dp[0] = hn::Mul(hn::Mul(dc, z), sigmoid_slope(d, i));
    dp[1] = hn::Mul(hn::Mul(dc, before[1]), sigmoid_slope(d, f));
    dp[2] = hn::Mul(hn::Mul(dc, i), tanh_slope(d, z));
    dp[3] = hn::Mul(hn::Mul(dh, squashed), sigmoid_slope(d, o));
    for (int k = 0; k < 4; ++k) dq[k] = dp[k];
    g[0] = hn::Zero(d), g[1] = hn::Mul(dc, f);
  } else if constexpr (kCell == Cell::gru) {
    const auto r = kept[0], z = kept[1], n = kept[2], inner = kept[3];
    const auto dn = hn::Mul(hn::Mul(dh, hn::Sub(one, z)), tanh_slope(d, n));
    dp[0] = dq[0] = hn::Mul(hn::Mul(dn, inner), sigmoid_slope(d, r));
    dp[1] = dq[1] = hn::Mul(hn::Mul(dh, hn::Sub(before[0], n)), sigmoid_slope(d, z));
    dp[2] = dn, dq[2] = hn::Mul(dn, r);
    g[0] = hn::Mul(dh, z);
  } else {
    const auto i = kept[0], f = kept[1], z = kept[2], o = kept[3];
    const auto l = hn::Add(log_sigmoid(d, f), before[3]);
    const auto grow = fast_exp(d, hn::Sub(i, after[3])), keep = keep_of(d, l, after[3]);
    const auto inverse = hn::Div(one, after[2]), ratio = hn::Mul(after[1], inverse);
    const auto dho = hn::Mul(hn::Mul(dh, o), inverse);
    const auto dc = hn::Add(g[1], dho);
    const auto dn = hn::Mul(hn::NegMulAdd(dho, ratio, g[2]), share(d, hn::MulAdd(keep, before[2], grow), one));
    const auto dgrow = hn::Mul(hn::MulAdd(dc, z, dn), grow);
    const auto dkeep = hn::Mul(hn::MulAdd(dc, before[1], hn::Mul(dn, before[2])), keep);
    const auto dm = hn::Sub(hn::Sub(g[3], dgrow), dkeep);
    const auto to_i = hn::IfThenElse(hn::Eq(before[2], hn::Zero(d)), one, share(d, i, l));
    const auto dl = hn::MulAdd(dm, hn::Sub(one, to_i), dkeep);
    dp[0] = hn::MulAdd(dm, to_i, dgrow);
    dp[1] = hn::Mul(dl, sigmoid(d, hn::Neg(f)));
    dp[2] = hn::Mul(hn::Mul(dc, grow), tanh_slope(d, z));
    dp[3] = hn::Mul(hn::Mul(dh, ratio), sigmoid_slope(d, o));
    for (int k = 0; k < 4; ++k) dq[k] = dp[k];
    g[0] = hn::Zero(d), g[1] = hn::Mul(dc, keep), g[2] = hn::Mul(dn, keep), g[3] = dl;
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
