#include "longwave/models/structural_matrix.h"

#include <cmath>

namespace longwave {

StructuralMatrix::StructuralMatrix(std::int64_t heads, std::int64_t width) {
  const auto scale = std::sqrt(0.02 / std::sqrt(static_cast<double>(width)));
  LU = register_parameter("LU", at::randn({heads, width, width}) * scale);
}

at::Tensor StructuralMatrix::forward() const {
  const auto lower = LU.tril(-1) + at::eye(LU.size(-1), LU.options());
  const auto upper = LU.triu(1) + at::diag_embed(at::softplus(LU.diagonal(0, -2, -1)));
  return at::matmul(lower, upper);
}

}  // namespace longwave
