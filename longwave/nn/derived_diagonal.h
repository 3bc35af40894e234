#pragma once

#include <initializer_list>

#include "longwave/nn/derived_cache.h"
#include "longwave/nn/diagonal_ssm.h"

namespace longwave {

/// The diagonal model that `compute` makes from the present `parameters` of the module, with the coefficients that its
/// steps take; kept as DerivedCache keeps tensors.
template <class Compute>
DiagonalSsm derived_diagonal(DerivedCache& cache, const torch::nn::Module& module,
                             std::initializer_list<at::Tensor> parameters, double factor, Compute compute) {
  const auto kept = cache.get(module, parameters, [&] {
    const DiagonalSsm ssm = compute();
    const auto steps = ssm.step_coefficients();
    return std::vector<at::Tensor>{ssm.system.log_a, ssm.system.b, ssm.c, steps.g, steps.b, steps.p, steps.q, steps.c};
  });
  return {{kept[0], kept[1]}, kept[2], factor, {kept[3], kept[4], kept[5], kept[6], kept[7]}};
}

}  // namespace longwave
