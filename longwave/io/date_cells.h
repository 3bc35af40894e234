#pragma once

#include <string>
#include <string_view>

namespace longwave {

/// Digits with separators that are no number: 2020-01-01, 1/2/2020 3:00, 2020Q1, 2020-01-01T00:00:00Z, 3 Jan 2020.
bool looks_like_date(std::string_view text, char decimal);

/// Seconds or milliseconds since 1970, of a year from 2001 to 2033, in a column of this name: only the name tells them
/// from any other number.
bool is_unix_time(std::string name, std::string_view text);

/// A whole-number column called year or month is one of dates only where it stands first.
bool is_date_name(std::string name, bool first);

}  // namespace longwave
