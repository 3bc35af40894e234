#include "longwave/data/document_pairs.h"

#include <array>

#include "longwave/base/check.h"
#include "longwave/data/text_lines.h"

namespace longwave {
namespace {

std::int32_t label_of(std::string_view cell, const std::string& where) {
  if (cell == "0.0" || cell == "0") return 0;
  if (cell == "1.0" || cell == "1") return 1;
  fail(where, ": label '", cell.substr(0, 40), "'; expected 0.0 or 1.0 in the first column (and no header)");
}

}  // namespace

std::int64_t TextPool::number_of(std::string_view text) {
  const auto [entry, is_new] = numbers_.try_emplace(std::string(text), size());
  if (is_new) texts_.push_back(&entry->first);
  return entry->second;
}

std::vector<DocumentPair> parse_document_pairs(std::string_view text, const std::string& name, std::size_t most_bytes,
                                               TextPool& pool) {
  std::vector<DocumentPair> pairs;
  for_each_line(text, [&](std::string_view line, std::int64_t number) {
    const auto where = name + ":" + std::to_string(number);
    std::array<std::string_view, 5> cells;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto tab = line.find('\t');
      check(tab != std::string_view::npos, where, ": ", i + 1,
            " columns; expected five, parted by tabs: label, id, id, text, text");
      cells[i] = line.substr(0, tab);
      line.remove_prefix(tab + 1);
    }
    cells[4] = line;
    const auto label = label_of(cells[0], where);
    check(!cells[3].empty() && !cells[4].empty(), where, ": the ", cells[3].empty() ? "first" : "second",
          " text is empty");
    pairs.push_back(
        {pool.number_of(cells[3].substr(0, most_bytes)), pool.number_of(cells[4].substr(0, most_bytes)), label});
  });
  check(!pairs.empty(), name, ": no pairs in it");
  return pairs;
}

}  // namespace longwave
