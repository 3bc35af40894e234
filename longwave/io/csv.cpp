#include "longwave/io/csv.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/io/csv_column.h"
#include "longwave/io/date_cells.h"
#include "longwave/io/number.h"
#include "longwave/io/text_source.h"
#include "longwave/io/utf8.h"

namespace longwave {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

class Parser {
 public:
  Parser(const std::string& text, const std::string& name, const CsvOptions& options)
      : options_(options), name_(name), at_(text.data()), end_(text.data() + text.size()) {
    table_.path = name;
  }

  CsvTable parse() {
    refuse_other_files();
    find_delimiter();
    read_first_line();
    choose_date_column();
    reserve();
    while (read_row()) {
    }
    check(table_.rows > 0, name_, ": only a header and no rows; expected at least one row of values");
    settle_columns();
    return std::move(table_);
  }

 private:
  [[noreturn]] void fail_at(std::int64_t line, std::size_t column, const std::string& what) const {
    fail(name_, ":", line, ":", column + 1, ": ", what);
  }

  void refuse_other_files() {
    const std::string_view all(at_, static_cast<std::size_t>(end_ - at_));
    if (all.starts_with("\xef\xbb\xbf")) at_ += 3;  // the mark of UTF-8
    check(!all.starts_with("\xff\xfe") && !all.starts_with("\xfe\xff"), name_,
          ": UTF-16 text; save it as UTF-8 and try again");
    check(all.find('\0') == std::string_view::npos, name_, ": a binary file; expected CSV text (plain, .gz or .xz)");
    skip_blank_lines();
    check(at_ < end_, name_, ": empty file; expected a header line and rows of values");
  }

  void skip_blank_lines() {
    while (at_ < end_ && (*at_ == '\n' || *at_ == '\r')) line_ += *at_++ == '\n';
  }

  void find_delimiter() {
    std::int64_t commas = 0, semicolons = 0, tabs = 0;
    bool quoted = false;
    for (const char* p = at_; p < end_ && (quoted || (*p != '\n' && *p != '\r')); ++p) {
      quoted ^= *p == '"';
      if (quoted) continue;
      commas += *p == ',';
      semicolons += *p == ';';
      tabs += *p == '\t';
    }
    if (semicolons > 0 && semicolons >= tabs && 2 * semicolons >= commas)
      delimiter_ = ';';
    else if (tabs > 0 && tabs >= commas)
      delimiter_ = '\t';
    else
      delimiter_ = ',';
    decimal_ = delimiter_ == ',' ? '.' : ',';
  }

  bool at_cell_end(const char* p) const { return *p == delimiter_ || *p == '\n' || *p == '\r' || p == end_; }

  /// The cell at at_, unquoted and trimmed; at_ then stands at the delimiter, the line's end or the file's.
  std::string read_cell(std::size_t column) {
    const char* p = at_;
    while (*p == ' ') ++p;
    if (*p == '"') return read_quoted(p, column);
    p = at_;
    while (!at_cell_end(p)) ++p;
    const auto cell = trim({at_, static_cast<std::size_t>(p - at_)});
    at_ = p;
    return std::string(cell);
  }

  std::string read_quoted(const char* p, std::size_t column) {
    const auto opened = line_;
    std::string cell;
    for (++p; !(*p == '"' && p[1] != '"'); ++p) {
      if (p == end_) fail_at(opened, column, "a quote is opened and never closed");
      if (*p == '"') ++p;
      line_ += *p == '\n';
      cell += *p;
    }
    ++p;
    while (*p == ' ') ++p;
    if (!at_cell_end(p)) fail_at(line_, column, "text after a closing quote; expected the next cell");
    at_ = p;
    return std::string(trim(cell));
  }

  /// Past the delimiter: true. Past the end of the line: false.
  bool next_cell() {
    if (at_ == end_) return false;
    if (*at_ == delimiter_) {
      ++at_;
      return true;
    }
    if (*at_ == '\r') ++at_;
    if (at_ < end_ && *at_ == '\n') ++at_;
    ++line_;
    return false;
  }

  void read_first_line() {
    const char* const start = at_;
    const auto start_line = line_;
    std::vector<std::string> cells;
    do cells.push_back(read_cell(cells.size()));
    while (next_cell());
    first_ = cells;
    using Header = CsvOptions::Header;
    const bool data = options_.header == Header::no ||
                      (options_.header == Header::detect && std::all_of(cells.begin(), cells.end(), [&](auto& cell) {
                         return is_missing(cell) || is_number(cell, decimal_) || is_dressed_number(cell) ||
                                looks_like_date(cell, decimal_);
                       }));
    names_.resize(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i)
      names_[i] = data || cells[i].empty() ? default_name(i) : as_utf8(cells[i]);
    if (data) {
      at_ = start;
      line_ = start_line;
    } else {
      header_ = true;
      refuse_double_names();
    }
    skip_blank_lines();
    table_.first_line = line_;
  }

  static std::string default_name(std::size_t column) { return "column" + std::to_string(column + 1); }

  void refuse_double_names() const {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (!seen.insert(names_[i]).second)
        fail_at(1, i, "a second column called " + shown_cell(names_[i]) + "; expected every name once");
  }

  void choose_date_column() {
    date_ = names_.size();
    if (!options_.date_column.empty()) {
      date_ = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), options_.date_column) - names_.begin());
      check(date_ < names_.size(), name_, ": no column called ", options_.date_column,
            suggestion(options_.date_column, names_));
    } else if (!options_.no_dates) {
      for (std::size_t i = 0; i < names_.size() && date_ == names_.size(); ++i)
        if (header_ && is_date_name(names_[i], i == 0)) date_ = i;
      if (date_ == names_.size()) date_ = first_date_like_column();
    }
    if (date_ < names_.size()) table_.date_name = names_[date_];
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (i != date_) table_.columns.push_back(names_[i]);
    columns_.resize(table_.columns.size());
  }

  std::size_t first_date_like_column() {
    const char* const start = at_;
    const auto start_line = line_;
    std::size_t column = 0, found = names_.size();
    if (at_ < end_) {
      do {
        const auto cell = read_cell(column);
        const bool date = looks_like_date(cell, decimal_) ||
                          (header_ && column < names_.size() && is_unix_time(names_[column], cell));
        if (date && found == names_.size()) found = column;
        ++column;
      } while (next_cell());
    }
    at_ = start;
    line_ = start_line;
    return found;
  }

  void reserve() {
    const auto lines = static_cast<std::size_t>(std::count(at_, end_, '\n')) + 1;
    table_.values.reserve(lines * columns_.size());
    if (date_ < names_.size()) table_.dates.reserve(lines);
  }

  bool read_row() {
    if (names_.size() > 1 || blank_to_the_end()) skip_blank_lines();
    if (at_ == end_) return false;
    note_line();
    const auto start = line_;
    std::size_t cell = 0, value = 0;
    for (;;) {
      if (cell == date_)
        table_.dates.push_back(read_cell(cell));
      else if (value < columns_.size())
        read_value(value++, cell);
      else
        read_cell(cell);
      ++cell;
      if (at_ < end_ && *at_ == delimiter_)
        ++at_;
      else
        break;
    }
    if (cell != names_.size())
      fail(name_, ":", start, ": ", cell, cell == 1 ? " cell" : " cells", "; expected ", names_.size(),
           header_ ? " as in the header" : " as in the first row");
    next_cell();
    ++table_.rows;
    return true;
  }

  bool blank_to_the_end() const {
    return std::all_of(at_, end_, [](char c) { return c == '\n' || c == '\r'; });
  }

  void note_line() {
    if (table_.lines.empty() && line_ == table_.first_line + table_.rows) return;
    if (table_.lines.empty())
      for (std::int64_t row = 0; row < table_.rows; ++row) table_.lines.push_back(table_.first_line + row);
    table_.lines.push_back(line_);
  }

  void read_value(std::size_t column, std::size_t cell) {
    while (*at_ == ' ') ++at_;
    const char* p = at_;
    double value;
    if (scan_number(p, decimal_, value)) {
      while (*p == ' ') ++p;
      if (at_cell_end(p)) {
        columns_[column].add_number(trim({at_, static_cast<std::size_t>(p - at_)}), line_);
        at_ = p;
        table_.values.push_back(value);
        return;
      }
    }
    read_other(column, cell);
  }

  /// A cell that is not a bare number.
  void read_other(std::size_t column, std::size_t cell) {
    auto& seen = columns_[column];
    const auto line = line_;
    const auto text = read_cell(cell);
    const char* p = text.c_str();
    double value = kNaN;
    if (scan_number(p, decimal_, value) && p == text.c_str() + text.size()) {
      seen.add_number(text, line);
    } else if (is_missing(text)) {
      value = kNaN;
      ++seen.missing;
      table_.missing.push_back({table_.rows, static_cast<std::int64_t>(column), line});
    } else {
      value = kNaN;
      seen.add_text(text, line);
      if (options_.text == CsvOptions::Text::refuse) fail(text_mistake(column));
    }
    table_.values.push_back(value);
  }

  std::size_t cell_of(std::size_t column) const { return column + (column >= date_); }

  std::string text_mistake(std::size_t column) const {
    const auto& cell = columns_[column].first_text;
    return name_ + ":" + std::to_string(cell.line) + ":" + std::to_string(cell_of(column) + 1) + ": " +
           shown_cell(cell.text) + " in column " + shown_cell(table_.columns[column]) +
           (is_dressed_number(cell.text)
                ? " is not a plain number; write it without currency, percent and thousands signs, like -1200.5"
                : " is not a number");
  }

  bool is_text(std::size_t column) const {
    const auto& seen = columns_[column];
    return seen.texts > seen.numbers || (seen.numbers == 0 && options_.text == CsvOptions::Text::skip) ||
           (seen.numbers == 0 && !header_name(column));
  }

  bool header_name(std::size_t column) const { return !header_ || !first_[cell_of(column)].empty(); }

  void settle_columns() {
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (columns_[i].texts > 0 || is_text(i))
        table_.text_columns.push_back(text_column(i));
      else
        kept.push_back(i);
    if (const auto mistake = mixed_signs(kept); !mistake.empty()) fail(mistake);
    if (kept.empty()) {
      for (const auto& column : table_.text_columns) check(column.mistake.empty(), column.mistake);
      std::vector<std::string> texts;
      for (std::size_t i = 0; i < columns_.size(); ++i)
        texts.push_back(table_.columns[i] +
                        (columns_[i].texts ? " (" + shown_cell(columns_[i].first_text.text) + ")" : ""));
      fail(name_, ": no column of numbers; found ", texts.empty() ? "only the dates" : "only text in " + join(texts));
    }
    if (kept.size() < columns_.size()) keep_only(kept);
    if (options_.missing == CsvOptions::Missing::refuse && !table_.missing.empty()) {
      const auto& cell = table_.missing.front();
      fail(name_, ":", cell.line, ": missing value in column ", shown_cell(table_.columns[cell.column]), " (",
           table_.missing.size(), " in the file); expected a number in every cell");
    }
  }

  TextColumn text_column(std::size_t column) const {
    const bool dressed = columns_[column].all_dressed();
    if (is_text(column) && !dressed) return {TextColumn::Kind::text, table_.columns[column], ""};
    const auto signs = dressed ? mixed_signs({column}) : "";
    return {is_text(column) ? TextColumn::Kind::dressed : TextColumn::Kind::stray, table_.columns[column],
            signs.empty() ? text_mistake(column) : signs};
  }

  /// The error if there are two decimal signs, else "": 1.234 beside 0,5 may be a thousand.
  std::string mixed_signs(const std::vector<std::size_t>& columns) const {
    CsvColumn::Cell point, comma;
    for (const auto column : columns) {
      if (point.line == 0) point = columns_[column].point;
      if (comma.line == 0) comma = columns_[column].comma;
    }
    if (point.line == 0 || comma.line == 0) return "";
    if (point.line < comma.line) std::swap(point, comma);
    return name_ + ":" + std::to_string(point.line) + ": the number " + shown_cell(point.text) +
           " has another decimal sign than " + shown_cell(comma.text) + " in line " + std::to_string(comma.line) +
           "; write all numbers of a file one way";
  }

  void keep_only(const std::vector<std::size_t>& kept) {
    const auto width = columns_.size();
    std::vector<std::string> names;
    std::vector<std::int64_t> moved(width, -1);
    for (const auto column : kept) {
      moved[column] = static_cast<std::int64_t>(names.size());
      names.push_back(table_.columns[column]);
    }
    std::size_t out = 0;
    for (std::int64_t row = 0; row < table_.rows; ++row)
      for (const auto column : kept)
        table_.values[out++] = table_.values[static_cast<std::size_t>(row) * width + column];
    table_.values.resize(out);
    table_.columns = std::move(names);
    std::erase_if(table_.missing, [&](const MissingCell& cell) { return moved[cell.column] < 0; });
    for (auto& cell : table_.missing) cell.column = moved[cell.column];
  }

  const CsvOptions& options_;
  const std::string& name_;
  const char* at_;
  const char* end_;
  std::int64_t line_ = 1;
  char delimiter_ = ',', decimal_ = '.';
  bool header_ = false;
  std::vector<std::string> first_, names_;
  std::size_t date_ = 0;
  std::vector<CsvColumn> columns_;
  CsvTable table_;
};

}  // namespace

CsvTable parse_csv(const std::string& text, const std::string& name, const CsvOptions& options) {
  return Parser(text, name, options).parse();
}

CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  return parse_csv(read_text(path), path.string(), options);
}

}  // namespace longwave
