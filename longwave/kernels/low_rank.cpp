#include "longwave/kernels/low_rank.h"

#include <algorithm>

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

template <class T>
using Square = Number<T>[kLargestRank][kLargestRank];
template <class T>
using Vector = Number<T>[kLargestRank];

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
template <class T>
void invert(Square<T>& m, std::int64_t rank) {
  for (std::int64_t k = 0; k < rank; ++k) {
    const auto pivot = m[k][k].inverse();
    m[k][k] = {1, 0};
    for (std::int64_t j = 0; j < rank; ++j) m[k][j] = m[k][j] * pivot;
    for (std::int64_t i = 0; i < rank; ++i) {
      if (i == k) continue;
      const auto factor = m[i][k];
      m[i][k] = {};
      for (std::int64_t j = 0; j < rank; ++j) m[i][j] = m[i][j] - factor * m[k][j];
    }
  }
}

/// The low-rank part of one feature at one node.
template <class T>
struct Node {
  Planes<const T> s;
  std::int64_t inputs, outputs, rank, node;
  Square<T> inverse;

  Node(const Planes<const T>& sums, std::int64_t i, std::int64_t c, std::int64_t r, std::int64_t at)
      : s(sums), inputs(i), outputs(c), rank(r), node(at) {
    for (std::int64_t p = 0; p < rank; ++p)
      for (std::int64_t q = 0; q < rank; ++q)
        inverse[p][q] = load(s, inputs + p, outputs + q, node) + Number<T>{p == q ? T(1) : T(0), 0};
    invert(inverse, rank);
  }

  /// x = M^-1 s[I.., c]
  void solve(std::int64_t c, Vector<T>& x) const {
    for (std::int64_t p = 0; p < rank; ++p) {
      x[p] = {};
      for (std::int64_t q = 0; q < rank; ++q) x[p] = x[p] + inverse[p][q] * load(s, inputs + q, c, node);
    }
  }
};

}  // namespace

template <class T>
void low_rank(const LowRank<T>& p) {
#pragma omp parallel for schedule(static)
  for (std::int64_t feature = 0; feature < p.h; ++feature) {
    const Planes<const T> s{p.s, p.outputs + p.rank, p.h, p.l, feature};
    const Planes<T> y{p.y, p.outputs, p.h, p.l, feature};
    for (std::int64_t l = 0; l < p.l; ++l) {
      const Node<T> node(s, p.inputs, p.outputs, p.rank, l);
      const Number<T> weight{1, p.tangent[l]};
      Vector<T> x;
      for (std::int64_t c = 0; c < p.outputs; ++c) {
        node.solve(c, x);
        for (std::int64_t i = 0; i < p.inputs; ++i) {
          auto sum = load(s, i, c, l);
          for (std::int64_t q = 0; q < p.rank; ++q) sum = sum - load(s, i, p.outputs + q, l) * x[q];
          store(y, i, c, l, weight * sum);
        }
      }
    }
  }
}

// With g[i, c] = conj(1 + i tangent) dy[i, c], L = s[.., C..], x_c = M^-1 s[I.., c]: dL -= g x_c*, dx_c = -L* g, the
// gradient of s[I.., c] is M^-* dx_c, and that of M loses its product with x_c*.
template <class T>
void low_rank_grad(const LowRankGrad<T>& p) {
#pragma omp parallel for schedule(static)
  for (std::int64_t feature = 0; feature < p.h; ++feature) {
    const Planes<const T> s{p.s, p.outputs + p.rank, p.h, p.l, feature}, dy{p.dy, p.outputs, p.h, p.l, feature};
    const Planes<T> ds{p.ds, p.outputs + p.rank, p.h, p.l, feature};
    for (std::int64_t i = 0; i < p.inputs + p.rank; ++i)
      for (std::int64_t q = 0; q < p.rank; ++q) std::fill_n(ds.at(i, p.outputs + q, 0), 2 * p.l, T(0));
    const auto add = [&](std::int64_t row, std::int64_t column, std::int64_t l, Number<T> z) {
      auto* to = ds.at(row, column, l);
      to[0] += z.re, to[1] += z.im;
    };
    for (std::int64_t l = 0; l < p.l; ++l) {
      const Node<T> node(s, p.inputs, p.outputs, p.rank, l);
      const Number<T> weight{1, -p.tangent[l]};
      Vector<T> x;
      for (std::int64_t c = 0; c < p.outputs; ++c) {
        node.solve(c, x);
        Vector<T> dx;
        for (std::int64_t i = 0; i < p.inputs; ++i) {
          const auto g = weight * load(dy, i, c, l);
          store(ds, i, c, l, g);
          for (std::int64_t q = 0; q < p.rank; ++q) {
            dx[q] = dx[q] - load(s, i, p.outputs + q, l).conj() * g;
            add(i, p.outputs + q, l, Number<T>{} - g * x[q].conj());
          }
        }
        for (std::int64_t q = 0; q < p.rank; ++q) {
          Number<T> row;
          for (std::int64_t r = 0; r < p.rank; ++r) row = row + node.inverse[r][q].conj() * dx[r];
          store(ds, p.inputs + q, c, l, row);
          for (std::int64_t r = 0; r < p.rank; ++r)
            add(p.inputs + q, p.outputs + r, l, Number<T>{} - row * x[r].conj());
        }
      }
    }
  }
}

template void low_rank(const LowRank<float>&);
template void low_rank(const LowRank<double>&);
template void low_rank_grad(const LowRankGrad<float>&);
template void low_rank_grad(const LowRankGrad<double>&);

}  // namespace longwave::kernels
