#pragma once

#include <vector>

namespace longwave {

/// Mean of a few repeated measurements with the half width of its 95 % confidence interval (Student's t).
/// `half_width` is NaN for fewer than two values.
struct Estimate {
  double mean = 0, half_width = 0;
  std::size_t count = 0;
};
Estimate estimate(const std::vector<double>& values);

/// 97.5 % quantile of Student's t with `degrees` degrees of freedom.
double student_t_975(std::size_t degrees);

}  // namespace longwave
