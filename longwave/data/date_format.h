#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace longwave {

/// Seconds since 1970-01-01 00:00:00 of the calendar as written; time zones are kept as text and not applied.
using Seconds = std::int64_t;

/// How the dates of one file are written, so that more of them can be written the same way.
/// Known: YYYY-MM-DD, YYYY/M/D, YYYY.MM.DD, DD.MM.YYYY, D/M/YYYY, M/D/YYYY, DD-Mon-YYYY, YYYY, YYYY-MM, YYYYMM,
/// YYYYMMDD, Mon YYYY, YYYYQ3, YYYY-Q3, seconds or milliseconds since 1970; each of the dates with a day also followed
/// by H:MM, H:MM:SS or H:MM:SS.fff, AM or PM, and a zone (Z, +01:00) that must be the same in the whole file.
class DateFormat {
 public:
  /// The formats in which every sample can be read; two where day and month cannot be told apart.
  static std::vector<DateFormat> candidates(const std::vector<std::string>& samples);

  /// The instant; nothing if the text is not in this format or no date of the calendar.
  std::optional<Seconds> parse(std::string_view text) const;

  std::string format(Seconds instant) const;

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
