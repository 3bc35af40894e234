#include "longwave/data/dna_intervals.h"

#include <charconv>

#include "longwave/base/check.h"
#include "longwave/data/text_lines.h"

namespace longwave {
namespace {

std::int64_t whole_number(const std::string& text, const std::string& where) {
  std::int64_t number = -1;
  const auto* end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  check(error == std::errc() && behind == end && number >= 0, where, ": '", text,
        "'; expected a position, a whole number >= 0");
  return number;
}

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',')
      cells.emplace_back();
    else if (c != '"')
      cells.back() += c;
  }
  return cells;
}

}  // namespace

std::string chromosome_name(std::string_view title) {
  title = title.substr(0, title.find_first_of(" \t"));
  if (title.starts_with("chr")) title.remove_prefix(3);
  return title == "M" ? "MT" : std::string(title);
}

std::vector<DnaInterval> parse_intervals(std::string_view text, const std::string& name) {
  std::vector<DnaInterval> intervals;
  for_each_line(text, [&](std::string_view line, std::int64_t number) {
    const auto cells = cells_of(line);
    const auto where = name + ":" + std::to_string(number);
    if (number == 1) {
      check(cells == std::vector<std::string>{"id", "region", "start", "end", "strand"}, where,
            ": expected the header id,region,start,end,strand");
      return;
    }
    if (line.empty()) return;
    check(cells.size() == 5 && (cells[4] == "+" || cells[4] == "-"), where,
          ": expected five cells, the last one + or -");
    const DnaInterval interval{chromosome_name(cells[1]), whole_number(cells[2], where), whole_number(cells[3], where),
                               cells[4] == "-", number};
    check(interval.start < interval.end, where, ": start ", interval.start, " is not before end ", interval.end);
    intervals.push_back(interval);
  });
  return intervals;
}

}  // namespace longwave
