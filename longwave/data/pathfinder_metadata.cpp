#include "longwave/data/pathfinder_metadata.h"

#include <sstream>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/data/text_lines.h"
#include "longwave/io/npy.h"

namespace longwave {
namespace {

constexpr std::size_t kFolder = 0, kFile = 1, kLabel = 3, kStrokes = 5;  // columns

using Rows = std::vector<std::vector<std::string>>;

/// Records of words.
Rows read_rows(const std::string& bytes, const std::string& name) {
  Rows rows;
  if (bytes.starts_with("\x93NUMPY")) {
    const auto array = parse_npy_text(bytes, name);
    check(array.shape.size() == 2, name, ": an array of ", array.shape.size(), " dimensions; expected [images, words]");
    for (auto word = array.values.begin(); word != array.values.end(); word += array.shape[1])
      rows.emplace_back(word, word + array.shape[1]);
    return rows;
  }
  for_each_line(bytes, [&](std::string_view line, std::int64_t) {
    std::istringstream words{std::string(line)};
    rows.emplace_back();
    for (std::string word; words >> word;) rows.back().push_back(word);
  });
  return rows;
}

}  // namespace

std::vector<PathfinderRecord> parse_pathfinder_metadata(const std::string& bytes, const std::string& name) {
  std::vector<PathfinderRecord> records;
  std::int64_t line = 0;
  for (const auto& row : read_rows(bytes, name)) {
    ++line;
    if (row.empty()) continue;
    check(row.size() > kLabel, name, ":", line, ": ", row.size(), " words; expected folder, file, number, label, ...");
    check(row[kLabel] == "0" || row[kLabel] == "1", name, ":", line, ": label '", row[kLabel], "'; expected 0 or 1");
    records.push_back({row[kFolder], row[kFile], row[kLabel] == "1", row.size() > kStrokes ? row[kStrokes] : "", line});
  }
  return records;
}

}  // namespace longwave
