#include "longwave/nn/rotary.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {

at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, RotaryPairs pairs, double base) {
  const auto d = x.size(-1);
  check(x.dim() == 4 && d % 2 == 0, "rotate: x is ", x.sizes(), "; expected [b, t, h, d] with an even d");
  // In double: a float angle of position 100 000 is wrong in the third decimal.
  const auto exact = positions.options().dtype(at::kDouble);
  const auto rates = at::exp(at::arange(0, d, 2, exact) * (-std::log(base) / static_cast<double>(d)));
  const auto angles = (positions.to(at::kDouble).unsqueeze(-1) * rates).unsqueeze(-2);  // [(b,) t, 1, d / 2]
  const auto cosine = angles.cos().to(x.scalar_type()), sine = angles.sin().to(x.scalar_type());
  const bool half = pairs == RotaryPairs::half;
  const auto first = half ? x.narrow(-1, 0, d / 2) : x.slice(-1, 0, d, 2);
  const auto second = half ? x.narrow(-1, d / 2, d / 2) : x.slice(-1, 1, d, 2);
  const auto turned_first = first * cosine - second * sine, turned_second = second * cosine + first * sine;
  if (half) return at::cat({turned_first, turned_second}, -1);
  return at::stack({turned_first, turned_second}, -1).flatten(-2);
}

}  // namespace longwave
