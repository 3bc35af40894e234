#include "longwave/data/summary.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "longwave/data/dates.h"
#include "longwave/io/checksum.h"

namespace longwave {
namespace {

constexpr double kSentinels[] = {-9999, -999, -99999, -9999.9, 99999, 999999, -200};

struct Seen {
  double low = INFINITY, high = -INFINITY;
};

void look_at_values(const CsvTable& table, DataSummary& summary) {
  for (std::int64_t column = 0; column < table.width(); ++column) {
    Seen seen;
    const auto at = [&](std::int64_t row) {
      return table.values[static_cast<std::size_t>(row * table.width() + column)];
    };
    for (std::int64_t row = 0; row < table.rows; ++row) {
      if (std::isnan(at(row))) continue;
      seen.low = std::min(seen.low, at(row));
      seen.high = std::max(seen.high, at(row));
    }
    const auto& name = table.columns[static_cast<std::size_t>(column)];
    if (seen.low == seen.high) summary.constant.push_back(name);
    for (const auto sentinel : kSentinels) {
      if (sentinel != seen.low && sentinel != seen.high) continue;
      std::int64_t times = 0;
      double next = sentinel < 0 ? INFINITY : -INFINITY;
      for (std::int64_t row = 0; row < table.rows; ++row) {
        times += at(row) == sentinel;
        if (at(row) != sentinel && !std::isnan(at(row)))
          next = sentinel < 0 ? std::min(next, at(row)) : std::max(next, at(row));
      }
      if (times == table.rows || std::abs(next) * 4 > std::abs(sentinel)) continue;  // not far from the rest
      summary.remarks.push_back("column '" + name + "': " + nlohmann::json(sentinel).dump() + " occurs " +
                                std::to_string(times) + " times; perhaps it stands for a missing value");
    }
  }
}

void look_at_dates(const CsvTable& table, DataSummary& summary) {
  if (table.dates.empty()) return;
  const auto axis = read_dates(table, DateOrder::any);
  summary.first_date = table.dates.front();
  summary.last_date = table.dates.back();
  summary.frequency = axis.fit.calendar.name();
  for (std::size_t i = 1; i < axis.instants.size(); ++i) {
    if (axis.instants[i] > axis.instants[i - 1]) continue;
    summary.remarks.push_back("line " + std::to_string(table.line_of(static_cast<std::int64_t>(i))) + ": date " +
                              table.dates[i] + " is not later than the one before it");
    break;
  }
  if (axis.fit.irregular > 0)
    summary.remarks.push_back(std::to_string(axis.fit.irregular) + " steps are not " + axis.fit.calendar.name() +
                              ", the first before line " + std::to_string(table.line_of(axis.fit.first_irregular)));
}

}  // namespace

DataSummary summarize(const FoundData& found) {
  const auto table = read_data(found, CsvOptions::Missing::keep);
  DataSummary summary;
  summary.name = found.set ? found.set->name : found.path.stem().string();
  summary.path = found.path.string();
  summary.sha256 = sha256_of_file(found.path);
  summary.rows = table.rows;
  summary.columns = table.width();
  summary.missing = static_cast<std::int64_t>(table.missing.size());
  look_at_values(table, summary);
  look_at_dates(table, summary);
  if (found.set && (found.set->rows != table.rows || found.set->columns != table.width()))
    summary.remarks.push_back("the published file has " + std::to_string(found.set->rows) + " rows and " +
                              std::to_string(found.set->columns) + " columns");
  return summary;
}

}  // namespace longwave
