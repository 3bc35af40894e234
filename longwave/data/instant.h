#pragma once

#include <cstdint>

namespace longwave {

/// Microseconds since 1970-01-01 00:00 of the calendar as written; time zones are kept as text and not applied.
using Instant = std::int64_t;

inline constexpr Instant kSecond = 1'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour,
                         kWeek = 7 * kDay, kMonday = 4 * kDay;  // 1970-01-05, where weeks are counted from

/// The quotient rounded down, for a positive divisor.
inline std::int64_t floor_div(std::int64_t value, std::int64_t by) { return value / by - (value % by < 0); }

/// An instant taken apart.
struct CivilTime {
  std::int64_t days;   // since 1970-01-01
  Instant clock;       // since midnight
  std::int64_t month;  // 12 * year + month - 1
  int day;             // of the month, from 1
  int weekday;         // Monday 0
};
CivilTime civil_time(Instant instant);

Instant instant_of(std::int64_t month, int day, Instant clock);
int days_in(std::int64_t month);

}  // namespace longwave
