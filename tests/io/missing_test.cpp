#include "longwave/io/missing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

CsvTable table_of(std::vector<double> column) {
  CsvTable table;
  table.path = "a.csv";
  table.columns = {"x"};
  table.rows = std::ssize(column);
  table.values = std::move(column);
  return table;
}

TEST(Missing, InterpolationIsLinearInsideAndConstantOutside) {
  auto table = table_of({kNone, 1, kNone, kNone, 4, kNone});
  fill_missing(table, "interpolate");
  EXPECT_EQ(table.values, (std::vector<double>{1, 1, 2, 3, 4, 4}));
}

TEST(Missing, ForwardRepeatsTheLastKnownValue) {
  auto table = table_of({kNone, 1, kNone, kNone, 4, kNone});
  fill_missing(table, "forward");
  EXPECT_EQ(table.values, (std::vector<double>{1, 1, 1, 1, 4, 4}));
}

TEST(Missing, ColumnsAreFilledApart) {
  CsvTable table = table_of({1, 10, kNone, 20, 3, kNone});
  table.columns = {"x", "y"};
  table.rows = 3;
  fill_missing(table, "interpolate");
  EXPECT_EQ(table.values, (std::vector<double>{1, 10, 2, 20, 3, 20}));
}

TEST(Missing, AnEmptyColumnAndAnUnknownPolicyAreRefused) {
  auto table = table_of({kNone, kNone});
  try {
    fill_missing(table, "forward");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "a.csv: column x has no values; leave it out with --targets");
  }
  EXPECT_THROW(fill_missing(table, "guess"), UserError);
}

}  // namespace
}  // namespace longwave
