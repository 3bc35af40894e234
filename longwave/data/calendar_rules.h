#pragma once

#include <vector>

#include "longwave/data/calendar.h"

namespace longwave {

/// Calendars that increasing instants may keep to, the simplest first; `step` is the usual distance between them.
std::vector<Calendar> calendars_for(const std::vector<Instant>& instants, Instant step);

/// How rows that keep to no calendar go on: monthly where there is one in every so many months, else evenly.
Calendar nearest_calendar(const std::vector<Instant>& instants, Instant step);

}  // namespace longwave
