#pragma once

#include "longwave/data/dates.h"

namespace longwave {

/// Rows ought to be there that are not: every row is a date of a calendar without days off, and at least half of its
/// dates have one. Elsewhere an absent date may be a holiday, or the calendar a wrong guess.
bool rows_are_absent(const CalendarFit& fit);

/// UserError that names the first absent date, how many there are, and the remedy.
[[noreturn]] void refuse_absent_rows(const CsvTable& table, const DateAxis& axis);

/// Inserts the absent rows, without values (NaN).
void insert_absent_rows(CsvTable& table, DateAxis& axis);

/// What has to be said, in one line, of dates that their calendar does not explain to the last; "" if there is nothing.
std::string remark_on_dates(const CsvTable& table, const DateAxis& axis);

}  // namespace longwave
