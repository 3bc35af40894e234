#include "longwave/nn/alibi.h"

#include <ATen/ATen.h>

#include <bit>
#include <cmath>

namespace longwave {

at::Tensor alibi_slopes(std::int64_t heads, const at::TensorOptions& options) {
  const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
  std::vector<double> slopes;
  for (std::int64_t i = 1; i <= power; ++i)
    slopes.push_back(std::exp2(-8.0 * static_cast<double>(i) / static_cast<double>(power)));
  for (std::int64_t i = 1; std::ssize(slopes) < heads; i += 2)
    slopes.push_back(std::exp2(-4.0 * static_cast<double>(i) / static_cast<double>(power)));
  return at::tensor(slopes, options);
}

}  // namespace longwave
