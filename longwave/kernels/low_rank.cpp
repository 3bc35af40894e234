#include "longwave/kernels/low_rank.h"

#include <type_traits>

// Memory is what this costs: a few operations on numbers that are read and written once, in one pass for all of them.

namespace longwave::kernels {
namespace {

/// std::complex without its care for infinities, which costs a call for each product.
template <class T>
struct Number {
  T re = 0, im = 0;
  Number operator+(Number b) const { return {re + b.re, im + b.im}; }
  Number operator-(Number b) const { return {re - b.re, im - b.im}; }
  Number operator*(Number b) const { return {re * b.re - im * b.im, re * b.im + im * b.re}; }
  Number conj() const { return {re, -im}; }
  Number inverse() const {
    const T scale = 1 / (re * re + im * im);
    return {re * scale, -im * scale};
  }
};

// The rank is a constant, so that its loops unroll and these stay in registers.
template <class T, int kRank>
using Square = Number<T>[kRank][kRank];
template <class T, int kRank>
using Vector = Number<T>[kRank];

/// Numbers [rows, columns] of one feature, with all nodes of a number side by side.
template <class T>
struct Planes {
  T* data;
  std::int64_t columns, h, l, feature;
  T* at(std::int64_t row, std::int64_t column, std::int64_t node) const {
    return data + 2 * (((row * columns + column) * h + feature) * l + node);
  }
};
template <class T>
Number<std::remove_const_t<T>> load(const Planes<T>& x, std::int64_t row, std::int64_t column, std::int64_t node) {
  const auto* z = x.at(row, column, node);
  return {z[0], z[1]};
}
template <class T>
void store(const Planes<T>& x, std::int64_t row, std::int64_t column, std::int64_t node, Number<T> z) {
  auto* to = x.at(row, column, node);
  to[0] = z.re, to[1] = z.im;
}

/// In place, by elimination: M is the identity and a positive part, whose pivots stay away from zero.
template <class T, int kRank>
void invert(Square<T, kRank>& m) {
  for (int k = 0; k < kRank; ++k) {
    const auto pivot = m[k][k].inverse();
    m[k][k] = {1, 0};
    for (int j = 0; j < kRank; ++j) m[k][j] = m[k][j] * pivot;
    for (int i = 0; i < kRank; ++i) {
      if (i == k) continue;
      const auto factor = m[i][k];
      m[i][k] = {};
      for (int j = 0; j < kRank; ++j) m[i][j] = m[i][j] - factor * m[k][j];
    }
  }
}

/// The low-rank part of one feature at one node.
template <class T, int kRank>
struct Node {
  Planes<const T> s;
  std::int64_t inputs, outputs, node;
  Square<T, kRank> inverse;

  Node(const Planes<const T>& sums, std::int64_t i, std::int64_t c, std::int64_t at)
      : s(sums), inputs(i), outputs(c), node(at) {
    for (int p = 0; p < kRank; ++p)
      for (int q = 0; q < kRank; ++q)
        inverse[p][q] = load(s, inputs + p, outputs + q, node) + Number<T>{p == q ? T(1) : T(0), 0};
    invert<T, kRank>(inverse);
  }

  /// x = M^-1 s[I.., c]
  void solve(std::int64_t c, Vector<T, kRank>& x) const {
    for (int p = 0; p < kRank; ++p) {
      x[p] = {};
      for (int q = 0; q < kRank; ++q) x[p] = x[p] + inverse[p][q] * load(s, inputs + q, c, node);
    }
  }
};

template <class T, int kRank>
void response(const LowRank<T>& p) {
#pragma omp parallel for schedule(static)
  for (std::int64_t feature = 0; feature < p.h; ++feature) {
    const Planes<const T> s{p.s, p.outputs + kRank, p.h, p.l, feature};
    const Planes<T> y{p.y, p.outputs, p.h, p.l, feature};
    for (std::int64_t l = 0; l < p.l; ++l) {
      const Node<T, kRank> node(s, p.inputs, p.outputs, l);
      const Number<T> weight{1, p.tangent[l]};
      Vector<T, kRank> x;
      for (std::int64_t c = 0; c < p.outputs; ++c) {
        node.solve(c, x);
        for (std::int64_t i = 0; i < p.inputs; ++i) {
          auto sum = load(s, i, c, l);
          for (int q = 0; q < kRank; ++q) sum = sum - load(s, i, p.outputs + q, l) * x[q];
          store(y, i, c, l, weight * sum);
        }
      }
    }
  }
}

// With g[i, c] = conj(1 + i tangent) dy[i, c], L = s[.., C..], x_c = M^-1 s[I.., c]: dL -= g x_c*, dx_c = -L* g, the
// gradient of s[I.., c] is M^-* dx_c, and that of M loses its product with x_c*.
template <class T, int kRank>
void gradient(const LowRankGrad<T>& p) {
#pragma omp parallel for schedule(static)
  for (std::int64_t feature = 0; feature < p.h; ++feature) {
    const Planes<const T> s{p.s, p.outputs + kRank, p.h, p.l, feature}, dy{p.dy, p.outputs, p.h, p.l, feature};
    const Planes<T> ds{p.ds, p.outputs + kRank, p.h, p.l, feature};
    for (std::int64_t l = 0; l < p.l; ++l) {
      const Node<T, kRank> node(s, p.inputs, p.outputs, l);
      const Number<T> weight{1, -p.tangent[l]};
      Vector<T, kRank> x;
      Square<T, kRank> dm;
      for (std::int64_t c = 0; c < p.outputs; ++c) {
        node.solve(c, x);
        Vector<T, kRank> dx;
        for (std::int64_t i = 0; i < p.inputs; ++i) {
          const auto g = weight * load(dy, i, c, l);
          store(ds, i, c, l, g);
          for (int q = 0; q < kRank; ++q) {
            dx[q] = dx[q] - load(s, i, p.outputs + q, l).conj() * g;
            const auto so_far = c == 0 ? Number<T>{} : Number<T>(load(ds, i, p.outputs + q, l));
            store(ds, i, p.outputs + q, l, so_far - g * x[q].conj());
          }
        }
        for (int q = 0; q < kRank; ++q) {
          Number<T> row;
          for (int r = 0; r < kRank; ++r) row = row + node.inverse[r][q].conj() * dx[r];
          store(ds, p.inputs + q, c, l, row);
          for (int r = 0; r < kRank; ++r) dm[q][r] = dm[q][r] - row * x[r].conj();
        }
      }
      for (int q = 0; q < kRank; ++q)
        for (int r = 0; r < kRank; ++r) store(ds, p.inputs + q, p.outputs + r, l, dm[q][r]);
    }
  }
}

}  // namespace

template <class T>
void low_rank(const LowRank<T>& p) {
  using Response = void (*)(const LowRank<T>&);
  constexpr Response kOfRank[kLargestRank] = {response<T, 1>, response<T, 2>, response<T, 3>, response<T, 4>};
  kOfRank[p.rank - 1](p);
}

template <class T>
void low_rank_grad(const LowRankGrad<T>& p) {
  using Gradient = void (*)(const LowRankGrad<T>&);
  constexpr Gradient kOfRank[kLargestRank] = {gradient<T, 1>, gradient<T, 2>, gradient<T, 3>, gradient<T, 4>};
  kOfRank[p.rank - 1](p);
}

template void low_rank(const LowRank<float>&);
template void low_rank(const LowRank<double>&);
template void low_rank_grad(const LowRankGrad<float>&);
template void low_rank_grad(const LowRankGrad<double>&);

}  // namespace longwave::kernels
