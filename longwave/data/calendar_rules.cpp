#include "longwave/data/calendar_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace longwave {
namespace {

// ---- days of the month ----

using Kind = MonthDay::Kind;

/// The last day before the 31st and the 30th, which are the same in some months.
std::vector<MonthDay> plain_days(int most) {
  std::vector<MonthDay> days{{Kind::day, -1}};
  for (int number = 1; number <= most; ++number) days.push_back({Kind::day, number});
  return days;
}

std::vector<MonthDay> other_days() {
  std::vector<MonthDay> days{{Kind::business_day, -1}, {Kind::business_day, 1}};
  for (const int number : {1, 2, 3, 4, -1})
    for (int weekday = 0; weekday < 7; ++weekday) days.push_back({Kind::weekday, number, weekday});
  return days;
}

std::vector<CivilTime> without(const std::vector<CivilTime>& rows, const MonthDay& day) {
  std::vector<CivilTime> left;
  for (const auto& row : rows)
    if (day.in(row.month) != row.day) left.push_back(row);
  return left;
}

/// The day that most rows are on, the first of several.
MonthDay best_day(const std::vector<CivilTime>& rows, const std::vector<MonthDay>& days) {
  return *std::min_element(days.begin(), days.end(), [&](const auto& a, const auto& b) {
    return without(rows, a).size() < without(rows, b).size();
  });
}

Calendar once_in_months(const std::vector<CivilTime>& rows, const std::vector<MonthDay>& days) {
  std::map<std::int64_t, std::int64_t> steps;
  for (std::size_t i = 1; i < rows.size(); ++i) ++steps[std::max<std::int64_t>(1, rows[i].month - rows[i - 1].month)];
  const auto step =
      std::max_element(steps.begin(), steps.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
  return Calendar::monthly(step, rows.back().month, {best_day(rows, days)}, rows[0].clock);
}

/// Twice a month or a little more often; empty if no few days have all the rows.
Calendar several_times_a_month(std::vector<CivilTime> rows) {
  constexpr std::size_t kMostDays = 4, kFewestRows = 2;
  const auto month = rows.back().month;
  const auto clock = rows[0].clock;
  std::vector<MonthDay> days;
  while (days.size() < kMostDays && !rows.empty()) {
    const auto day = best_day(rows, plain_days(28));
    auto left = without(rows, day);
    if (rows.size() - left.size() < kFewestRows) break;
    days.push_back(day);
    rows = std::move(left);
  }
  if (days.size() < 2) return {};
  std::sort(days.begin(), days.end(), [&](auto& a, auto& b) { return a.in(month) < b.in(month); });
  return Calendar::monthly(1, month, days, clock);
}

// ---- places in a week or in a day ----

/// A place of a cycle: how many rows are there, and how often the file passes it.
struct Place {
  std::int64_t rows = 0, passes = 0;
};

/// Adds to the places that have rows those between them that have none by chance alone.
void add_empty_places(const std::vector<Place>& places, std::vector<bool>& used) {
  constexpr double kChance = 0.05;
  const auto n = places.size();
  const auto start = static_cast<std::size_t>(std::find(used.begin(), used.end(), true) - used.begin());
  for (bool grown = true; grown;) {
    grown = false;
    double absent = 1, passes = 1;  // one more than seen, so that few rows prove little
    for (std::size_t i = 0; i < n; ++i) {
      if (!used[i]) continue;
      absent += static_cast<double>(std::max<std::int64_t>(0, places[i].passes - places[i].rows));
      passes += static_cast<double>(places[i].passes);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const auto begin = i;
      std::int64_t together = 0, least = std::numeric_limits<std::int64_t>::max();
      for (; i < n && !used[(start + i) % n]; ++i) {
        together += places[(start + i) % n].passes;
        least = std::min(least, places[(start + i) % n].passes);
      }
      const double chance = static_cast<double>(n) * std::pow(absent / passes, together);
      if (i == begin || (least >= 2 && chance <= kChance)) continue;
      for (auto j = begin; j < i; ++j) used[(start + j) % n] = true;
      grown = true;
    }
  }
}

/// The places that belong to a calendar, of offsets of rows in cycles of that length: on the widest even grid that
/// holds all but those of exceptions (a quarter as many rows as elsewhere, or fewer). Empty if that grid is too fine.
template <class Passes>
std::vector<Instant> places_in_use(const std::vector<Instant>& offsets, Instant length, const Passes& passes) {
  constexpr std::int64_t kException = 4, kMostPlaces = 100'000;
  std::map<Instant, std::int64_t> rows;
  for (const auto offset : offsets) ++rows[offset];
  const auto most =
      std::max_element(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.second < b.second; })->second;
  std::erase_if(rows, [&](const auto& entry) { return kException * entry.second < most; });
  auto step = length;
  const auto first = rows.begin()->first;
  for (const auto& [offset, count] : rows) step = std::gcd(step, offset - first);
  if (length / step > kMostPlaces) return {};
  std::vector<Place> places(static_cast<std::size_t>(length / step));
  std::vector<bool> used(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto offset = first % step + static_cast<Instant>(i) * step;
    const auto found = rows.find(offset);
    used[i] = found != rows.end();
    places[i] = {used[i] ? found->second : 0, passes(offset)};
  }
  add_empty_places(places, used);
  std::vector<Instant> result;
  for (std::size_t i = 0; i < places.size(); ++i)
    if (used[i]) result.push_back(first % step + static_cast<Instant>(i) * step);
  return result;
}

/// How many of the instants offset, offset + kWeek, ... lie in the file.
std::int64_t weeks_with(Instant offset, Instant first, Instant last) {
  return floor_div(last - kMonday - offset, kWeek) - floor_div(first - 1 - kMonday - offset, kWeek);
}

Instant of_week(Instant instant) { return instant - kMonday - floor_div(instant - kMonday, kWeek) * kWeek; }

/// Days of the week; a weekend without rows that was passed once is one.
std::vector<Instant> weekdays_in_use(const std::vector<Instant>& days) {
  std::vector<Instant> offsets;
  for (const auto day : days) offsets.push_back(of_week(day));
  const auto passes = [&](Instant day) { return weeks_with(day, days.front(), days.back()); };
  auto used = places_in_use(offsets, kWeek, passes);
  const auto idle = [&](Instant day) {
    return passes(day) > 0 && std::find(offsets.begin(), offsets.end(), day) == offsets.end();
  };
  constexpr auto kSaturday = 5 * kDay, kSunday = 6 * kDay;
  if (idle(kSaturday) && idle(kSunday)) std::erase_if(used, [](Instant day) { return day >= kSaturday; });
  return used;
}

/// The same times of the day on the same days of the week; empty if there is no such grid.
Calendar days_and_times(const std::vector<Instant>& instants) {
  std::vector<Instant> days, clocks;
  for (const auto instant : instants) {
    const auto day = floor_div(instant, kDay) * kDay;
    if (days.empty() || days.back() != day) days.push_back(day);
    clocks.push_back(instant - day);
  }
  const auto times = places_in_use(clocks, kDay, [&](Instant clock) {
    return std::ssize(days) - (clock < clocks.front()) - (clock > clocks.back());
  });
  std::vector<Instant> places;
  for (const auto day : weekdays_in_use(days))
    for (const auto clock : times) places.push_back(day + clock);
  return places.empty() ? Calendar() : Calendar::weekly(places);
}

/// Times of its own for each day of the week, which takes two weeks to show.
Calendar timetable(const std::vector<Instant>& instants) {
  std::vector<Instant> offsets;
  for (const auto instant : instants) offsets.push_back(of_week(instant));
  const auto places = places_in_use(
      offsets, kWeek, [&](Instant offset) { return weeks_with(offset, instants.front(), instants.back()); });
  return places.empty() ? Calendar() : Calendar::weekly(places);
}

std::vector<CivilTime> civil_times(const std::vector<Instant>& instants) {
  std::vector<CivilTime> rows;
  for (const auto instant : instants) rows.push_back(civil_time(instant));
  return rows;
}

/// The step to a whole number of the largest unit that it is nearly a multiple of.
Instant rounded(Instant step) {
  for (const auto unit : {kDay, kHour, kMinute, kSecond}) {
    const auto whole = (step + unit / 2) / unit * unit;
    if (whole > 0 && std::abs(whole - step) <= step / 50) return whole;
  }
  return step;
}

}  // namespace

std::vector<Calendar> calendars_for(const std::vector<Instant>& instants, Instant step) {
  const auto rows = civil_times(instants);
  const bool one_clock =
      std::all_of(rows.begin(), rows.end(), [&](const CivilTime& row) { return row.clock == rows[0].clock; });
  const bool a_month = one_clock && step >= 28 * kDay, several = one_clock && step > kWeek;
  std::vector<Calendar> found;
  if (a_month) found.push_back(once_in_months(rows, plain_days(30)));
  found.push_back(Calendar::every(step, instants.back()));
  if (a_month) found.push_back(once_in_months(rows, other_days()));
  if (several) found.push_back(several_times_a_month(rows));
  found.push_back(days_and_times(instants));
  found.push_back(timetable(instants));
  std::erase_if(found, [](const Calendar& calendar) { return calendar.empty(); });
  return found;
}

Calendar nearest_calendar(const std::vector<Instant>& instants, Instant step) {
  const auto rows = civil_times(instants);
  const auto months = rows.back().month - rows[rows.size() - 2].month;
  bool each = months > 0;
  for (std::size_t i = 1; each && i < rows.size(); ++i) each = rows[i].month - rows[i - 1].month == months;
  return each ? Calendar::monthly(months, rows.back().month, {{Kind::day, rows.back().day}}, rows.back().clock)
              : Calendar::every(rounded(step), instants.back());
}

}  // namespace longwave
