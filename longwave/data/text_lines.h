#pragma once

#include <cstdint>
#include <string_view>

namespace longwave {

/// Calls visit(line, number) for every line of `text` (1 = first), without its LF or CRLF. Text behind the last newline
/// is a line too, nothing is none.
template <class Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  std::int64_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line, ++number);
  }
}

}  // namespace longwave
