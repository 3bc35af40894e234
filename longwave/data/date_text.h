#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

namespace longwave::date_text {

inline constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                             "jul", "aug", "sep", "oct", "nov", "dec"};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

inline std::string lower(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(), [](unsigned char c) { return std::tolower(c); });
  return copy;
}

/// 1..12 of an English name or its first three letters, or 0.
inline int month_of(std::string_view text) {
  if (text.size() < 3) return 0;
  const auto name = lower(text.substr(0, 3));
  return static_cast<int>(std::find(kMonths.begin(), kMonths.end(), name) - kMonths.begin() + 1) % 13;
}

}  // namespace longwave::date_text
