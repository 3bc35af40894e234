#include "longwave/data/clock_change.h"

namespace longwave {
namespace {

std::int64_t hour_of(Instant instant) { return floor_div(instant, kHour); }

/// The first hours of the Sundays on which Europe, North America, Australia and New Zealand change their clocks, or did
/// some years ago.
bool clocks_may_change(Instant instant) {
  constexpr int kSunday = 6;
  const auto time = civil_time(instant);
  if (time.weekday != kSunday || time.clock >= 4 * kHour) return false;
  const auto month = time.month - 12 * floor_div(time.month, 12) + 1;
  const bool first = time.day <= 7, second = !first && time.day <= 14, last = time.day + 7 > days_in(time.month);
  return ((month == 4 || month == 10 || month == 11) && first) || (month == 3 && second) ||
         ((month == 3 || month == 9 || month == 10) && last);
}

}  // namespace

bool looks_skipped(Instant before, Instant absent, Instant after) {
  return after - absent == kHour && hour_of(before) < hour_of(absent) && clocks_may_change(absent);
}

bool looks_repeated(const std::vector<Instant>& instants, std::size_t row) {
  auto first = row;
  while (first > 0 && hour_of(instants[first - 1]) == hour_of(instants[row])) --first;
  return first > 0 && first < row && instants[first] == instants[row] &&
         instants[first] - instants[first - 1] <= kHour && clocks_may_change(instants[row]);
}

}  // namespace longwave
