#include "longwave/io/csv_column.h"

#include <algorithm>
#include <array>

namespace longwave {
namespace {

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/// In UTF-8: currencies, per mille, a minus, and spaces and an apostrophe between thousands.
std::string in_ascii(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 13> kSigns = {{{"\xe2\x82\xac", '$'},
                                                                         {"\xc2\xa3", '$'},
                                                                         {"\xc2\xa5", '$'},
                                                                         {"\xe2\x82\xb9", '$'},
                                                                         {"\xe2\x82\xbd", '$'},
                                                                         {"\xe2\x82\xa9", '$'},
                                                                         {"\xe2\x80\xb0", '%'},
                                                                         {"\xe2\x88\x92", '-'},
                                                                         {"\xe2\x80\x93", '-'},
                                                                         {"\xc2\xa0", ' '},
                                                                         {"\xe2\x80\xaf", ' '},
                                                                         {"\xe2\x80\x89", ' '},
                                                                         {"\xe2\x80\x99", '\''}}};
  std::string out;
  while (!text.empty()) {
    const auto sign = std::find_if(kSigns.begin(), kSigns.end(), [&](auto& s) { return text.starts_with(s.first); });
    out += sign == kSigns.end() ? text[0] : sign->second;
    text.remove_prefix(sign == kSigns.end() ? 1 : sign->first.size());
  }
  return out;
}

}  // namespace

bool is_dressed_number(std::string_view cell) {
  const auto text = in_ascii(cell);
  const auto first = text.find_first_of("0123456789"), last = text.find_last_of("0123456789");
  if (first == std::string::npos) return false;
  if (text.find_first_not_of("$+-( .,", 0) < first || text.find_first_not_of("$%+-) ", last + 1) != std::string::npos)
    return false;
  std::size_t group = 0, groups = 1;
  for (auto i = first; i <= last; ++i) {
    if (is_digit(text[i])) {
      ++group;
      continue;
    }
    const bool thousands = groups == 1 ? group <= 3 : group == 3;
    const bool decimal = (text[i] == '.' || text[i] == ',') && text.find_first_of("., '", i + 1) > last;
    if (std::string_view("., '").find(text[i]) == std::string_view::npos || !(thousands || (decimal && groups == 1)))
      return false;
    group = 0;
    ++groups;
  }
  const auto separator = text.find_last_of("., '", last);
  return group == 3 || groups == 1 || text[separator] == '.' || text[separator] == ',';
}

void CsvColumn::add_number(std::string_view text, std::int64_t line) {
  ++numbers;
  if (point.line > 0 && comma.line > 0) return;
  const auto sign = text.find_first_of(".,");
  if (sign == std::string_view::npos) return;
  if (auto& first = text[sign] == '.' ? point : comma; first.line == 0) first = {line, std::string(text)};
}

void CsvColumn::add_text(const std::string& text, std::int64_t line) {
  if (texts++ == 0) first_text = {line, text};
  if (!is_dressed_number(text)) return;
  ++dressed;
  const auto point_at = text.rfind('.'), comma_at = text.rfind(',');
  if (point_at == std::string::npos || comma_at == std::string::npos) return;
  if (auto& first = point_at > comma_at ? point : comma; first.line == 0) first = {line, text};  // 1.234,5
}

std::string shown_cell(std::string text) {
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return "'" + text + "'";
}

}  // namespace longwave
