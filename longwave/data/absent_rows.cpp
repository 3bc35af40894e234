#include "longwave/data/absent_rows.h"

#include <limits>

#include "longwave/base/check.h"
#include "longwave/data/clock_change.h"

namespace longwave {
namespace {

/// The date after the last row before the first hole.
std::string first_absent(const DateAxis& axis) {
  const auto before = axis.instants[static_cast<std::size_t>(axis.fit.first_irregular - 1)];
  return axis.format.format(axis.fit.calendar.advance(before, 1));
}

/// All absent rows are of hours that daylight saving time skips.
bool clocks_changed(const DateAxis& axis) {
  for (std::size_t row = 1; row < axis.instants.size(); ++row) {
    const auto before = axis.instants[row - 1], next = axis.fit.calendar.advance(before, 1);
    if (next != axis.instants[row] && !looks_skipped(before, next, axis.instants[row])) return false;
  }
  return true;
}

}  // namespace

bool rows_are_absent(const CalendarFit& fit) {
  return fit.known && fit.outside == 0 && fit.absent > 0 && !fit.calendar.has_breaks();
}

void refuse_absent_rows(const CsvTable& table, const DateAxis& axis) {
  const auto& fit = axis.fit;
  fail(table.path, ":", table.line_of(fit.first_irregular), ": no row for ", first_absent(axis), " before this one (",
       fit.absent, " of ", table.rows + fit.absent, " rows are absent, ", fit.calendar.name(), ")",
       clocks_changed(axis) ? ": looks like daylight saving time, which skips an hour" : "",
       "; add the rows, or pass --missing interpolate or --missing forward");
}

void insert_absent_rows(CsvTable& table, DateAxis& axis) {
  auto whole = table;
  whole.values.clear(), whole.dates.clear(), whole.lines.clear(), whole.missing.clear();
  std::vector<Instant> instants;
  const auto put_date = [&](Instant instant, const std::string& text, std::int64_t row) {
    instants.push_back(instant);
    whole.dates.push_back(text);
    whole.lines.push_back(table.line_of(row));
  };
  for (std::int64_t row = 0; row < table.rows; ++row) {
    const auto here = axis.instants[static_cast<std::size_t>(row)];
    while (!instants.empty() && axis.fit.calendar.advance(instants.back(), 1) < here) {
      const auto absent = axis.fit.calendar.advance(instants.back(), 1);
      put_date(absent, axis.format.format(absent), row);
      whole.values.insert(whole.values.end(), table.columns.size(), std::numeric_limits<double>::quiet_NaN());
    }
    put_date(here, table.dates[static_cast<std::size_t>(row)], row);
    const auto values = table.values.begin() + row * table.width();
    whole.values.insert(whole.values.end(), values, values + table.width());
  }
  whole.rows = std::ssize(instants);
  axis.instants = std::move(instants);
  axis.fit.absent = axis.fit.irregular = 0;
  axis.fit.first_irregular = -1;
  table = std::move(whole);
}

std::string remark_on_dates(const CsvTable& table, const DateAxis& axis) {
  const auto& fit = axis.fit;
  if (fit.irregular == 0) return "";
  if (fit.known && fit.outside == 0 && fit.calendar.has_breaks())
    return std::to_string(fit.absent) + (fit.absent == 1 ? " date" : " dates") +
           " of this calendar without a row, the first " + first_absent(axis) + "; taken as time off";
  return std::to_string(fit.irregular) + " of " + std::to_string(table.rows - 1) +
         " steps between dates are not of this calendar (" + fit.calendar.name() + "), the first ends at line " +
         std::to_string(table.line_of(fit.first_irregular)) +
         "; rows are taken as evenly spaced, and the forecast keeps to it";
}

}  // namespace longwave
