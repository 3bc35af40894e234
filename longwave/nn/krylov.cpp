#include "longwave/nn/krylov.h"

#include <ATen/ATen.h>

namespace longwave {

at::Tensor krylov(const at::Tensor& a, const at::Tensor& b, std::int64_t t) {
  auto columns = b.unsqueeze(-1);
  for (auto power = a; columns.size(-1) < t; power = at::matmul(power, power))
    columns = at::cat({columns, at::matmul(power, columns)}, -1);
  return columns.narrow(-1, 0, t);
}

at::Tensor advance(const at::Tensor& a, const at::Tensor& start, std::int64_t t, const at::Tensor& lengths) {
  auto x = start, power = a;
  const auto longest = lengths.defined() ? lengths.max().item<std::int64_t>() : t;
  for (std::int64_t bit = 1; bit <= longest; bit *= 2, power = at::matmul(power, power)) {
    if (lengths.defined())
      x = at::where(at::bitwise_and(lengths, bit) != 0, at::matmul(power, x), x);
    else if (t & bit)
      x = at::matmul(power, x);
  }
  return x;
}

}  // namespace longwave
