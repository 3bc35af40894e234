#include "longwave/kernels/causal_product.h"

#include <omp.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/causal_product.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/causal_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

void causal_product_all(const CausalProduct& p, float* workspace) {
  const bool by_state = state_is_cheaper(p);
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t row = 0; row < p.n; ++row)
    for (std::int64_t head = 0; head < p.h; ++head)
      causal_product_head(p, by_state, row, head, workspace + omp_get_thread_num() * p.e * p.e);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(causal_product_all);

std::int64_t causal_product_workspace(const CausalProduct& p) { return omp_get_max_threads() * p.e * p.e; }
void causal_product(const CausalProduct& p, float* workspace) {
  HWY_DYNAMIC_DISPATCH(causal_product_all)(p, workspace);
}

}  // namespace longwave::kernels
#endif
