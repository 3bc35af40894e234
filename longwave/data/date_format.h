#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "longwave/data/instant.h"

namespace longwave {

/// How the dates of one file are written, so that more of them can be written the same way.
/// Known: YYYY-MM-DD, YYYY/M/D, YYYY.MM.DD, DD.MM.YYYY, D/M/YYYY, M/D/YYYY, DD-Mon-YYYY, YYYY, YYYY-MM, YYYYMM,
/// YYYYMMDD, Mon YYYY, YYYYQ3, YYYY-Q3, YYYY-W05 (which begins on Monday), YYYY-W05-3, seconds or milliseconds since
/// 1970; each of the dates with a day also followed by HH, H:MM, H:MM:SS, HHMM, HHMMSS, a fraction of the seconds down
/// to microseconds, AM or PM, and a zone (Z, +01:00) that must be the same in the whole file.
class DateFormat {
 public:
  /// The formats in which every sample can be read; two where day and month cannot be told apart.
  static std::vector<DateFormat> candidates(const std::vector<std::string>& samples);

  /// The instant; nothing if the text is not in this format or no date of the calendar.
  std::optional<Instant> parse(std::string_view text) const;

  std::string format(Instant instant) const;

  /// "YYYY-MM-DD hh:mm:ss"
  std::string describe() const;

 private:
  enum class Kind {
    year,
    month,
    month_name,
    day,
    hour,
    minute,
    second,
    fraction,
    half,
    quarter,
    week,
    weekday,
    epoch,
    epoch_ms,
    literal
  };
  struct Field {
    Kind kind;
    int width;  // digits: fixed if > 0, else 1 or 2 as needed
    char literal;
  };
  struct Fitting;

  std::vector<Field> fields_;
  bool capital_month_ = false;
};

}  // namespace longwave
