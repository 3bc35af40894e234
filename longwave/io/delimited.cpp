#include "longwave/io/delimited.h"

#include <strings.h>

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// Reads one record after the other.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name, const Delimiters& delimiters)
      : text_(text), name_(name), delimiters_(delimiters) {}

  /// False at the end of the text. `line` is the line on which the record begins.
  bool next(std::vector<std::string>& cells, std::int64_t& line) {
    if (at_ == text_.size()) return false;
    line = line_;
    std::size_t used = 0;
    for (bool more = true; more;) {
      if (used == cells.size()) cells.emplace_back();
      cells[used].clear();
      more = delimiters_.quotes && at_ < text_.size() && text_[at_] == '"' ? quoted(cells[used]) : plain(cells[used]);
      ++used;
    }
    cells.resize(used);
    return true;
  }

 private:
  /// Takes what ends a cell; true if another cell of the record follows.
  bool end_cell() {
    if (at_ == text_.size()) return false;
    if (text_[at_++] == delimiters_.separator) return true;
    ++line_;
    return false;
  }

  bool plain(std::string& cell) {
    const char ends[] = {delimiters_.separator, '\n'};
    const auto end = std::min(text_.find_first_of(std::string_view(ends, 2), at_), text_.size());
    cell = text_.substr(at_, end - at_);
    const bool last = end == text_.size() || text_[end] == '\n';
    if (last && cell.ends_with('\r')) cell.pop_back();
    at_ = end;
    return end_cell();
  }

  bool quoted(std::string& cell) {
    const auto begin = line_;
    for (++at_;;) {
      const auto quote = text_.find('"', at_);
      check(quote != std::string_view::npos, name_, ":", begin, ": a cell begins with a quote that is never closed");
      cell += text_.substr(at_, quote - at_);
      at_ = quote + 1;
      if (at_ == text_.size() || text_[at_] != '"') break;
      cell += '"';
      ++at_;
    }
    line_ += std::count(cell.begin(), cell.end(), '\n');
    if (text_.substr(at_, 2) == "\r\n") ++at_;
    check(at_ == text_.size() || text_[at_] == '\n' || text_[at_] == delimiters_.separator, name_, ":", line_,
          ": text behind the closing quote of a cell; expected a separator (quotes inside a cell are doubled)");
    return end_cell();
  }

  std::string_view text_;
  const std::string& name_;
  Delimiters delimiters_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace

void for_each_record(std::string_view text, const std::string& name, const Delimiters& delimiters,
                     const std::function<void(const std::vector<std::string>&, std::int64_t)>& visit) {
  Reader reader(text, name, delimiters);
  std::vector<std::string> cells;
  for (std::int64_t line = 0; reader.next(cells, line);)
    if (cells.size() > 1 || !cells[0].empty()) visit(cells, line);
}

std::int64_t find_column(const std::vector<std::string>& header, const std::vector<std::string>& names) {
  for (const auto& name : names)
    for (std::size_t i = 0; i < header.size(); ++i)
      if (strcasecmp(header[i].c_str(), name.c_str()) == 0) return static_cast<std::int64_t>(i);
  return -1;
}

}  // namespace longwave
