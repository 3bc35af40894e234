#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/data/calendar_fit.h"
#include "longwave/data/date_format.h"
#include "longwave/io/csv.h"

namespace longwave {

/// The dates of a file, understood.
struct DateAxis {
  DateFormat format;
  std::vector<Instant> instants;
  CalendarFit fit;

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
void append_calendar(Instant instant, const std::string& freq, std::vector<float>& out);

}  // namespace longwave
