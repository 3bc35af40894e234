#include "longwave/report/statistics.h"

#include <array>
#include <cmath>
#include <limits>

namespace longwave {

double student_t_975(std::size_t degrees) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  static constexpr std::array<double, 31> kQuantiles = {kNone,  12.706, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646,
                                                        2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314,
                                                        2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687,
                                                        2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423};
  if (degrees < kQuantiles.size()) return kQuantiles[degrees];
  // Cornish-Fisher expansion about the normal quantile z: exact to four digits from 30 on.
  constexpr double z = 1.959964;
  const auto n = static_cast<double>(degrees);
  return z + (z * z * z + z) / (4 * n) + (5 * std::pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * n * n);
}

Estimate estimate(const std::vector<double>& values) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Estimate e{kNone, kNone, kNone, values.size()};
  if (values.empty()) return e;
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  e.mean = sum / static_cast<double>(e.count);
  if (e.count < 2) return e;
  for (const double v : values) squares += (v - e.mean) * (v - e.mean);
  const auto n = static_cast<double>(e.count);
  e.deviation = std::sqrt(squares / (n - 1));
  e.half_width = student_t_975(e.count - 1) * e.deviation / std::sqrt(n);
  return e;
}

}  // namespace longwave
