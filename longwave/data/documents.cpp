#include "longwave/data/documents.h"

#include <algorithm>
#include <utility>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/io/delimited.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

std::int32_t label_of(const std::string& cell, const std::string& where) {
  for (const char* word : {"0", "0.0", "neg", "negative"})
    if (cell == word) return 0;
  for (const char* word : {"1", "1.0", "pos", "positive"})
    if (cell == word) return 1;
  fail(where, ": label '", cell, "'; expected 0 or 1, or neg or pos");
}

/// Files by the number that their names begin with, then by name.
std::vector<fs::path> files_by_number(const fs::path& folder) {
  std::vector<std::pair<long, fs::path>> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".txt")
      files.emplace_back(std::strtol(entry.path().filename().c_str(), nullptr, 10), entry.path());
  std::sort(files.begin(), files.end());
  std::vector<fs::path> paths;
  for (auto& [number, path] : files) paths.push_back(std::move(path));
  return paths;
}

bool is_csv(fs::path name) {
  if (name.extension() == ".gz" || name.extension() == ".xz") name.replace_extension();
  return name.extension() == ".csv";
}

}  // namespace

Documents parse_documents(std::string_view text, const std::string& name) {
  Documents documents;
  std::int64_t text_column = -1, label_column = -1;
  std::size_t width = 0;
  const Delimiters delimiters = is_csv(name) ? Delimiters{',', true} : Delimiters{'\t', false};
  for_each_record(text, name, delimiters, [&](const std::vector<std::string>& cells, std::int64_t line) {
    const auto where = name + ":" + std::to_string(line);
    if (width == 0) {
      width = cells.size();
      text_column = find_column(cells, {"text", "Source", "review", "sentence"});
      label_column = find_column(cells, {"label", "Target", "sentiment"});
      check(text_column >= 0 && label_column >= 0, where, ": the header has the columns ", join(cells),
            "; expected a column text (or Source) and a column label (or Target)");
      return;
    }
    check(cells.size() == width, where, ": ", cells.size(), " cells; expected ", width, " as in the header");
    check(!cells[text_column].empty(), where, ": no text");
    documents.add(cells[text_column], label_of(cells[label_column], where));
  });
  check(!documents.texts.empty(), name, ": no texts in it; expected a header and a line for every text");
  return documents;
}

Documents read_document_folders(const fs::path& negative, const fs::path& positive, Sha256& hash) {
  Documents documents;
  for (const auto& [folder, label] : {std::pair{negative, 0}, std::pair{positive, 1}}) {
    const auto before = documents.texts.size();
    for (const auto& path : files_by_number(folder)) {
      auto text = read_bytes(path);
      check(!text.empty(), path.string(), ": no text");
      hash.update(text);
      documents.add(std::move(text), label);
    }
    check(documents.texts.size() > before, folder.string(), ": no .txt files in it");
  }
  return documents;
}

}  // namespace longwave
