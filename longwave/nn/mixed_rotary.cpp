#include "longwave/nn/mixed_rotary.h"

#include <ATen/ATen.h>

namespace longwave {

using at::Tensor;

MixedRotary::MixedRotary(const Tensor& places, std::int64_t e, double base, ops::RotaryPairs turned) : turned_(turned) {
  const auto frequency = at::pow(base, at::arange(0, e, 2, at::kFloat) / e).reciprocal();
  const auto of_channels = turned == ops::RotaryPairs::half ? frequency.repeat_interleave(2) : frequency.repeat({2});
  angle_ = (places.to(at::kFloat).unsqueeze(-1) * of_channels).unsqueeze(2);
}

Tensor MixedRotary::operator()(const Tensor& x) const {
  Tensor quarter;
  if (turned_ == ops::RotaryPairs::half) {
    const auto halves = x.chunk(2, -1);
    quarter = at::cat({-halves[1], halves[0]}, -1);
  } else {
    const auto pairs = x.unflatten(-1, {x.size(-1) / 2, 2}).unbind(-1);
    quarter = at::stack({-pairs[1], pairs[0]}, -1).flatten(-2);
  }
  const auto table = [&](const Tensor& values) { return values.to(x.scalar_type()); };
  return x * table(at::cos(angle_)) + quarter * table(at::sin(angle_));
}

}  // namespace longwave
