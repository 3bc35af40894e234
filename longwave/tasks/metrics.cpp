#include "longwave/tasks/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace longwave {
namespace {

/// "accuracy@64", "_low" -> "accuracy_low@64"
std::string end_name(const std::string& name, const char* end) {
  const auto at = std::min(name.find('@'), name.size());
  return name.substr(0, at) + end + name.substr(at);
}

}  // namespace

Metric find_metric(const std::string& name) {
  static const std::map<std::string, Metric> known = {
      {"accuracy", {"accuracy", true, true}},
      {"accuracy_low", {"accuracy, lower end of the 95 % interval", true, true}},
      {"accuracy_high", {"accuracy, upper end of the 95 % interval", true, true}},
      {"exact_match", {"exact match", true, true}},
      {"legal_moves", {"legal moves", true, true}},
      {"r2", {"R²", true, false}},
      {"mse", {"MSE", false, false}},
      {"mae", {"MAE", false, false}},
      {"error", {"normalised error", false, false}},
      {"error_last", {"normalised error, last step", false, false}},
      {"loss", {"cross-entropy", false, false}},
      {"perplexity", {"perplexity", false, false}},
      {"bits", {"bits per token", false, false}},
      {"bits_per_character", {"bits per character", false, false}},
      {"bits_per_byte", {"bits per byte", false, false}},
      {"word_perplexity", {"perplexity per word", false, false}},
      {"accuracy_any", {"accuracy, any right answer", true, true}},
      {"exact_match_any", {"exact match, any right answer", true, true}},
  };
  auto plain = name.substr(0, name.find('@'));
  if (plain.starts_with("val_")) plain = plain.substr(4);
  const auto found = known.find(plain);
  auto metric = found == known.end() ? Metric{plain} : found->second;
  if (name.ends_with(kResampled)) metric.title += ", resampled";
  return metric;
}

std::string value_text(const std::string& name, double value) {
  return find_metric(name).percent ? fmt::format("{:.2f} %", 100 * value) : fmt::format("{:.5f}", value);
}

std::string score_text(const std::string& name, const std::map<std::string, double>& scores) {
  const auto text = name + " " + value_text(name, scores.at(name));
  const auto low = scores.find(end_name(name, "_low")), high = scores.find(end_name(name, "_high"));
  if (low == scores.end() || high == scores.end()) return text;
  const double unit = find_metric(name).percent ? 100 : 1;
  return text + fmt::format(" [{:.2f}, {:.2f}]", unit * low->second, unit * high->second);
}

std::vector<std::string> names_to_print(const std::map<std::string, double>& scores) {
  std::vector<std::string> names;
  for (const auto& [name, value] : scores) {
    const auto plain = name.substr(0, name.find('@'));
    if (!plain.ends_with("_low") && !plain.ends_with("_high")) names.push_back(name);
  }
  return names;
}

std::pair<double, double> wilson_interval(double right, double n) {
  constexpr double z = 1.959963984540054;
  if (!(n > 0)) return {0, 1};
  const double p = right / n, base = 1 + z * z / n;
  const double middle = p + z * z / (2 * n), half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(0.0, (middle - half) / base), std::min(1.0, (middle + half) / base)};
}

}  // namespace longwave
