#include "longwave/ops/dropout.h"

#include <ATen/ATen.h>

#include "longwave/base/check.h"

namespace longwave::ops {

at::Tensor dropout(const at::Tensor& x, double p, std::int64_t key) {
  check(p >= 0 && p < 1, "dropout: p is ", p, "; expected in [0, 1)");
  auto generator = at::detail::createCPUGenerator(key);
  const auto keep = at::empty_like(x).bernoulli_(1 - p, generator);
  return x * keep / (1 - p);
}

}  // namespace longwave::ops
