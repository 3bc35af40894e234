#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace longwave {

/// What is known of a column of a CSV file that should be numeric.
struct CsvColumn {
  /// The first cell of a kind; line 0: there is none.
  struct Cell {
    std::int64_t line = 0;
    std::string text;
  };

  std::int64_t numbers = 0, texts = 0, missing = 0;
  std::int64_t dressed = 0;  // texts that are numbers with currency, percent or thousands signs
  Cell first_text;
  Cell point, comma;  // the first with that decimal sign

  void add_number(std::string_view text, std::int64_t line);
  void add_text(const std::string& text, std::int64_t line);

  /// Whether all that keeps the column from being numeric is how its numbers are written.
  bool all_dressed() const { return texts > 0 && dressed == texts; }
};

/// In quotes, at most 40 characters and on one line.
std::string shown_cell(std::string text);

/// Digits with signs around them or between groups of three that scan_number does not read: $1,200, 12 %, (300),
/// 1.234,5, 1 000.
bool is_dressed_number(std::string_view text);

}  // namespace longwave
