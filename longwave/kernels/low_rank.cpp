#include "longwave/kernels/low_rank.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/low_rank.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

// Memory is what this costs: a few operations on numbers that are read and written once, in one pass for all of them.

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

/// Complex numbers of neighbouring nodes.
template <class D>
struct Number {
  hn::Vec<D> re, im;
  Number operator+(Number b) const { return {hn::Add(re, b.re), hn::Add(im, b.im)}; }
  Number operator-(Number b) const { return {hn::Sub(re, b.re), hn::Sub(im, b.im)}; }
  Number operator*(Number b) const {
    return {hn::MulSub(re, b.re, hn::Mul(im, b.im)), hn::MulAdd(re, b.im, hn::Mul(im, b.re))};
  }
  Number conj() const { return {re, hn::Neg(im)}; }
  Number inverse() const {
    const auto scale = hn::Div(hn::Set(D(), 1), hn::MulAdd(re, re, hn::Mul(im, im)));
    return {hn::Mul(re, scale), hn::Neg(hn::Mul(im, scale))};
  }
};

template <class D>
Number<D> real(D tag, int x) {
  return {hn::Set(tag, static_cast<hn::TFromD<D>>(x)), hn::Zero(tag)};
}

// The rank is a constant, so that its loops unroll and these stay in registers.
template <class D, int kRank>
using Square = Number<D>[kRank][kRank];
template <class D, int kRank>
using Vector = Number<D>[kRank];

/// Numbers [rows, columns] of one feature, with all nodes of a number side by side, from `node` on.
template <class T>
struct Planes {
  T* data;
  std::int64_t columns, h, l, feature, node;
  T* at(std::int64_t row, std::int64_t column) const {
    return data + 2 * (((row * columns + column) * h + feature) * l + node);
  }
};
template <class D, class T>
Number<D> load(D tag, const Planes<T>& x, std::int64_t row, std::int64_t column) {
  Number<D> z;
  hn::LoadInterleaved2(tag, x.at(row, column), z.re, z.im);
  return z;
}
template <class D, class T>
void store(D tag, const Planes<T>& x, std::int64_t row, std::int64_t column, Number<D> z) {
  hn::StoreInterleaved2(z.re, z.im, tag, x.at(row, column));
}

/// In place, by elimination: M is the identity and a positive part, whose pivots stay away from zero.
template <class D, int kRank>
void invert(Square<D, kRank>& m) {
  for (int k = 0; k < kRank; ++k) {
    const auto pivot = m[k][k].inverse();
    m[k][k] = real(D(), 1);
    for (int j = 0; j < kRank; ++j) m[k][j] = m[k][j] * pivot;
    for (int i = 0; i < kRank; ++i) {
      if (i == k) continue;
      const auto factor = m[i][k];
      m[i][k] = real(D(), 0);
      for (int j = 0; j < kRank; ++j) m[i][j] = m[i][j] - factor * m[k][j];
    }
  }
}

/// The low-rank part of one feature at some nodes.
template <class D, int kRank>
struct Nodes {
  Planes<const hn::TFromD<D>> s;
  std::int64_t inputs, outputs;
  Square<D, kRank> inverse;

  Nodes(const Planes<const hn::TFromD<D>>& sums, std::int64_t i, std::int64_t c) : s(sums), inputs(i), outputs(c) {
    const D tag;
    for (int p = 0; p < kRank; ++p)
      for (int q = 0; q < kRank; ++q) inverse[p][q] = load(tag, s, inputs + p, outputs + q) + real(tag, p == q);
    invert<D, kRank>(inverse);
  }

  /// x = M^-1 s[I.., c]
  void solve(std::int64_t c, Vector<D, kRank>& x) const {
    for (int p = 0; p < kRank; ++p) {
      x[p] = real(D(), 0);
      for (int q = 0; q < kRank; ++q) x[p] = x[p] + inverse[p][q] * load(D(), s, inputs + q, c);
    }
  }
};

template <int kRank, class D, class T>
void response(D tag, const LowRank<T>& p, std::int64_t feature, std::int64_t l) {
  const Planes<const T> s{p.s, p.outputs + kRank, p.h, p.l, feature, l};
  const Planes<T> y{p.y, p.outputs, p.h, p.l, feature, l};
  const Nodes<D, kRank> nodes(s, p.inputs, p.outputs);
  const Number<D> weight{hn::Set(tag, 1), hn::LoadU(tag, p.tangent + l)};
  Vector<D, kRank> x;
  for (std::int64_t c = 0; c < p.outputs; ++c) {
    nodes.solve(c, x);
    for (std::int64_t i = 0; i < p.inputs; ++i) {
      auto sum = load(tag, s, i, c);
      for (int q = 0; q < kRank; ++q) sum = sum - load(tag, s, i, p.outputs + q) * x[q];
      store(tag, y, i, c, weight * sum);
    }
  }
}

// With g[i, c] = conj(1 + i tangent) dy[i, c], L = s[.., C..], x_c = M^-1 s[I.., c]: dL -= g x_c*, dx_c = -L* g, the
// gradient of s[I.., c] is M^-* dx_c, and that of M loses its product with x_c*.
template <int kRank, class D, class T>
void response(D tag, const LowRankGrad<T>& p, std::int64_t feature, std::int64_t l) {
  const Planes<const T> s{p.s, p.outputs + kRank, p.h, p.l, feature, l}, dy{p.dy, p.outputs, p.h, p.l, feature, l};
  const Planes<T> ds{p.ds, p.outputs + kRank, p.h, p.l, feature, l};
  const Nodes<D, kRank> nodes(s, p.inputs, p.outputs);
  const Number<D> weight{hn::Set(tag, 1), hn::Neg(hn::LoadU(tag, p.tangent + l))};
  Vector<D, kRank> x;
  Square<D, kRank> dm;
  for (auto& row : dm)
    for (auto& m : row) m = real(tag, 0);
  for (std::int64_t c = 0; c < p.outputs; ++c) {
    nodes.solve(c, x);
    Vector<D, kRank> dx;
    for (auto& d : dx) d = real(tag, 0);
    for (std::int64_t i = 0; i < p.inputs; ++i) {
      const auto g = weight * load(tag, dy, i, c);
      store(tag, ds, i, c, g);
      for (int q = 0; q < kRank; ++q) {
        dx[q] = dx[q] - load(tag, s, i, p.outputs + q).conj() * g;
        const auto so_far = c == 0 ? real(tag, 0) : load(tag, ds, i, p.outputs + q);
        store(tag, ds, i, p.outputs + q, so_far - g * x[q].conj());
      }
    }
    for (int q = 0; q < kRank; ++q) {
      auto row = real(tag, 0);
      for (int r = 0; r < kRank; ++r) row = row + nodes.inverse[r][q].conj() * dx[r];
      store(tag, ds, p.inputs + q, c, row);
      for (int r = 0; r < kRank; ++r) dm[q][r] = dm[q][r] - row * x[r].conj();
    }
  }
  for (int q = 0; q < kRank; ++q)
    for (int r = 0; r < kRank; ++r) store(tag, ds, p.inputs + q, p.outputs + r, dm[q][r]);
}

template <class T, int kRank, class Problem>
void run(const Problem& p) {
  const hn::ScalableTag<T> wide;
  const hn::CappedTag<T, 1> single;
  const auto step = static_cast<std::int64_t>(hn::Lanes(wide));
#pragma omp parallel for schedule(static)
  for (std::int64_t feature = 0; feature < p.h; ++feature) {
    std::int64_t l = 0;
    for (; l + step <= p.l; l += step) response<kRank>(wide, p, feature, l);
    for (; l < p.l; ++l) response<kRank>(single, p, feature, l);
  }
}

template <class T, class Problem>
void run_rank(const Problem& p) {
  using Run = void (*)(const Problem&);
  constexpr Run kOfRank[kLargestRank] = {run<T, 1, Problem>, run<T, 2, Problem>, run<T, 3, Problem>,
                                         run<T, 4, Problem>};
  kOfRank[p.rank - 1](p);
}

}  // namespace

void low_rank_float(const LowRank<float>& p) { run_rank<float>(p); }
void low_rank_double(const LowRank<double>& p) { run_rank<double>(p); }
void low_rank_grad_float(const LowRankGrad<float>& p) { run_rank<float>(p); }
void low_rank_grad_double(const LowRankGrad<double>& p) { run_rank<double>(p); }

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(low_rank_float);
HWY_EXPORT(low_rank_double);
HWY_EXPORT(low_rank_grad_float);
HWY_EXPORT(low_rank_grad_double);

template <>
void low_rank(const LowRank<float>& p) {
  HWY_DYNAMIC_DISPATCH(low_rank_float)(p);
}
template <>
void low_rank(const LowRank<double>& p) {
  HWY_DYNAMIC_DISPATCH(low_rank_double)(p);
}
template <>
void low_rank_grad(const LowRankGrad<float>& p) {
  HWY_DYNAMIC_DISPATCH(low_rank_grad_float)(p);
}
template <>
void low_rank_grad(const LowRankGrad<double>& p) {
  HWY_DYNAMIC_DISPATCH(low_rank_grad_double)(p);
}

}  // namespace longwave::kernels
#endif
