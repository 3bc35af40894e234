#include "longwave/data/instant.h"

#include <chrono>

namespace longwave {

using std::chrono::sys_days;
using std::chrono::year_month_day;

CivilTime civil_time(Instant instant) {
  const auto days = floor_div(instant, kDay);
  const sys_days day{std::chrono::days(days)};
  const year_month_day date{day};
  return {days, instant - days * kDay,
          static_cast<int>(date.year()) * std::int64_t{12} + static_cast<unsigned>(date.month()) - 1,
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(std::chrono::weekday{day}.iso_encoding()) - 1};
}

Instant instant_of(std::int64_t month, int day, Instant clock) {
  const auto year = floor_div(month, 12);
  const auto date = std::chrono::year(static_cast<int>(year)) / static_cast<int>(month - 12 * year + 1) / day;
  return sys_days(date).time_since_epoch().count() * kDay + clock;
}

int days_in(std::int64_t month) {
  return static_cast<int>((instant_of(month + 1, 1, 0) - instant_of(month, 1, 0)) / kDay);
}

}  // namespace longwave
