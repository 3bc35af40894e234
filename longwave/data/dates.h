#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/data/date_format.h"
#include "longwave/io/csv.h"

namespace longwave {

/// The distance from one row of a series to the next.
struct Frequency {
  enum class Unit { none, second, business_day, month } unit = Unit::none;
  std::int64_t step = 0;              // in units: 3600 seconds, 3 months, ...
  bool month_end = false;             // every date is the last day of its month
  std::int64_t irregular = 0;         // how many steps are of another length (gaps)
  std::int64_t first_irregular = -1;  // the row after the first of them

  /// "hourly", "15 minutes", "daily", "business days", "weekly", "monthly", "quarterly", "yearly", ...
  std::string name() const;

  /// The instant n steps after `from` (a day that the month lacks becomes its last).
  Seconds advance(Seconds from, std::int64_t n) const;

  /// Steps after which the series may repeat, the shortest first: hourly 24, 168; monthly 12; ...
  std::vector<std::int64_t> seasons() const;
};

/// The most common step of increasing instants; unit none for fewer than two.
Frequency detect_frequency(const std::vector<Seconds>& instants);

/// The dates of a file, understood.
struct DateAxis {
  DateFormat format;
  std::vector<Seconds> instants;
  Frequency frequency;

  /// The n dates that follow the last one, written as in the file.
  std::vector<std::string> continued(std::int64_t n) const;
};

enum class DateOrder { strict, any };

/// Reads the dates of a table. UserError with file:line for one that cannot be read, and under DateOrder::strict for
/// one that is not later than the date before it; also where days cannot be told from months.
DateAxis read_dates(const CsvTable& table, DateOrder order = DateOrder::strict);

/// Width of the calendar features: "h" 4, "t" 5. UserError for another frequency.
std::int64_t calendar_width(const std::string& freq);

/// Calendar features of one instant, each in [-0.5, 0.5], appended to `out`: for "h" hour/23, weekday/6 (Monday 0),
/// (day-1)/30, (day of year - 1)/365, all minus 0.5; "t" has minute/59 - 0.5 before them.
void append_calendar(Seconds instant, const std::string& freq, std::vector<float>& out);

}  // namespace longwave
