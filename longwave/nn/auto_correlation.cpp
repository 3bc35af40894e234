#include "longwave/nn/auto_correlation.h"

namespace longwave {
namespace {

/// Correlation over time, averaged over heads and width: [b, l], of odd l the l - 1 lags that the reference's inverse
/// transform returns. The mean is taken in the frequency domain, so that only one inverse transform a sample is left.
at::Tensor mean_correlation(const at::Tensor& q, const at::Tensor& k) {
  const auto spectrum = at::fft_rfft(q, c10::nullopt, 2) * at::fft_rfft(k, c10::nullopt, 2).conj();
  return at::fft_irfft(spectrum.mean(std::vector<std::int64_t>{1, 3}), std::max<std::int64_t>(1, q.size(2) / 2 * 2), 1);
}

/// y[t] = sum_d weight[d] x[(t + d) mod l] as one product with a circulant matrix. x [b, l, d], weight [b, l].
at::Tensor circular_filter(const at::Tensor& x, const at::Tensor& weight) {
  const auto l = x.size(1);
  const auto rows = at::cat({weight, weight}, 1).unfold(1, l, 1).narrow(1, 1, l);  // row i: weight[(s + i + 1) mod l]
  return at::matmul(rows, x).flip(1);                                              // is step l - 1 - i
}

}  // namespace

std::pair<at::Tensor, at::Tensor> auto_correlation(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                   std::int64_t count, bool shared) {
  const auto l = q.size(2), missing = l - k.size(2);  // a negative padding cuts
  const auto keys = at::constant_pad_nd(k, {0, 0, 0, missing}), values = at::constant_pad_nd(v, {0, 0, 0, missing});
  const auto correlation = mean_correlation(q, keys);
  count = std::min(count, correlation.size(1));
  const auto ranked = shared ? correlation.detach().mean(0) : correlation.detach();
  const auto delays = std::get<1>(ranked.topk(count, -1));
  const auto index = shared ? delays.expand({q.size(0), count}) : delays;
  const auto strength = correlation.gather(1, index).softmax(1);
  const auto weight = at::zeros({q.size(0), l}, correlation.options()).scatter(1, index, strength);
  return {circular_filter(values.transpose(1, 2).flatten(2), weight), delays};
}

}  // namespace longwave
