#include <complex>
#include <vector>

#include "longwave/kernels/low_rank.h"

namespace longwave::kernels {
namespace {

using Number = std::complex<double>;

struct Matrix {
  std::int64_t rows, columns;
  std::vector<Number> data;
  Matrix(std::int64_t r, std::int64_t c) : rows(r), columns(c), data(r * c) {}
  Number& operator()(std::int64_t i, std::int64_t j) { return data[i * columns + j]; }
  Number operator()(std::int64_t i, std::int64_t j) const { return data[i * columns + j]; }
};

Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < b.columns; ++j)
      for (std::int64_t k = 0; k < a.columns; ++k) c(i, j) += a(i, k) * b(k, j);
  return c;
}

Matrix adjoint(const Matrix& a) {
  Matrix b(a.columns, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.columns; ++j) b(j, i) = std::conj(a(i, j));
  return b;
}

/// By elimination, without exchanges: pivots of the identity and a positive part stay away from zero.
Matrix inverse(Matrix m) {
  Matrix result(m.rows, m.rows);
  for (std::int64_t k = 0; k < m.rows; ++k) result(k, k) = 1;
  const auto add = [](Matrix& x, std::int64_t to, Number factor, std::int64_t from) {
    for (std::int64_t j = 0; j < x.columns; ++j) x(to, j) += factor * x(from, j);
  };
  for (std::int64_t k = 0; k < m.rows; ++k)
    for (std::int64_t i = 0; i < m.rows; ++i) {
      if (i == k) continue;
      const auto factor = -m(i, k) / m(k, k);
      add(m, i, factor, k), add(result, i, factor, k);
    }
  for (std::int64_t k = 0; k < m.rows; ++k)
    for (std::int64_t j = 0; j < m.rows; ++j) result(k, j) /= m(k, k);
  return result;
}

/// Where the numbers of one feature and node lie in a tensor [.., columns, h, l] of pairs.
struct Place {
  std::int64_t columns, h, l, feature, node;
  std::int64_t operator()(std::int64_t i, std::int64_t j) const {
    return 2 * (((i * columns + j) * h + feature) * l + node);
  }
};

/// The block of a tensor that begins at (row, column).
template <class T>
Matrix load(const T* x, const Place& place, std::int64_t row, std::int64_t column, Matrix m) {
  for (std::int64_t i = 0; i < m.rows; ++i)
    for (std::int64_t j = 0; j < m.columns; ++j) {
      const auto at = place(row + i, column + j);
      m(i, j) = {x[at], x[at + 1]};
    }
  return m;
}

template <class T>
void store(const Matrix& m, Number factor, const Place& place, std::int64_t row, std::int64_t column, T* x) {
  for (std::int64_t i = 0; i < m.rows; ++i)
    for (std::int64_t j = 0; j < m.columns; ++j) {
      const auto at = place(row + i, column + j);
      const auto z = factor * m(i, j);
      x[at] = static_cast<T>(z.real()), x[at + 1] = static_cast<T>(z.imag());
    }
}

/// s = [direct, left; right, M - 1] of one feature and node, and M^-1.
struct Node {
  Place of_s, of_y;
  Number weight;  // 1 + i tangent
  Matrix direct, left, right, inverted;

  template <class Problem>
  Node(const Problem& p, std::int64_t feature, std::int64_t node)
      : of_s{p.outputs + p.rank, p.h, p.l, feature, node},
        of_y{p.outputs, p.h, p.l, feature, node},
        weight(1, p.tangent[node]),
        direct(load(p.s, of_s, 0, 0, Matrix(p.inputs, p.outputs))),
        left(load(p.s, of_s, 0, p.outputs, Matrix(p.inputs, p.rank))),
        right(load(p.s, of_s, p.inputs, 0, Matrix(p.rank, p.outputs))),
        inverted(load(p.s, of_s, p.inputs, p.outputs, Matrix(p.rank, p.rank))) {
    for (std::int64_t k = 0; k < p.rank; ++k) inverted(k, k) += 1;
    inverted = inverse(inverted);
  }
};

template <class Problem, class Body>
void for_nodes(const Problem& p, Body body) {
  for (std::int64_t feature = 0; feature < p.h; ++feature)
    for (std::int64_t node = 0; node < p.l; ++node) body(Node(p, feature, node));
}

}  // namespace

template <class T>
void low_rank_reference(const LowRank<T>& p) {
  for_nodes(p, [&](const Node& n) {
    auto y = n.left * n.inverted * n.right;
    for (std::int64_t i = 0; i < y.rows; ++i)
      for (std::int64_t c = 0; c < y.columns; ++c) y(i, c) = n.direct(i, c) - y(i, c);
    store(y, n.weight, n.of_y, 0, 0, p.y);
  });
}

/// With g the gradient of the brackets and * the adjoint: those of left, right and M are -g (M^-1 right)*,
/// -(left M^-1)* g, and (left M^-1)* g (M^-1 right)*.
template <class T>
void low_rank_grad_reference(const LowRankGrad<T>& p) {
  for_nodes(p, [&](const Node& n) {
    auto g = load(p.dy, n.of_y, 0, 0, Matrix(p.inputs, p.outputs));
    for (auto& z : g.data) z *= std::conj(n.weight);
    const auto before = adjoint(n.left * n.inverted), after = adjoint(n.inverted * n.right);
    store(g, 1, n.of_s, 0, 0, p.ds);
    store(g * after, -1, n.of_s, 0, p.outputs, p.ds);
    store(before * g, -1, n.of_s, p.inputs, 0, p.ds);
    store(before * g * after, 1, n.of_s, p.inputs, p.outputs, p.ds);
  });
}

template void low_rank_reference(const LowRank<float>&);
template void low_rank_reference(const LowRank<double>&);
template void low_rank_grad_reference(const LowRankGrad<float>&);
template void low_rank_grad_reference(const LowRankGrad<double>&);

}  // namespace longwave::kernels
