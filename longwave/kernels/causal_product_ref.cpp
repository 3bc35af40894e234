#include "longwave/kernels/causal_product.h"

namespace longwave::kernels {

void causal_product_reference(const CausalProduct& p) {
  for (std::int64_t row = 0; row < p.n; ++row)
    for (std::int64_t t = 0; t < p.t; ++t)
      for (std::int64_t at = 0; at < p.h * p.e; ++at) {
        const auto head = at / p.e * p.e;
        double sum = 0;
        for (auto i = p.reverse ? t : 0; i < (p.reverse ? p.t : t + 1); ++i) {
          double product = 0;
          for (std::int64_t c = head; c < head + p.e; ++c)
            product += static_cast<double>(p.z.at(row, t)[c]) * p.x.at(row, i)[c];
          sum += product * p.y.at(row, i)[at];
        }
        p.out.at(row, t)[at] = static_cast<float>(sum);
      }
}

}  // namespace longwave::kernels
