#include "longwave/data/dates.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include "longwave/base/check.h"

namespace longwave {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr Seconds kDay = 86400;

struct Calendar {
  std::chrono::days days;
  Seconds clock;  // seconds of the day
  year_month_day date;
};

Calendar calendar_of(Seconds instant) {
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::seconds(instant));
  return {days, instant - days.count() * kDay, year_month_day{sys_days(days)}};
}

std::int64_t month_index(const Calendar& c) {
  return static_cast<int>(c.date.year()) * std::int64_t{12} + static_cast<unsigned>(c.date.month()) - 1;
}

unsigned last_day(std::int64_t month) {
  const auto year = std::chrono::year(static_cast<int>(month / 12));
  return static_cast<unsigned>((year / static_cast<int>(month % 12 + 1) / std::chrono::last).day());
}

unsigned day_of(const Calendar& c) { return static_cast<unsigned>(c.date.day()); }
bool is_month_end(const Calendar& c) { return day_of(c) == last_day(month_index(c)); }
int weekday_of(const Calendar& c) {
  return static_cast<int>(std::chrono::weekday{sys_days(c.days)}.iso_encoding()) - 1;
}

struct Step {
  std::int64_t length, count;
};

Step commonest(const std::vector<std::int64_t>& steps) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const auto step : steps) ++counts[step];
  const auto best =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return {best->first, best->second};
}

std::vector<std::int64_t> differences(const std::vector<std::int64_t>& values) {
  std::vector<std::int64_t> steps(values.size());
  std::adjacent_difference(values.begin(), values.end(), steps.begin());
  steps.erase(steps.begin());
  return steps;
}

void count_irregular(const std::vector<std::int64_t>& steps, Frequency& frequency) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i] == frequency.step) continue;
    if (frequency.irregular++ == 0) frequency.first_irregular = static_cast<std::int64_t>(i) + 1;
  }
}

/// Same day of the month (or always the last), same time of day: the step is counted in months.
bool fit_months(const std::vector<Calendar>& rows, Frequency& frequency) {
  const bool ends = std::all_of(rows.begin(), rows.end(), is_month_end);
  const bool same = std::all_of(rows.begin(), rows.end(), [&](const Calendar& c) {
    return c.clock == rows[0].clock && (ends || day_of(c) == day_of(rows[0]));
  });
  if (!same) return false;
  std::vector<std::int64_t> months;
  for (const auto& row : rows) months.push_back(month_index(row));
  const auto steps = differences(months);
  const auto [step, count] = commonest(steps);
  if (step < 1 || 2 * count < static_cast<std::int64_t>(steps.size())) return false;
  frequency.unit = Frequency::Unit::month;
  frequency.step = step;
  frequency.month_end = ends;
  count_irregular(steps, frequency);
  return true;
}

/// Business days since a Monday: Friday and the Monday after it are neighbours.
std::int64_t business_index(const Calendar& c) {
  const auto since_monday = c.days.count() + 3;  // 1970-01-01 was a Thursday
  const auto week = (since_monday - weekday_of(c)) / 7;
  return week * 5 + weekday_of(c);
}

bool fit_business_days(const std::vector<Calendar>& rows, Frequency& frequency) {
  const bool weekdays = std::all_of(rows.begin(), rows.end(),
                                    [&](const Calendar& c) { return weekday_of(c) < 5 && c.clock == rows[0].clock; });
  if (!weekdays || rows.back().days.count() - rows[0].days.count() < 7) return false;
  std::vector<std::int64_t> index;
  for (const auto& row : rows) index.push_back(business_index(row));
  const auto steps = differences(index);
  const auto [step, count] = commonest(steps);
  if (step != 1) return false;
  frequency.unit = Frequency::Unit::business_day;
  frequency.step = 1;
  count_irregular(steps, frequency);
  return true;
}

bool increasing(const std::vector<Seconds>& instants) {
  return std::adjacent_find(instants.begin(), instants.end(), std::greater_equal<>()) == instants.end();
}

std::vector<Seconds> parse_all(const CsvTable& table, const DateFormat& format) {
  std::vector<Seconds> instants;
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

void refuse_disorder(const CsvTable& table, const std::vector<Seconds>& instants) {
  for (std::size_t i = 1; i < instants.size(); ++i) {
    if (instants[i] > instants[i - 1]) continue;
    const bool twice = instants[i] == instants[i - 1];
    fail(table.path, ":", table.line_of(static_cast<std::int64_t>(i)), ": date ", table.dates[i],
         twice ? " occurs twice" : " is earlier than " + table.dates[i - 1] + " before it",
         "; expected dates that increase from row to row (", twice ? "remove one of the rows" : "sort the file by date",
         ")");
  }
}

}  // namespace

std::string Frequency::name() const {
  const auto every = [&](std::int64_t size, const char* one, const char* unit) {
    const auto n = step / size;
    return n == 1 ? std::string(one) : std::to_string(n) + " " + unit;
  };
  switch (unit) {
    case Unit::none:
      return "unknown";
    case Unit::business_day:
      return "business days";
    case Unit::month:
      if (step == 3) return "quarterly";
      return step % 12 == 0 ? every(12, "yearly", "years") : every(1, "monthly", "months");
    case Unit::second:
      break;
  }
  if (step % (7 * kDay) == 0) return every(7 * kDay, "weekly", "weeks");
  if (step % kDay == 0) return every(kDay, "daily", "days");
  if (step % 3600 == 0) return every(3600, "hourly", "hours");
  if (step % 60 == 0) return every(60, "1 minute", "minutes");
  return every(1, "1 second", "seconds");
}

Seconds Frequency::advance(Seconds from, std::int64_t n) const {
  const auto start = calendar_of(from);
  switch (unit) {
    case Unit::none:
      return from;
    case Unit::second:
      return from + n * step;
    case Unit::business_day: {
      const auto index = business_index(start) + n * step;
      const auto week = index >= 0 ? index / 5 : (index - 4) / 5;
      return (week * 7 + (index - week * 5) - 3) * kDay + start.clock;
    }
    case Unit::month:
      break;
  }
  const auto month = month_index(start) + n * step;
  const auto day = month_end ? last_day(month) : std::min(day_of(start), last_day(month));
  const auto date =
      std::chrono::year(static_cast<int>(month / 12)) / static_cast<int>(month % 12 + 1) / static_cast<int>(day);
  return sys_days(date).time_since_epoch().count() * kDay + start.clock;
}

std::vector<std::int64_t> Frequency::seasons() const {
  std::vector<std::int64_t> lengths;
  const auto add = [&](std::int64_t period) {
    if (step > 0 && period % step == 0 && period / step > 1) lengths.push_back(period / step);
  };
  if (unit == Unit::business_day) return {5};
  if (unit == Unit::month) add(12);
  if (unit != Unit::second) return lengths;
  if (step == 7 * kDay) return {52};
  if (step < 60) add(3600);
  add(kDay);
  add(7 * kDay);
  return lengths;
}

Frequency detect_frequency(const std::vector<Seconds>& instants) {
  Frequency frequency;
  if (instants.size() < 2) return frequency;
  std::vector<Calendar> rows;
  rows.reserve(instants.size());
  for (const auto instant : instants) rows.push_back(calendar_of(instant));
  const auto steps = differences(instants);
  const auto [step, count] = commonest(steps);
  const bool even = count == static_cast<std::int64_t>(steps.size());
  const bool long_steps = step >= 28 * kDay;
  if (long_steps && fit_months(rows, frequency)) return frequency;
  if (!even && step == kDay && fit_business_days(rows, frequency)) return frequency;
  if (step <= 0) return frequency;
  frequency.unit = Frequency::Unit::second;
  frequency.step = step;
  count_irregular(steps, frequency);
  return frequency;
}

std::vector<std::string> DateAxis::continued(std::int64_t n) const {
  std::vector<std::string> dates;
  for (std::int64_t i = 1; i <= n; ++i) dates.push_back(format.format(frequency.advance(instants.back(), i)));
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
    for (auto& axis : sorted) axis.frequency = detect_frequency(axis.instants);
    std::erase_if(sorted, [](const DateAxis& axis) { return axis.frequency.irregular > 0; });
    check(sorted.size() == 1, table.path, ":", table.line_of(0), ": the date ", table.dates[0],
          " may be day/month or month/day; write the dates as YYYY-MM-DD");
  }
  if (sorted.empty()) {
    auto instants = parse_all(table, formats[0]);
    if (order == DateOrder::strict) refuse_disorder(table, instants);
    sorted.push_back({formats[0], std::move(instants), {}});
  }
  sorted[0].frequency = detect_frequency(sorted[0].instants);
  return std::move(sorted[0]);
}

std::int64_t calendar_width(const std::string& freq) {
  check(freq == "h" || freq == "t", "freq is '", freq, "'; expected h (4 calendar features) or t (5, with minutes)");
  return freq == "h" ? 4 : 5;
}

void append_calendar(Seconds instant, const std::string& freq, std::vector<float>& out) {
  const auto c = calendar_of(instant);
  const auto new_year = sys_days(c.date.year() / std::chrono::January / 1).time_since_epoch();
  const auto put = [&](double value, double most) { out.push_back(static_cast<float>(value / most - 0.5)); };
  if (freq == "t") put(static_cast<double>(c.clock / 60 % 60), 59);
  put(static_cast<double>(c.clock / 3600), 23);
  put(weekday_of(c), 6);
  put(day_of(c) - 1.0, 30);
  put(static_cast<double>((c.days - new_year).count()), 365);
}

}  // namespace longwave
