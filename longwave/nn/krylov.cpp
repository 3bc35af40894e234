#include "longwave/nn/krylov.h"

#include <ATen/ATen.h>

namespace longwave {
namespace {

/// The least level l with (2^l)^2 >= t.
std::size_t half_level(std::int64_t t) {
  std::size_t level = 0;
  while ((std::int64_t{1} << (2 * level)) < t) ++level;
  return level;
}

}  // namespace

const at::Tensor& Squares::operator[](std::size_t i) {
  while (powers_.size() <= i) powers_.push_back(at::matmul(powers_.back(), powers_.back()));
  return powers_[i];
}

at::Tensor krylov(Squares& a, const at::Tensor& b, std::int64_t t) {
  auto columns = b;
  const auto wanted = t * b.size(-1);
  for (std::size_t i = 0; columns.size(-1) < wanted; ++i) columns = at::cat({columns, at::matmul(a[i], columns)}, -1);
  return columns.narrow(-1, 0, wanted);
}

at::Tensor krylov_response(Squares& a, const at::Tensor& c, const at::Tensor& b, std::int64_t t) {
  const auto level = half_level(t);
  const auto q = std::int64_t{1} << level, m = c.size(-2);
  auto rows = c;
  for (auto i = level; rows.size(-2) * q < t * m; ++i) rows = at::cat({rows, at::matmul(rows, a[i])}, -2);
  const auto products = at::matmul(rows, krylov(a, b, q));  // [h, p m, q w]
  return products.view({c.size(0), -1, m, q, b.size(-1)}).transpose(2, 3).flatten(1, 2).narrow(1, 0, t);
}

at::Tensor krylov_state(Squares& a, const at::Tensor& b, const at::Tensor& u) {
  const auto h = u.size(0), t = u.size(1), w = u.size(2);
  auto level = half_level(t);
  const auto q = std::int64_t{1} << level;
  std::int64_t blocks = 1;
  while (blocks * q < t) blocks *= 2;
  const auto padded = at::constant_pad_nd(u, {0, 0, blocks * q - t, 0});
  const auto steps = padded.view({h, blocks, q, w}).transpose(1, 2).reshape({h, q, blocks * w});
  const auto columns = krylov(a, b.unsqueeze(-1), q).flip(-1);       // A^(q-1) b, ..., b
  auto parts = at::matmul(columns, steps).view({h, -1, blocks, w});  // what each block leaves at its own end
  for (; parts.size(2) > 1; ++level) {
    const auto pairs = parts.unflatten(2, {-1, 2});
    const auto earlier = pairs.select(3, 0), later = pairs.select(3, 1);
    parts = later + at::matmul(a[level], earlier.flatten(2)).view(later.sizes());
  }
  return parts.select(2, 0);
}

at::Tensor advance(Squares& a, const at::Tensor& start, std::int64_t t, const at::Tensor& lengths) {
  auto x = start;
  const auto longest = lengths.defined() ? lengths.max().item<std::int64_t>() : t;
  for (std::size_t i = 0; longest >> i; ++i) {
    const auto bit = std::int64_t{1} << i;
    if (lengths.defined())
      x = at::where(at::bitwise_and(lengths, bit) != 0, at::matmul(a[i], x), x);
    else if (t & bit)
      x = at::matmul(a[i], x);
  }
  return x;
}

}  // namespace longwave
