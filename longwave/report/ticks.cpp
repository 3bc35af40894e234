#include "longwave/report/ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>

namespace longwave {
namespace {

double nice_step(double rough) {
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double lead = rough / power;
  return power * (lead <= 1.0001 ? 1 : lead <= 2.0001 ? 2 : lead <= 5.0001 ? 5 : 10);
}

std::string three_digits(double value) {
  if (value == 0) return "0";
  const int before = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return fmt::format("{:.{}f}", value, std::clamp(3 - before, 0, 3));
}

struct Unit {
  double size;
  const char* name;
};

std::string with_unit(double value, const Unit* first, const Unit* last) {
  const auto* unit = first;  // sorted from large to small
  while (unit + 1 != last && std::abs(value) < unit->size * 0.9995) ++unit;
  return three_digits(value / unit->size) + unit->name;
}

constexpr std::array<Unit, 5> kSi{{{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {1, ""}}};
constexpr std::array<Unit, 4> kBytes{{{1073741824.0, " GiB"}, {1048576.0, " MiB"}, {1024.0, " KiB"}, {1, " B"}}};
constexpr std::array<Unit, 4> kSeconds{{{1, " s"}, {1e-3, " ms"}, {1e-6, " us"}, {1e-9, " ns"}}};

std::string clock_time(double seconds) {
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole >= 3600 && whole % 3600 < 60) return fmt::format("{} h", whole / 3600);
  if (whole >= 3600) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return whole % 60 == 0 ? fmt::format("{} min", whole / 60) : fmt::format("{} min {} s", whole / 60, whole % 60);
}

}  // namespace

std::vector<double> linear_ticks(double low, double high, int wanted) {
  if (high < low) std::swap(low, high);
  if (high - low < 1e-12 * std::max(std::abs(low), std::abs(high)) || high == low) {
    high = low == 0 ? 1 : low + std::abs(low) * 0.1;
    low -= std::abs(low) * 0.1;
  }
  const double step = nice_step((high - low) / std::max(wanted, 1));
  const auto first = static_cast<long>(std::floor(low / step + 1e-9));
  const auto last = static_cast<long>(std::ceil(high / step - 1e-9));
  std::vector<double> ticks;
  for (auto i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  const auto first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const auto last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  const bool fine = last - first <= 2;
  std::vector<double> ticks;
  for (int e = first; e <= std::max(last, first + 1); ++e)
    for (const double lead : {1.0, 2.0, 5.0})
      if (lead == 1 || fine) ticks.push_back(lead * std::pow(10, e));
  while (ticks.size() > 2 && ticks[1] <= low) ticks.erase(ticks.begin());
  while (ticks.size() > 2 && ticks[ticks.size() - 2] >= high) ticks.pop_back();
  return ticks;
}

std::vector<double> time_ticks(double low, double high) {
  std::vector<double> all;
  for (int e = -9; e <= 1; ++e) all.push_back(std::pow(10, e));
  for (double t : {60.0, 600.0, 3600.0, 36000.0, 360000.0, 3600000.0}) all.push_back(t);
  std::vector<double> ticks;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool below = i + 1 < all.size() && all[i + 1] <= low, above = i > 0 && all[i - 1] >= high;
    if (!below && !above) ticks.push_back(all[i]);
  }
  return ticks.size() < 2 ? log_ticks(low, high) : ticks;
}

std::vector<double> byte_ticks(double low, double high) {
  const auto first = static_cast<int>(std::floor(std::log2(low) + 1e-9));
  const auto last = std::max(static_cast<int>(std::ceil(std::log2(high) - 1e-9)), first + 1);
  const int stride = std::max(1, (last - first + 4) / 5);
  std::vector<double> ticks;
  for (int e = first; e < last + stride; e += stride) ticks.push_back(std::exp2(e));
  return ticks;
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks, NumberStyle style) {
  std::vector<std::string> labels;
  if (style != NumberStyle::plain) {
    for (const double t : ticks) {
      auto label = format_number(t, style);
      const auto space = label.find(' ');  // "2.00 M" reads better as "2 M" on an axis
      auto number = label.substr(0, space);
      if (number.find('.') != std::string::npos) {
        number.erase(number.find_last_not_of('0') + 1);
        if (number.back() == '.') number.pop_back();
      }
      labels.push_back(space == std::string::npos ? number : number + label.substr(space));
    }
    return labels;
  }
  int decimals = 0;
  double largest = 0, step = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    largest = std::max(largest, std::abs(ticks[i]));
    if (i > 0) step = std::min(step, std::abs(ticks[i] - ticks[i - 1]));
  }
  if (ticks.size() < 2) step = 1;
  for (const double t : ticks) {
    const auto rest = [&](int d) { return std::abs(t * std::pow(10, d) - std::round(t * std::pow(10, d))); };
    while (decimals < 15 && rest(decimals) > 1e-3 * std::min(1.0, step * std::pow(10, decimals))) ++decimals;
  }
  const auto label = [&](double t, int digits) {
    t = std::abs(t) < 1e-9 * step ? 0.0 : t;
    return largest >= 1e6 || decimals > 6 ? fmt::format("{:.{}g}", t, digits) : fmt::format("{:.{}f}", t, decimals);
  };
  for (int digits = 6; digits <= 15; ++digits) {  // as many as tell neighbours apart
    labels.clear();
    for (const double t : ticks) labels.push_back(label(t, digits));
    if (std::adjacent_find(labels.begin(), labels.end()) == labels.end()) break;
  }
  return labels;
}

std::string format_number(double value, NumberStyle style) {
  if (!std::isfinite(value)) return "-";
  switch (style) {
    case NumberStyle::plain:
      return fmt::format("{:.4g}", value);
    case NumberStyle::si:
      return with_unit(value, kSi.data(), kSi.data() + kSi.size());
    case NumberStyle::bytes:
      return with_unit(value, kBytes.data(), kBytes.data() + kBytes.size());
    case NumberStyle::seconds:
      if (value == 0) return "0 s";
      return value >= 59.95 ? clock_time(value) : with_unit(value, kSeconds.data(), kSeconds.data() + kSeconds.size());
  }
  return {};
}

}  // namespace longwave
