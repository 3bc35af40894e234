#pragma once

#include <vector>

#include "longwave/data/calendar.h"

namespace longwave {

/// The calendar that rows keep to, and how well they do.
struct CalendarFit {
  Calendar calendar;                  // empty for fewer than two rows
  std::int64_t irregular = 0;         // steps from row to row that are not one step of the calendar
  std::int64_t first_irregular = -1;  // the row after the first of them
  std::int64_t outside = 0;           // rows that are no date of the calendar
  std::int64_t absent = 0;            // dates of the calendar, between the first row and the last, without a row
  bool known = true;                  // the calendar explains the rows: nearly all are in it, and most of it is there
};

/// Of the calendars that rows commonly keep to (evenly spaced; days of the month; days of the week and times of the
/// day; a timetable of the week) the first that breaks at the fewest steps. What no row ever shows is left out of a
/// calendar only where that is no chance. Where the newest rows keep far better to another one, it is theirs. Where
/// none explains the rows: monthly if there is one row in every so many months, else evenly spaced by the usual step.
CalendarFit fit_calendar(const std::vector<Instant>& instants);

}  // namespace longwave
