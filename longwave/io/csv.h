#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

struct CsvOptions {
  /// detect: the first line is a header unless all its cells are numbers, dates or missing.
  enum class Header { detect, yes, no } header = Header::detect;
  /// refuse: a missing cell (empty, NA, N/A, NaN, null, none, ?, -) is an error; keep: NaN, listed in `missing`.
  enum class Missing { refuse, keep } missing = Missing::refuse;
  /// refuse: every column but the dates must be numeric; skip: columns with text are left out.
  enum class Text { refuse, skip } text = Text::refuse;
  /// The column of dates. Empty: one called date, time, timestamp, ... or else the first whose first cell looks like
  /// one.
  std::string date_column;
  bool no_dates = false;  // every column is a series
};

/// A missing cell: row and column of the values, and the line of the file (1 = first).
struct MissingCell {
  std::int64_t row, column, line;
};

/// A column left out of a table.
struct TextColumn {
  enum class Kind {
    text,     // mostly words
    dressed,  // mostly numbers with currency, percent or thousands signs; or identifiers that look like them
    stray,    // mostly numbers: those that are none are likely mistakes
  } kind = Kind::text;
  std::string name;
  std::string mistake;  // the error to be shown to one who wants the column; "" of words
};

/// A table of numbers with at most one column of dates.
struct CsvTable {
  std::string path;
  std::vector<std::string> columns;  // names of the numeric columns, in file order
  std::vector<double> values;        // [rows, columns] row-major; NaN where missing
  std::int64_t rows = 0;
  std::string date_name;                 // "" if there is no column of dates
  std::vector<std::string> dates;        // [rows], as written; empty if there is none
  std::vector<MissingCell> missing;      // in file order
  std::vector<TextColumn> text_columns;  // left out because of cells that are no numbers
  std::vector<std::int64_t> lines;       // the line of every row, only where it is not row + first_line
  std::int64_t first_line = 2;           // the line of row 0

  std::int64_t width() const { return static_cast<std::int64_t>(columns.size()); }
  std::int64_t line_of(std::int64_t row) const { return lines.empty() ? first_line + row : lines[row]; }
};

/// Reads a CSV file, plain, .gz or .xz: LF or CRLF, cells parted by comma, semicolon or tab (detected), quoted or not,
/// with or without a last newline. Where cells are not parted by commas, 1,5 is read as 1.5.
/// UserError with file:line:column for a cell that is no number, a row of another width, a missing value, a decimal
/// sign that changes; and for a file that is empty, has only a header, is binary, or cannot be read.
CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options = {});

/// The same from text in memory; `name` stands for the path in messages.
CsvTable parse_csv(const std::string& text, const std::string& name, const CsvOptions& options = {});

}  // namespace longwave
