#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace longwave {

/// A score as tables print it.
struct Metric {
  std::string title;    // "accuracy"
  bool higher = false;  // the higher the better
  bool percent = false;
};

/// What is behind the names of scores at another sampling rate: "accuracy@resampled".
inline constexpr const char* kResampled = "@resampled";

/// By the name of a score ("accuracy", "accuracy@64", "val_mse"). Unknown ones are their own title, lower is better.
Metric find_metric(const std::string& name);

/// A value of that score as lines of text have it: "93.25 %", "0.21034".
std::string value_text(const std::string& name, double value);

/// The score with its interval, if `scores` have one: "accuracy 93.25 % [91.90, 94.40]".
std::string score_text(const std::string& name, const std::map<std::string, double>& scores);

/// Names of scores without the ends of the intervals that score_text gives with a score.
std::vector<std::string> names_to_print(const std::map<std::string, double>& scores);

/// 95 % interval of a share of `right` in n independent trials (Wilson 1927): inside [0, 1], also for 0 and n.
std::pair<double, double> wilson_interval(double right, double n);

}  // namespace longwave
