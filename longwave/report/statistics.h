#pragma once

#include <vector>

namespace longwave {

/// Mean of a few repeated measurements, their standard deviation (n - 1), and the half width of the 95 % confidence
/// interval of the mean (Student's t). The last two are NaN for fewer than two values.
struct Estimate {
  double mean = 0, deviation = 0, half_width = 0;
  std::size_t count = 0;
};
Estimate estimate(const std::vector<double>& values);

/// 97.5 % quantile of Student's t with `degrees` degrees of freedom.
double student_t_975(std::size_t degrees);

}  // namespace longwave
