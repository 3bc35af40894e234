#include "longwave/data/dates.h"

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/data/clock_change.h"

namespace longwave {
namespace {

bool increasing(const std::vector<Instant>& instants) {
  return std::adjacent_find(instants.begin(), instants.end(), std::greater_equal<>()) == instants.end();
}

std::vector<Instant> parse_all(const CsvTable& table, const DateFormat& format) {
  std::vector<Instant> instants;
  instants.reserve(table.dates.size());
  for (const auto& text : table.dates) instants.push_back(format.parse(text).value());
  return instants;
}

/// "+01:00", "-0500", "+01" or "Z" at the end of a date with a clock; "" without.
std::string_view offset_of(std::string_view date) {
  if (date.ends_with('Z')) return "Z";
  const auto sign = date.find_last_of("+-");
  if (sign == std::string_view::npos || date.find(':') > sign) return {};
  const auto offset = date.substr(sign);
  const bool digits = offset.substr(1).find_first_not_of("0123456789:") == std::string_view::npos;
  return digits && (offset.size() == 3 || offset.size() == 5 || offset.size() == 6) ? offset : std::string_view();
}

[[noreturn]] void refuse_date(const CsvTable& table) {
  const std::vector<std::string> first = {table.dates[0]};
  const auto formats = DateFormat::candidates(first);
  std::size_t row = 0;
  if (!formats.empty())  // the row that needs more than the first one
    while (row + 1 < table.dates.size() && !DateFormat::candidates({table.dates[0], table.dates[row]}).empty()) ++row;
  const auto first_offset = offset_of(table.dates[0]), offset = offset_of(table.dates[row]);
  check(first_offset == offset || first_offset.empty() || offset.empty(), table.path, ":",
        table.line_of(static_cast<std::int64_t>(row)), ": the offset from UTC changes from ", first_offset, " to ",
        offset, "; expected one for all rows: write all dates in UTC");
  fail(table.path, ":", table.line_of(static_cast<std::int64_t>(row)), ": '", table.dates[row], "' in column '",
       table.date_name, "' is not a date",
       formats.empty() ? "" : " written as " + formats[0].describe() + " like the first",
       "; expected for example 2024-01-31 or 2024-01-31 18:00:00");
}

void refuse_disorder(const CsvTable& table, const std::vector<Instant>& instants) {
  for (std::size_t i = 1; i < instants.size(); ++i) {
    if (instants[i] > instants[i - 1]) continue;
    const auto date =
        table.path + ":" + std::to_string(table.line_of(static_cast<std::int64_t>(i))) + ": date " + table.dates[i];
    check(!looks_repeated(instants, i), date,
          " occurs twice: looks like daylight saving time, which repeats an hour; remove the rows of one of the two, "
          "or write all dates in UTC");
    const bool twice = instants[i] == instants[i - 1];
    fail(date, twice ? " occurs twice" : " is earlier than " + table.dates[i - 1] + " before it",
         "; expected dates that increase from row to row (", twice ? "remove one of the rows" : "sort the file by date",
         ")");
  }
}

}  // namespace

std::vector<std::string> DateAxis::continued(std::int64_t n) const {
  std::vector<std::string> dates;
  for (std::int64_t i = 1; i <= n; ++i) dates.push_back(format.format(fit.calendar.advance(instants.back(), i)));
  return dates;
}

DateAxis read_dates(const CsvTable& table, DateOrder order) {
  check(!table.dates.empty(), table.path, ": no column of dates");
  const auto formats = DateFormat::candidates(table.dates);
  if (formats.empty()) refuse_date(table);
  std::vector<DateAxis> sorted;
  for (const auto& format : formats)
    if (auto instants = parse_all(table, format); increasing(instants))
      sorted.push_back({format, std::move(instants), {}});
  if (sorted.size() == 2) {  // 1/2/2020, 1/3/2020: days or months, whichever are evenly spaced
    for (auto& axis : sorted) axis.fit = fit_calendar(axis.instants);
    std::erase_if(sorted, [](const DateAxis& axis) { return axis.fit.irregular > 0; });
    check(sorted.size() == 1, table.path, ":", table.line_of(0), ": the date ", table.dates[0],
          " may be day/month or month/day; write the dates as YYYY-MM-DD");
  }
  if (sorted.empty()) {
    auto instants = parse_all(table, formats[0]);
    if (order == DateOrder::strict) refuse_disorder(table, instants);
    sorted.push_back({formats[0], std::move(instants), {}});
  }
  sorted[0].fit = fit_calendar(sorted[0].instants);
  return std::move(sorted[0]);
}

std::int64_t calendar_width(const std::string& freq) {
  check(freq == "h" || freq == "t", "freq is '", freq, "'; expected h (4 calendar features) or t (5, with minutes)");
  return freq == "h" ? 4 : 5;
}

void append_calendar(Instant instant, const std::string& freq, std::vector<float>& out) {
  const auto time = civil_time(instant);
  const auto new_year = instant_of(floor_div(time.month, 12) * 12, 1, 0) / kDay;
  const auto put = [&](double value, double most) { out.push_back(static_cast<float>(value / most - 0.5)); };
  if (freq == "t") put(static_cast<double>(time.clock / kMinute % 60), 59);
  put(static_cast<double>(time.clock / kHour), 23);
  put(time.weekday, 6);
  put(time.day - 1.0, 30);
  put(static_cast<double>(time.days - new_year), 365);
}

}  // namespace longwave
