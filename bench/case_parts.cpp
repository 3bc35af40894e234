#include "bench/case_parts.h"

#include <ATen/core/Tensor.h>

#include <cmath>

namespace longwave::bench {

at::Tensor leaf(Case& c, const std::string& name, const at::Tensor& value) {
  return c.leaves[name] = value.detach().requires_grad_();
}

at::Tensor constant(Case& c, const std::string& name, const at::Tensor& value) {
  return c.leaves[name] = value.detach().to(at::kFloat);
}

void add_bytes(Case& c, const at::Tensor& x, double forward, double both) {
  const auto bytes = static_cast<double>(x.nbytes());
  c.work[Bound::tensor_bytes].forward += forward * bytes;
  c.work[Bound::tensor_bytes].both += both * bytes;
}

void add_products(Case& c, std::int64_t steps, double multiply_adds) {
  const double forward = 2 * multiply_adds * static_cast<double>(steps);
  c.work[Bound::gemm_flops].forward += forward;
  c.work[Bound::gemm_flops].both += 3 * forward;
}

void add_convolutions(Case& c, std::int64_t b, std::int64_t t, std::int64_t channels) {
  const double transform = 5 * static_cast<double>(t) * std::log2(static_cast<double>(t));
  const double forward = transform * static_cast<double>((2 * b + 1) * channels);
  c.work[Bound::fft_flops].forward += forward;
  c.work[Bound::fft_flops].both += forward + transform * static_cast<double>((3 * b + 2) * channels);
}

}  // namespace longwave::bench
