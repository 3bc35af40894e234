#include "longwave/data/calendar_fit.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "longwave/data/calendar_rules.h"

namespace longwave {
namespace {

std::int64_t commonest(const std::vector<std::int64_t>& values) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const auto value : values) ++counts[value];
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

CalendarFit measure(const Calendar& calendar, const std::vector<Instant>& instants) {
  constexpr std::int64_t kFewOutside = 20, kMostThere = 2;  // one in so many
  CalendarFit fit{calendar};
  std::int64_t inside = 0;
  for (std::size_t i = 0; i < instants.size(); ++i) {
    inside += calendar.has(instants[i]);
    if (i == 0 || calendar.advance(instants[i - 1], 1) == instants[i]) continue;
    if (fit.irregular++ == 0) fit.first_irregular = static_cast<std::int64_t>(i);
  }
  const auto rows = static_cast<std::int64_t>(instants.size());
  const auto first = calendar.position(instants[0]) + !calendar.has(instants[0]);
  const auto dates = calendar.position(instants.back()) - first + 1;
  fit.outside = rows - inside;
  fit.absent = std::max<std::int64_t>(0, dates - inside);
  fit.known = fit.outside <= std::max<std::int64_t>(1, rows / kFewOutside) && dates <= kMostThere * inside;
  return fit;
}

/// The commonest step, or the middle one where most are others.
Instant usual(std::vector<Instant> steps) {
  const auto step = commonest(steps);
  if (2 * std::count(steps.begin(), steps.end(), step) >= std::ssize(steps)) return step;
  std::nth_element(steps.begin(), steps.begin() + steps.size() / 2, steps.end());
  return steps[steps.size() / 2];
}

CalendarFit fit_all(const std::vector<Instant>& instants) {
  std::vector<Instant> steps;
  for (std::size_t i = 1; i < instants.size(); ++i) steps.push_back(instants[i] - instants[i - 1]);
  const auto step = usual(steps);
  const auto even = step > 0 ? measure(Calendar::every(step, instants.back()), instants) : CalendarFit{};
  const bool increasing = *std::min_element(steps.begin(), steps.end()) > 0;  // not so in some published sets
  if (!increasing || (even.irregular == 0 && step < 28 * kDay)) return even;
  CalendarFit best;
  for (const auto& calendar : calendars_for(instants, step)) {
    const auto fit = measure(calendar, instants);
    if (fit.known && (best.calendar.empty() || fit.irregular < best.irregular)) best = fit;
  }
  if (!best.calendar.empty()) return best;
  best = measure(nearest_calendar(instants, step), instants);
  best.known = false;
  return best;
}

}  // namespace

CalendarFit fit_calendar(const std::vector<Instant>& instants) {
  constexpr std::ptrdiff_t kFewestRows = 64;
  constexpr std::int64_t kBetter = 4;
  if (instants.size() < 2) return {};
  const auto all = fit_all(instants);
  for (auto rows = std::ssize(instants) / 2; rows >= kFewestRows; rows /= 2) {  // perhaps the hours were changed
    const std::vector<Instant> newest(instants.end() - rows, instants.end());
    const auto irregular = all.calendar.empty() ? 0 : measure(all.calendar, newest).irregular;
    if (irregular == 0) return all;
    const auto fit = fit_all(newest);
    if (fit.known && kBetter * fit.irregular <= irregular) return measure(fit.calendar, instants);
  }
  return all;
}

}  // namespace longwave
