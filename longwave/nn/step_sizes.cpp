#include "longwave/nn/step_sizes.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {

at::Tensor draw_log_steps(const char* what, at::IntArrayRef sizes, double low, double high, at::ScalarType type) {
  check(low > 0 && low <= high, what, ": dt_min is ", low, ", dt_max is ", high, "; expected 0 < dt_min <= dt_max");
  return at::rand(sizes, type) * std::log(high / low) + std::log(low);
}

at::Tensor softplus_inverse(const at::Tensor& step) { return step + at::log(-at::expm1(-step)); }

}  // namespace longwave
