#include "longwave/data/absent_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {
namespace {

CsvTable table_of(const std::vector<std::string>& dates) {
  CsvTable table;
  table.path = "f.csv";
  table.columns = {"a", "b"};
  table.date_name = "date";
  table.dates = dates;
  table.rows = std::ssize(dates);
  for (std::int64_t row = 0; row < table.rows; ++row) table.values.insert(table.values.end(), {row + 1.0, 10});
  return table;
}

std::string refusal(const std::vector<std::string>& dates) {
  const auto table = table_of(dates);
  const auto axis = read_dates(table);
  EXPECT_TRUE(rows_are_absent(axis.fit));
  try {
    refuse_absent_rows(table, axis);
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST(AbsentRows, OfAFixedStepAreNamed) {
  EXPECT_EQ(refusal({"2020-01-01", "2020-01-02", "2020-01-04", "2020-01-05", "2020-01-08"}),
            "f.csv:4: no row for 2020-01-03 before this one (3 of 8 rows are absent, daily); add the rows, or pass "
            "--missing interpolate or --missing forward");
}

TEST(AbsentRows, OfDaylightSavingTimeAreNamedSo) {
  EXPECT_EQ(refusal({"2024-03-31 00:00", "2024-03-31 01:00", "2024-03-31 03:00", "2024-03-31 04:00"}),
            "f.csv:4: no row for 2024-03-31 02:00 before this one (1 of 5 rows are absent, hourly): looks like "
            "daylight saving time, which skips an hour; add the rows, or pass --missing interpolate or --missing "
            "forward");
  const std::string said = "daylight saving time";
  const auto is_said = [&](const std::vector<std::string>& dates) {
    return refusal(dates).find(said) != std::string::npos;
  };
  EXPECT_TRUE(is_said({"2024-03-10 00:30", "2024-03-10 01:00", "2024-03-10 01:30", "2024-03-10 03:00"}));
  EXPECT_TRUE(is_said({"2024-10-06 00:00", "2024-10-06 01:00", "2024-10-06 03:00", "2024-10-06 04:00"}));
  EXPECT_FALSE(is_said({"2024-03-31 00:00", "2024-03-31 01:00", "2024-03-31 03:00", "2024-03-31 04:00",
                        "2024-03-31 06:00"}));  // another hour too
  EXPECT_FALSE(is_said({"2024-03-24 00:00", "2024-03-24 01:00", "2024-03-24 03:00", "2024-03-24 04:00"}));
  EXPECT_FALSE(is_said({"2024-03-31 10:00", "2024-03-31 11:00", "2024-03-31 13:00", "2024-03-31 14:00"}));
  EXPECT_FALSE(is_said({"2024-03-31 00:00", "2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 05:00"}));  // two hours
  EXPECT_FALSE(is_said({"2024-03-31 00:30", "2024-03-31 01:00", "2024-03-31 02:30", "2024-03-31 03:00"}));  // 01:30
}

TEST(AbsentRows, AreInsertedWithoutValues) {
  auto table = table_of({"31.01.2020", "29.02.2020", "30.04.2020", "31.05.2020"});
  auto axis = read_dates(table);
  ASSERT_TRUE(rows_are_absent(axis.fit));
  insert_absent_rows(table, axis);
  EXPECT_EQ(table.rows, 5);
  EXPECT_EQ(table.dates,
            (std::vector<std::string>{"31.01.2020", "29.02.2020", "31.03.2020", "30.04.2020", "31.05.2020"}));
  ASSERT_EQ(table.values.size(), 10u);
  EXPECT_TRUE(std::isnan(table.values[4]) && std::isnan(table.values[5]));
  EXPECT_EQ(table.values[6], 3);
  EXPECT_EQ(table.line_of(3), 4);
  EXPECT_EQ(axis.instants, read_dates(table).instants);
  EXPECT_FALSE(rows_are_absent(axis.fit));
  EXPECT_EQ(remark_on_dates(table, axis), "");
}

TEST(AbsentRows, HolidaysAndWildDatesAreRemarkedOnAlone) {
  const auto business = table_of({"2024-12-16", "2024-12-17", "2024-12-18", "2024-12-19", "2024-12-20", "2024-12-23",
                                  "2024-12-24", "2024-12-27", "2024-12-30"});
  const auto holidays = read_dates(business);
  EXPECT_FALSE(rows_are_absent(holidays.fit));
  EXPECT_EQ(remark_on_dates(business, holidays),
            "2 dates of this calendar without a row, the first 2024-12-25; taken as time off");
  const auto wild = table_of({"2024-01-01", "2024-01-02", "2024-01-20", "2024-01-29", "2024-03-05", "2024-05-06"});
  const auto axis = read_dates(wild);
  EXPECT_FALSE(rows_are_absent(axis.fit));
  EXPECT_NE(remark_on_dates(wild, axis).find("4 of 5 steps between dates are not of this calendar ("),
            std::string::npos)
      << remark_on_dates(wild, axis);
  EXPECT_EQ(remark_on_dates(wild, read_dates(table_of({"2024-01-01", "2024-01-02"}))), "");
}

}  // namespace
}  // namespace longwave
