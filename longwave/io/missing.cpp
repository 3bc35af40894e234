#include "longwave/io/missing.h"

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// Fills rows (before, after) of one column; -1 or rows: there is no known value on that side.
void fill_gap(CsvTable& table, std::int64_t column, std::int64_t before, std::int64_t after, bool interpolate) {
  const auto value = [&](std::int64_t row) -> double& { return table.values[row * table.width() + column]; };
  for (auto row = before + 1; row < after; ++row) {
    if (before < 0)
      value(row) = value(after);
    else if (after == table.rows || !interpolate)
      value(row) = value(before);
    else
      value(row) = std::lerp(value(before), value(after), static_cast<double>(row - before) / (after - before));
  }
}

}  // namespace

void fill_missing(CsvTable& table, const std::string& policy) {
  check(policy == "interpolate" || policy == "forward", "--missing is ", policy,
        "; expected error, interpolate or forward");
  for (std::int64_t column = 0; column < table.width(); ++column) {
    std::int64_t known = -1;  // the last row with a value
    for (std::int64_t row = 0; row < table.rows; ++row) {
      if (std::isnan(table.values[row * table.width() + column])) continue;
      fill_gap(table, column, known, row, policy == "interpolate");
      known = row;
    }
    check(known >= 0, table.path, ": column ", table.columns[column], " has no values; leave it out with --targets");
    fill_gap(table, column, known, table.rows, policy == "interpolate");
  }
}

}  // namespace longwave
