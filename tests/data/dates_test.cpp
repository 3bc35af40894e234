#include "longwave/data/dates.h"

#include <gtest/gtest.h>

#include "longwave/base/check.h"

namespace longwave {
namespace {

CsvTable table_of(const std::vector<std::string>& dates) {
  CsvTable table;
  table.path = "f.csv";
  table.date_name = "date";
  table.dates = dates;
  table.rows = static_cast<std::int64_t>(dates.size());
  return table;
}

std::string error_of(const std::vector<std::string>& dates) {
  try {
    read_dates(table_of(dates));
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

struct Case {
  std::vector<std::string> dates;
  std::string frequency, next;
};

TEST(Dates, AreContinuedInTheStyleOfTheFile) {
  const Case cases[] = {
      {{"2016-07-01 00:00:00", "2016-07-01 01:00:00"}, "hourly", "2016-07-01 02:00:00"},
      {{"2016/7/1 22:15", "2016/7/1 22:30"}, "15 minutes", "2016/7/1 22:45"},
      {{"2016/7/1 9:00", "2016/7/1 10:00"}, "hourly", "2016/7/1 11:00"},
      {{"2024-02-28", "2024-02-29"}, "daily", "2024-03-01"},
      {{"31.01.2024", "29.02.2024", "31.03.2024"}, "monthly, last day", "30.04.2024"},
      {{"30/12/2023", "31/12/2023"}, "daily", "01/01/2024"},
      {{"12/30/2023", "12/31/2023"}, "daily", "01/01/2024"},
      {{"2020", "2021", "2022"}, "yearly", "2023"},
      {{"2020-10", "2020-11", "2020-12"}, "monthly", "2021-01"},
      {{"2020-Q2", "2020-Q3", "2020-Q4"}, "quarterly", "2021-Q1"},
      {{"1700000000", "1700003600"}, "hourly", "1700007200"},
      {{"2024022922", "2024022923"}, "hourly", "2024030100"},
      {{"202402292330", "202402292345"}, "15 minutes", "202403010000"},
      {{"20240229235959", "20240301005959"}, "hourly", "20240301015959"},
      {{"2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12"},
       "business days",
       "2024-01-15"},
      {{"2024-01-01T00:00:00Z", "2024-01-08T00:00:00Z"}, "weekly", "2024-01-15T00:00:00Z"},
      {{"01-Jan-2024", "02-Jan-2024"}, "daily", "03-Jan-2024"},
      {{"20240101T000000", "20240101T003000"}, "30 minutes", "20240101T010000"},
      {{"20240101T2300Z", "20240102T0000Z"}, "hourly", "20240102T0100Z"},
      {{"2024-01-01T22", "2024-01-01T23"}, "hourly", "2024-01-02T00"},
      {{"2024-01-01 22+01", "2024-01-01 23+01"}, "hourly", "2024-01-02 00+01"},
      {{"2020-W51", "2020-W52", "2020-W53"}, "weekly", "2021-W01"},
      {{"2024-W52-6", "2024-W52-7", "2025-W01-1"}, "daily", "2025-W01-2"},
      {{"2024-01-01 00:00:00.250", "2024-01-01 00:00:00.500"}, "250 milliseconds", "2024-01-01 00:00:00.750"},
      {{"2024-01-01 00:00:00.5", "2024-01-01 00:00:00.75"}, "250 milliseconds", "2024-01-01 00:00:01.0"},
      {{"2024-01-01 00:00:00,000125", "2024-01-01 00:00:00,000250"}, "125 microseconds", "2024-01-01 00:00:00,000375"},
      {{"20240101T235959.500", "20240101T235959.750"}, "250 milliseconds", "20240102T000000.000"},
      {{"1700000000250", "1700000000500"}, "250 milliseconds", "1700000000750"},
      {{"1/2/2024 11:00 AM", "1/2/2024 12:00 PM", "1/13/2024 1:00 PM"}, "hourly", "1/13/2024 2:00 PM"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.dates[0]);
    const auto axis = read_dates(table_of(c.dates));
    EXPECT_EQ(axis.fit.calendar.name(), c.frequency);
    EXPECT_EQ(axis.continued(1)[0], c.next);
    for (std::size_t i = 0; i < c.dates.size(); ++i) EXPECT_EQ(axis.format.format(axis.instants[i]), c.dates[i]);
  }
}

TEST(Dates, DisorderAndNonsenseAreNamedWithTheirLine) {
  EXPECT_EQ(error_of({"2024-01-01", "2024-01-02", "2024-01-02"}).substr(0, 39),
            "f.csv:4: date 2024-01-02 occurs twice; ");
  EXPECT_NE(error_of({"2024-01-03", "2024-01-02"}).find("f.csv:3: date 2024-01-02 is earlier than 2024-01-03"),
            std::string::npos);
  EXPECT_NE(error_of({"2024-01-01", "2024-02-30"}).find("f.csv:3: '2024-02-30'"), std::string::npos);
  EXPECT_NE(error_of({"2020-W53", "2021-W53"}).find("f.csv:3: '2021-W53'"), std::string::npos);
  EXPECT_NE(error_of({"soon"}).find("f.csv:2: 'soon'"), std::string::npos);
  EXPECT_NE(error_of({"01/02/2024", "01/03/2024"}).find("may be day/month or month/day"), std::string::npos);
}

TEST(Dates, AnHourThatDaylightSavingTimeRepeatsIsNamed) {
  const std::string said =
      " occurs twice: looks like daylight saving time, which repeats an hour; remove the rows of one of the two, or "
      "write all dates in UTC";
  const std::vector<std::string> hourly{"2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"};
  EXPECT_EQ(error_of(hourly), "f.csv:4: date 2024-10-27 02:00" + said);
  EXPECT_EQ(error_of({"2024-11-03 00:30", "2024-11-03 01:00", "2024-11-03 01:30", "2024-11-03 01:00"}),
            "f.csv:5: date 2024-11-03 01:00" + said);
  for (const auto& other : std::vector<std::vector<std::string>>{
           {"2024-10-20 01:00", "2024-10-20 02:00", "2024-10-20 02:00"},                      // another Sunday
           {"2024-10-26 01:00", "2024-10-26 02:00", "2024-10-26 02:00"},                      // a Saturday
           {"2024-10-27 11:00", "2024-10-27 12:00", "2024-10-27 12:00"},                      // noon
           {"2024-10-27 01:30", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 02:30"},  // half an hour
           {"2024-10-26", "2024-10-27", "2024-10-27"}}) {
    EXPECT_NE(error_of(other).find(" occurs twice; expected dates that increase"), std::string::npos) << other.back();
  }
}

TEST(Dates, GapsAreCounted) {
  const auto axis =
      read_dates(table_of({"2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 05:00"}));
  EXPECT_EQ(axis.fit.irregular, 1);
  EXPECT_EQ(axis.fit.first_irregular, 3);
}

TEST(Calendar, FeaturesSpanMinusHalfToHalf) {
  std::vector<float> marks;
  append_calendar(1483225140 * kSecond, "t", marks);  // Saturday 2016-12-31 22:59
  ASSERT_EQ(marks.size(), 5u);
  EXPECT_FLOAT_EQ(marks[0], 0.5f);
  EXPECT_FLOAT_EQ(marks[1], static_cast<float>(22.0 / 23 - 0.5));
  EXPECT_FLOAT_EQ(marks[2], static_cast<float>(5.0 / 6 - 0.5));
  EXPECT_FLOAT_EQ(marks[3], 0.5f);
  EXPECT_FLOAT_EQ(marks[4], 0.5f);
  EXPECT_THROW(calendar_width("d"), UserError);
}

}  // namespace
}  // namespace longwave
