#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace longwave {

/// How the cells of a text table are told apart.
struct Delimiters {
  char separator = '\t';
  /// A cell in double quotes may hold separators, newlines and, doubled, quotes (RFC 4180); else quotes are text.
  bool quotes = false;
};

/// Calls visit(cells, line) for every record of `text`, line 1 the first; the cells are used again for the next one.
/// Empty lines are left out, LF and CRLF end a record. UserError with `name` and line for a quote that is not closed or
/// is followed by text.
void for_each_record(std::string_view text, const std::string& name, const Delimiters& delimiters,
                     const std::function<void(const std::vector<std::string>& cells, std::int64_t line)>& visit);

/// Where the text of the column is that has one of these names, letter case aside; -1 if none has.
std::int64_t find_column(const std::vector<std::string>& header, const std::vector<std::string>& names);

}  // namespace longwave
