#include <algorithm>
#include <vector>

#include "longwave/kernels/shift_steps.h"

namespace longwave::kernels {

void shift_steps_reference(const ShiftSteps& s) {
  const auto n = static_cast<std::size_t>(s.n);
  for (std::int64_t row = 0; row < s.rows; ++row)
    for (std::int64_t d = 0; d < s.d; ++d) {
      const float *b = s.b + d * s.n, *c = s.c + d * s.n, *before = s.before + (row * s.d + d) * s.n;
      std::vector<double> state(before, before + n);
      for (std::int64_t t = 0; t < s.t; ++t) {
        float& y = s.y[(row * s.t + t) * s.d + d];
        y = 0;
        if (t >= s.length(row)) continue;
        const double x = s.x[(row * s.t + t) * s.d + d];
        std::rotate(state.begin(), state.end() - 1, state.end());
        state[0] = 0;
        double sum = s.skip[d] * x;
        for (std::size_t j = 0; j < n; ++j) state[j] += b[j] * x, sum += c[j] * state[j];
        y = static_cast<float>(sum);
      }
      for (std::size_t j = 0; j < n; ++j)
        s.behind[(row * s.d + d) * s.n + static_cast<std::int64_t>(j)] = static_cast<float>(state[j]);
    }
}

}  // namespace longwave::kernels
