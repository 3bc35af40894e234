#pragma once

#include <ATen/core/Tensor.h>

namespace longwave {

/// The period in steps of each series of x [b, l, c] -> int64 [b, c]; 1 where none is significant.
///
/// The linear trend is removed, then the lag of the highest peak of the autocorrelation (biased estimate, so that a
/// period is preferred to its multiples) among lags 2 .. l/2 is the candidate: at least two whole periods are seen. A
/// peak is higher than its left and no lower than its right neighbour. It counts if it is significant, r_m > z /
/// sqrt(l) with z the normal quantile of a 5 % test over all the lags looked at, and if repeating m steps would have
/// beaten repeating the last value within the window, r_m > mean of r_1 .. r_{m-1}: a random walk has no period.
at::Tensor detect_period(const at::Tensor& x);

}  // namespace longwave
