#include "longwave/io/date_cells.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

#include "longwave/io/csv_column.h"
#include "longwave/io/number.h"

namespace longwave {

bool looks_like_date(std::string_view text, char decimal) {
  if (text.size() < 5 || is_number(text, decimal)) return false;
  if (text.find(' ') != std::string_view::npos && is_dressed_number(text)) return false;  // 123 456 789
  const auto digits = std::count_if(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
  const auto letters = std::count_if(text.begin(), text.end(), [](unsigned char c) { return std::isalpha(c); });
  const bool separated = text.find_first_of("-/:. TQ") != std::string_view::npos;
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || std::strchr("-/:.+, ", c) != nullptr;
  });
  return plain && separated && digits >= 4 && letters <= 12;
}

bool is_unix_time(std::string name, std::string_view text) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  static const std::set<std::string> names = {"ts", "epoch", "unixtime", "unix_time"};
  const bool digits = std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
  return names.contains(name) && digits && text.starts_with('1') && (text.size() == 10 || text.size() == 13);
}

bool is_date_name(std::string name, bool first) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  static const std::set<std::string> sure = {"date", "datetime", "timestamp", "date_time", "date time", "ds", "time"};
  static const std::set<std::string> likely = {"day", "week", "month", "quarter", "year"};
  return sure.contains(name) || (first && likely.contains(name));
}

}  // namespace longwave
