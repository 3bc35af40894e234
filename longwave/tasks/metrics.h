#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace longwave {

/// A score as tables print it.
struct Metric {
  std::string title;    // "accuracy"
  bool higher = false;  // the higher the better
  bool percent = false;
};

/// By the name of a score ("accuracy", "accuracy@64", "val_mse"). Unknown ones are their own title, lower is better.
Metric find_metric(const std::string& name);

/// 95 % interval of a share of `right` in n independent trials (Wilson 1927): inside [0, 1], also for 0 and n.
std::pair<double, double> wilson_interval(double right, double n);

}  // namespace longwave
