#pragma once

#include <ATen/core/Tensor.h>

namespace longwave {

/// The period in steps of each series of x [b, l, c] -> int64 [b, c]; 1 where none is significant.
///
/// The linear trend is removed, then the lag of the highest peak of the autocorrelation (biased estimate, so that a
/// period is preferred to its multiples) among lags 2 .. l/2 is the candidate: at least two whole periods are seen. A
/// peak is higher than its left and no lower than its right neighbour. It counts if r_m > z sqrt((1 + 2 sum_{i<m}
/// r_i^2) / l) (Bartlett's bound), where z is the normal quantile of a 5 % test over all the lags that were looked at,
/// so that noise seldom seems seasonal.
at::Tensor detect_period(const at::Tensor& x);

}  // namespace longwave
