#include "longwave/data/pathfinder_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "longwave/base/suggest.h"
#include "longwave/io/png.h"

namespace longwave {
namespace {

constexpr std::int64_t kImages = 300, kLeast = 30;  // looked at; of fewer the spread is not known
constexpr double kErrors = 4;                       // standard errors, of their images and of the rule's together
constexpr unsigned char kBright = 64;

using Statistics = std::array<double, 3>;
constexpr const char* kNames[] = {"mean grey", "the share of pixels 0", "the share of pixels >= 64"};
constexpr Statistics kRounded{0.05, 0.0005, 0.0005};  // of the rule's, at most

/// What the reference program draws: means over so many images.
struct Rule {
  std::int64_t side;
  double images;
  Statistics means;
};
constexpr Rule kRules[] = {{32, 300, {20.4, 0.657, 0.127}}, {128, 9, {7.9, 0.862, 0.041}}};

Statistics statistics_of(const std::string& pixels) {
  Statistics sums{};
  for (const char pixel : pixels) {
    const auto level = static_cast<unsigned char>(pixel);
    sums[0] += level, sums[1] += level == 0, sums[2] += level >= kBright;
  }
  for (auto& sum : sums) sum /= static_cast<double>(pixels.size());
  return sums;
}

std::string text_of(const Statistics& values) {
  return fmt::format("{:.1f}, {:.3f}, {:.3f}", values[0], values[1], values[2]);
}

}  // namespace

std::vector<std::string> compare_with_rule(const std::vector<std::filesystem::path>& images, std::int64_t side) {
  const auto* rule = std::find_if(std::begin(kRules), std::end(kRules), [&](auto& one) { return one.side == side; });
  const auto all = static_cast<std::int64_t>(images.size()), count = std::min(all, kImages);
  if (rule == std::end(kRules) || count == 0) return {};
  std::vector<Statistics> each;
  for (std::int64_t i = 0; i < count; ++i) each.push_back(statistics_of(read_png(images[i * all / count]).pixels));
  Statistics means{};
  std::vector<std::string> off;
  for (std::size_t k = 0; k < means.size(); ++k) {
    const auto n = static_cast<double>(count);
    for (const auto& one : each) means[k] += one[k] / n;
    double squares = 0;
    for (const auto& one : each) squares += (one[k] - means[k]) * (one[k] - means[k]);
    const auto error = std::sqrt(squares / std::max(1.0, n - 1) * (1 / n + 1 / rule->images));
    if (std::abs(means[k] - rule->means[k]) > kErrors * error + kRounded[k]) off.push_back(kNames[k]);
  }
  std::vector<std::string> lines{
      fmt::format("{} images: mean grey, shares of pixels 0 and >= 64: {}; by the published "
                  "rule: {}",
                  count, text_of(means), text_of(rule->means))};
  if (count >= kLeast && !off.empty())
    lines.push_back(fmt::format(
        "caution: {} {} more than {} standard errors off: drawn by another rule, or changed since (scaled, smoothed)?",
        join(off), off.size() == 1 ? "is" : "are", kErrors));
  return lines;
}

}  // namespace longwave
