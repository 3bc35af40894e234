#pragma once

#include "longwave/nn/module.h"

namespace longwave {

/// One invertible matrix a head, S = L U: L unit lower triangular, U upper triangular with a positive diagonal.
struct StructuralMatrix final : Module {
  StructuralMatrix(std::int64_t heads, std::int64_t width);
  /// [h, e, e]. At LU = 0 it is ln 2 times the identity.
  at::Tensor forward() const;
  at::Tensor LU;  // [h, e, e]: strictly lower part of L, strictly upper part of U, inverse softplus of U's diagonal
};

}  // namespace longwave
