#include "longwave/models/seasonality.h"

#include <cmath>

namespace longwave {
namespace {

/// y [..., l] less its least-squares line.
at::Tensor detrend(const at::Tensor& y) {
  const auto l = y.size(-1);
  const auto time = at::arange(l, y.options()) - static_cast<double>(l - 1) / 2;
  const auto centred = y - y.mean(-1, /*keepdim=*/true);
  const auto slope = (centred * time).sum(-1, /*keepdim=*/true) / time.square().sum().clamp_min(1);
  return centred - slope * time;
}

/// Autocorrelation r_0 .. r_{lags-1} of y [..., l]; zero for a constant series.
at::Tensor autocorrelation(const at::Tensor& y, std::int64_t lags) {
  const auto spectrum = at::fft_rfft(y, 2 * y.size(-1));  // padded: no wrap around
  const auto covariance = at::fft_irfft(spectrum.abs().square(), 2 * y.size(-1)).narrow(-1, 0, lags);
  return covariance / covariance.narrow(-1, 0, 1).clamp_min(1e-12);
}

}  // namespace

at::Tensor detect_period(const at::Tensor& x) {
  const auto l = x.size(1);
  const auto longest = l / 2;
  if (longest < 2) return at::ones({x.size(0), x.size(2)}, at::kLong);
  const auto series = detrend(x.transpose(1, 2).to(at::kDouble));  // [b, c, l]
  const auto r = autocorrelation(series, longest + 2);             // lags 0 .. longest + 1
  const auto at_lag = r.narrow(-1, 2, longest - 1);
  const auto is_peak = at_lag.gt(r.narrow(-1, 1, longest - 1)) & at_lag.ge(r.narrow(-1, 3, longest - 1));
  // Over one cycle, the last value is as good as the mean of r_1 .. r_{m-1}, the last cycle as good as r_m.
  const auto nearer = r.narrow(-1, 1, longest - 1).cumsum(-1) / at::arange(1, longest, r.options());
  const auto z = at::special_ndtri(at::scalar_tensor(1 - 0.05 / static_cast<double>(longest - 1), at::kDouble));
  const auto bound = at::maximum(nearer, z / std::sqrt(static_cast<double>(l)));
  const auto height = at_lag.masked_fill((is_peak & at_lag.gt(bound)).logical_not(), 0);
  const auto best = height.max(-1);
  return at::where(std::get<0>(best).gt(0), std::get<1>(best) + 2, at::ones_like(std::get<1>(best)));
}

}  // namespace longwave
