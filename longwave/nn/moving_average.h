#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace longwave {

/// Moving average over time of x [b, l, c], stride 1, the ends padded by repeating the first and last value so that the
/// length stays. `window` is odd.
at::Tensor moving_average(const at::Tensor& x, std::int64_t window);

/// Splits x [b, l, c] in (seasonal, trend): trend is the moving average, seasonal the rest.
std::pair<at::Tensor, at::Tensor> decompose(const at::Tensor& x, std::int64_t window);

}  // namespace longwave
