#include "longwave/nn/moving_average.h"

namespace longwave {

at::Tensor moving_average(const at::Tensor& x, std::int64_t window) {
  TORCH_CHECK(window >= 1 && window % 2 == 1, "moving_average: window is ", window, "; expected an odd number");
  const auto by_channel = x.transpose(1, 2);  // [b, c, l]
  return at::avg_pool1d(at::replication_pad1d(by_channel, {window / 2, window / 2}), {window}, {1}).transpose(1, 2);
}

std::pair<at::Tensor, at::Tensor> decompose(const at::Tensor& x, std::int64_t window) {
  const auto trend = moving_average(x, window);
  return {x - trend, trend};
}

}  // namespace longwave
