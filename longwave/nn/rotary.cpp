#include "longwave/nn/rotary.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {

RotaryAngles rotary_angles(const at::Tensor& positions, std::int64_t d, at::ScalarType type, double base) {
  check(d % 2 == 0, "rotary positions: a head is ", d, " wide; expected an even number");
  // In double: a float angle of position 100 000 is wrong in the third decimal.
  const auto exact = positions.options().dtype(at::kDouble);
  const auto rates = at::exp(at::arange(0, d, 2, exact) * (-std::log(base) / static_cast<double>(d)));
  const auto angles = (positions.unsqueeze(-1) * rates).unsqueeze(-2);
  return {angles.cos().to(type), angles.sin().to(type)};
}

at::Tensor rotate(const at::Tensor& x, const RotaryAngles& angles, RotaryPairs pairs) {
  const auto d = x.size(-1);
  const auto& [cosine, sine] = angles;
  check(x.dim() == 4 && cosine.size(-1) * 2 == d, "rotate: x is ", x.sizes(), "; expected [b, t, h, ",
        cosine.size(-1) * 2, "]");
  const bool half = pairs == RotaryPairs::half;
  const auto first = half ? x.narrow(-1, 0, d / 2) : x.slice(-1, 0, d, 2);
  const auto second = half ? x.narrow(-1, d / 2, d / 2) : x.slice(-1, 1, d, 2);
  const auto turned_first = first * cosine - second * sine, turned_second = second * cosine + first * sine;
  if (half) return at::cat({turned_first, turned_second}, -1);
  return at::stack({turned_first, turned_second}, -1).flatten(-2);
}

}  // namespace longwave
