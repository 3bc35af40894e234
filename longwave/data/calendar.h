#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/data/instant.h"

namespace longwave {

/// One day of every month.
struct MonthDay {
  enum class Kind { day, business_day, weekday } kind = Kind::day;
  int number = 1;   // from 1, -1: the last; a `day` that the month lacks is its last
  int weekday = 0;  // of Kind::weekday, Monday 0

  int in(std::int64_t month) const;
  std::string name() const;  // "15th", "last day", "last business day", "3rd Friday"
};

/// The dates that a series has rows for: the same places in every cycle of weeks, months or any fixed time, numbered
/// through from an arbitrary zero.
class Calendar {
 public:
  /// No dates.
  Calendar() = default;
  /// Evenly spaced.
  static Calendar every(Instant step, Instant from);
  /// The same places in every week, after its Monday 00:00, increasing.
  static Calendar weekly(std::vector<Instant> places);
  /// These days, increasing, of every `step`-th month from `month` (CivilTime) on, always at that time of day.
  static Calendar monthly(std::int64_t step, std::int64_t month, std::vector<MonthDay> days, Instant clock);

  bool empty() const { return size() == 0; }
  Instant at(std::int64_t position) const;
  /// Of the last date that is not after the instant.
  std::int64_t position(Instant instant) const;
  bool has(Instant instant) const { return at(position(instant)) == instant; }
  /// The n-th date after `from`, which need not be a date of the calendar.
  Instant advance(Instant from, std::int64_t n) const;

  /// Days off or hours closed: what is absent besides may be a holiday.
  bool has_breaks() const { return places_.size() > 1; }

  /// "hourly", "daily", "business days", "30 minutes, 09:30 to 16:00, business days", "monthly, last day", ...
  std::string name() const;
  /// Steps after which the series may repeat, the shortest first: hourly 24, 168; monthly 12; ...
  std::vector<std::int64_t> seasons() const;

 private:
  std::int64_t size() const { return static_cast<std::int64_t>(places_.empty() ? days_.size() : places_.size()); }
  std::string week_name() const;
  std::string month_name() const;

  Instant length_ = 0, origin_ = 0;  // of the cycles
  std::vector<Instant> places_;      // after the begin of a cycle
  std::int64_t months_ = 0, first_month_ = 0;
  std::vector<MonthDay> days_;
  Instant clock_ = 0;
};

}  // namespace longwave
