// Which calendar rows keep to, and how it goes on.

#include "longwave/data/calendar_fit.h"

#include <gtest/gtest.h>

#include <functional>

#include "longwave/data/date_format.h"

namespace longwave {
namespace {

const DateFormat& format() {
  static const auto dates = DateFormat::candidates({"2024-01-31 00:00:00"})[0];
  return dates;
}

Instant at(const std::string& date) {
  return *format().parse(date.size() == 10 ? date + " 00:00:00" : date.size() == 16 ? date + ":00" : date);
}

/// The next dates, without seconds, and without a clock at midnight.
std::vector<std::string> next(const std::vector<Instant>& rows, int n) {
  const auto fit = fit_calendar(rows);
  std::vector<std::string> dates;
  for (int i = 1; i <= n; ++i) {
    auto text = format().format(fit.calendar.advance(rows.back(), i)).substr(0, 16);
    dates.push_back(text.ends_with(" 00:00") ? text.substr(0, 10) : text);
  }
  return dates;
}

std::vector<Instant> rows_of(const std::vector<std::string>& dates) {
  std::vector<Instant> rows;
  for (const auto& date : dates) rows.push_back(at(date));
  return rows;
}

using Open = std::function<bool(const CivilTime&)>;

/// Every `step` from the first date to the last, where `open`.
std::vector<Instant> rows_from(const std::string& first, const std::string& last, Instant step, const Open& open) {
  std::vector<Instant> rows;
  for (auto t = at(first); t <= at(last); t += step)
    if (open(civil_time(t))) rows.push_back(t);
  return rows;
}

bool always(const CivilTime&) { return true; }
bool in_week(const CivilTime& t) { return t.weekday < 5; }

Open session(Instant from, Instant to, const Open& day = in_week) {
  return [=](const CivilTime& t) { return day(t) && t.clock >= from && t.clock <= to; };
}

Open but(const Open& open, const std::vector<std::string>& holidays) {
  return [=](const CivilTime& t) {
    return open(t) &&
           std::find(holidays.begin(), holidays.end(), format().format(t.days * kDay).substr(0, 10)) == holidays.end();
  };
}

struct MonthCase {
  std::vector<std::string> rows;
  const char* name;
  std::vector<std::string> next;
};

TEST(CalendarFit, DaysOfTheMonth) {
  const MonthCase cases[] = {
      {{"2023-10-30", "2023-11-30", "2023-12-30", "2024-01-30", "2024-02-29"},
       "monthly, 30th",
       {"2024-03-30", "2024-04-30", "2024-05-30"}},
      {{"2022-12-29", "2023-01-29", "2023-02-28", "2023-03-29"}, "monthly, 29th", {"2023-04-29", "2023-05-29"}},
      {{"2024-01-30", "2024-02-29"}, "monthly, 30th", {"2024-03-30"}},
      {{"2024-02-15", "2024-03-15", "2024-04-15"}, "monthly", {"2024-05-15"}},
      {{"2024-01-31", "2024-02-29", "2024-03-29", "2024-04-30", "2024-05-31", "2024-06-28"},
       "monthly, last business day",
       {"2024-07-31", "2024-08-30"}},
      {{"2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01", "2024-06-03"},
       "monthly, first business day",
       {"2024-07-01", "2024-08-01", "2024-09-02"}},
      {{"2024-01-19", "2024-02-16", "2024-03-15", "2024-04-19"}, "monthly, 3rd Friday", {"2024-05-17", "2024-06-21"}},
      {{"2024-01-01", "2024-01-15", "2024-02-01", "2024-02-15", "2024-03-01"},
       "monthly, 1st, 15th",
       {"2024-03-15", "2024-04-01"}},
      {{"2023-12-31", "2024-01-15", "2024-01-31", "2024-02-15", "2024-02-29"},
       "monthly, 15th, last day",
       {"2024-03-15", "2024-03-31"}},
      {{"2024-01-01", "2024-01-11", "2024-01-21", "2024-02-01", "2024-02-11", "2024-02-21"},
       "monthly, 1st, 11th, 21st",
       {"2024-03-01", "2024-03-11"}},
      {{"2012-02-29", "2016-02-29", "2020-02-29", "2024-02-29"}, "4 years, last day of the month", {"2028-02-29"}},
      {{"2020-02-29", "2021-02-28", "2022-02-28", "2023-02-28"}, "yearly, last day of the month", {"2024-02-29"}},
      {{"2023-03-31", "2023-06-30", "2023-09-30"}, "quarterly, last day of the month", {"2023-12-31", "2024-03-31"}},
      {{"2021-06-30", "2022-06-30", "2023-06-30"}, "yearly, last day of the month", {"2024-06-30"}},
      {{"2021-01-04", "2021-02-01", "2021-03-01", "2021-03-29"}, "4 weeks", {"2021-04-26"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.rows[0]);
    const auto fit = fit_calendar(rows_of(c.rows));
    EXPECT_EQ(fit.calendar.name(), c.name);
    EXPECT_EQ(fit.irregular, 0);
    EXPECT_EQ(next(rows_of(c.rows), static_cast<int>(c.next.size())), c.next);
  }
}

TEST(CalendarFit, AMonthWithoutARowIsAbsent) {
  const auto fit = fit_calendar(rows_of({"2024-01-31", "2024-02-29", "2024-04-30", "2024-05-31", "2024-06-30"}));
  EXPECT_EQ(fit.calendar.name(), "monthly, last day");
  EXPECT_EQ(fit.absent, 1);
  EXPECT_EQ(fit.first_irregular, 2);
}

TEST(CalendarFit, DaysOfTheWeek) {
  const auto weekdays = [](std::vector<int> days) {
    return [=](const CivilTime& t) { return std::find(days.begin(), days.end(), t.weekday) != days.end(); };
  };
  const auto six = rows_from("2024-01-01", "2024-01-20", kDay, weekdays({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(fit_calendar(six).calendar.name(), "Monday to Saturday");
  EXPECT_EQ(fit_calendar(six).calendar.seasons(), (std::vector<std::int64_t>{6}));
  EXPECT_EQ(next(six, 2), (std::vector<std::string>{"2024-01-22", "2024-01-23"}));
  const auto sunday = rows_from("2024-01-01", "2024-01-31", kDay, weekdays({6, 0, 1, 2, 3}));
  EXPECT_EQ(fit_calendar(sunday).calendar.name(), "Monday to Thursday, Sunday");
  EXPECT_EQ(next(sunday, 2), (std::vector<std::string>{"2024-02-01", "2024-02-04"}));
  const auto three = rows_from("2024-01-01", "2024-01-31", kDay, weekdays({0, 2, 4}));
  EXPECT_EQ(fit_calendar(three).calendar.name(), "Monday, Wednesday, Friday");
  EXPECT_EQ(next(three, 2), (std::vector<std::string>{"2024-02-02", "2024-02-05"}));
}

TEST(CalendarFit, HolidaysDoNotEndABusinessCalendar) {
  const auto rows =
      rows_from("2024-11-25", "2025-01-10", kDay, but(in_week, {"2024-12-25", "2024-12-26", "2025-01-01"}));
  const auto fit = fit_calendar(rows);
  EXPECT_EQ(fit.calendar.name(), "business days");
  EXPECT_TRUE(fit.calendar.has_breaks());
  EXPECT_EQ(fit.absent, 3);
  EXPECT_EQ(fit.irregular, 2);
  EXPECT_EQ(fit.outside, 0);
  EXPECT_EQ(next(rows, 1), (std::vector<std::string>{"2025-01-13"}));
}

TEST(CalendarFit, ASaturdayThatIsWorkedOnceIsOutside) {
  const auto rows = rows_from("2024-01-01", "2024-03-29", kDay,
                              [](const CivilTime& t) { return in_week(t) || t.days * kDay == at("2024-01-20"); });
  const auto fit = fit_calendar(rows);
  EXPECT_EQ(fit.calendar.name(), "business days");
  EXPECT_EQ(fit.outside, 1);
  EXPECT_TRUE(fit.known);
}

TEST(CalendarFit, HoursOfTheDay) {
  struct Case {
    Instant step;
    Open open;
    const char* name;
    std::vector<std::string> next;  // after Friday 2024-01-19
    std::int64_t a_day;
  };
  const auto exchange = session(9 * kHour + 30 * kMinute, 16 * kHour);
  const Case cases[] = {
      {5 * kMinute, exchange, "5 minutes, 09:30 to 16:00, business days", {"2024-01-22 09:30", "2024-01-22 09:35"}, 79},
      {30 * kMinute, exchange, "30 minutes, 09:30 to 16:00, business days", {"2024-01-22 09:30"}, 14},
      {30 * kMinute,
       but(exchange, {"2024-01-15"}),
       "30 minutes, 09:30 to 16:00, business days",
       {"2024-01-22 09:30"},
       14},
      {kHour, session(8 * kHour, 18 * kHour, always), "hourly, 08:00 to 18:00, every day", {"2024-01-20 08:00"}, 11},
      {30 * kMinute,
       [](const CivilTime& t) {
         return in_week(t) && t.clock >= 9 * kHour && t.clock < 15 * kHour &&
                (t.clock < 11 * kHour + kHour / 2 || t.clock >= 12 * kHour + kHour / 2);
       },
       "30 minutes with breaks, 09:00 to 14:30, business days",
       {"2024-01-22 09:00"},
       10},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    // 9:30, 10:30, ... too: from half past nine on
    const auto rows = rows_from("2024-01-08 00:00", "2024-01-19 23:59", c.step, c.open);
    const auto fit = fit_calendar(rows);
    EXPECT_EQ(fit.calendar.name(), c.name);
    EXPECT_EQ(fit.calendar.seasons().front(), c.a_day);
    EXPECT_EQ(next(rows, static_cast<int>(c.next.size())), c.next);
  }
  const auto half_past = rows_from("2024-01-08 09:30", "2024-01-19 23:59", kHour, exchange);
  EXPECT_EQ(fit_calendar(half_past).calendar.name(), "hourly, 09:30 to 15:30, business days");
}

TEST(CalendarFit, AMarketThatOpensOnSundayEvening) {
  const auto rows = rows_from("2024-01-01 00:00", "2024-01-26 16:00", kHour, [](const CivilTime& t) {
    return t.weekday < 4 || (t.weekday == 4 && t.clock < 17 * kHour) || (t.weekday == 6 && t.clock >= 17 * kHour);
  });
  const auto fit = fit_calendar(rows);
  EXPECT_EQ(fit.calendar.name(), "hourly, 120 times a week");
  EXPECT_EQ(fit.irregular, 0);
  EXPECT_EQ(next(rows, 1), (std::vector<std::string>{"2024-01-28 17:00"}));
  EXPECT_EQ(fit.calendar.seasons(), (std::vector<std::int64_t>{24, 120}));
}

TEST(CalendarFit, HolesByChanceAreNoTimesOff) {
  std::uint32_t state = 1;
  const auto most = [&](const CivilTime&) { return (state = state * 1664525 + 1013904223) >> 24 >= 64; };
  for (const auto step : {kDay, kHour, kMinute}) {
    const auto rows =
        rows_from("2024-01-01 00:00", step == kMinute ? "2024-01-15 00:00" : "2024-03-01 00:00", step, most);
    const auto fit = fit_calendar(rows);
    EXPECT_EQ(fit.calendar.name(), step == kDay ? "daily" : step == kHour ? "hourly" : "1 minute");
    EXPECT_EQ(fit.outside, 0);
    EXPECT_GT(fit.absent, 5);
  }
  const auto outage = rows_from("2024-01-01 00:00", "2024-01-09 00:00", kHour,
                                [](const CivilTime& t) { return t.days * kDay != at("2024-01-04"); });
  EXPECT_EQ(fit_calendar(outage).calendar.name(), "hourly");
  EXPECT_EQ(fit_calendar(outage).absent, 24);
}

TEST(CalendarFit, TheNewestHoursAreTheOnesThatGoOn) {
  // Half past nine in New York, in UTC: the clocks change on March 10.
  const auto summer = at("2024-03-10");
  const auto rows = rows_from("2024-01-02 00:00", "2024-04-30 23:59", 30 * kMinute, [&](const CivilTime& t) {
    const auto begin = t.days * kDay < summer ? 14 * kHour : 13 * kHour;
    return session(begin + 30 * kMinute, begin + 7 * kHour)(t);
  });
  const auto fit = fit_calendar(rows);
  EXPECT_EQ(fit.calendar.name(), "30 minutes, 13:30 to 20:00, business days");
  EXPECT_FALSE(fit.known);
  EXPECT_EQ(next(rows, 1), (std::vector<std::string>{"2024-05-01 13:30"}));
}

TEST(CalendarFit, RowsWithoutACalendarGoOnAsNearAsTheyCan) {
  EXPECT_EQ(next(rows_of({"2024-01-12", "2024-02-13", "2024-03-11", "2024-04-10", "2024-05-15"}), 2),
            (std::vector<std::string>{"2024-06-15", "2024-07-15"}));
  EXPECT_EQ(next(rows_of({"2024-01-01 08:02", "2024-01-02 07:58", "2024-01-03 08:05", "2024-01-04 07:57"}), 1),
            (std::vector<std::string>{"2024-01-05 07:57"}));
}

TEST(CalendarFit, RowsWithoutACalendarAreUnknown) {
  std::vector<Instant> rows = {at("2024-01-01")};
  std::uint32_t state = 1;
  for (int i = 0; i < 60; ++i)
    rows.push_back(rows.back() + kHour * (20 + ((state = state * 1664525 + 1013904223) >> 29)));
  const auto fit = fit_calendar(rows);
  EXPECT_FALSE(fit.known);
  EXPECT_FALSE(fit.calendar.empty());
  EXPECT_TRUE(fit_calendar({0}).calendar.empty());
}

}  // namespace
}  // namespace longwave
