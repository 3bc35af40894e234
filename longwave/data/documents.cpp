#include "longwave/data/documents.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/io/columnar.h"
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

/// By the name, or where the header has commas and no tab: files of the arena's own reader are called .tsv, too.
bool has_commas(std::string_view text, fs::path name) {
  if (name.extension() == ".gz" || name.extension() == ".xz") name.replace_extension();
  const auto header = text.substr(0, text.find('\n'));
  const auto has = [&](char byte) { return header.find(byte) != std::string_view::npos; };
  return name.extension() == ".csv" || (has(',') && !has('\t'));
}

/// Numbers of the columns that are read.
struct TableColumns {
  TableColumns(const std::vector<std::string>& header, const std::string& where)
      : text(find_column(header, {"text", "Source", "review", "sentence"})),
        label(find_column(header, {"label", "Target", "sentiment"})) {
    check(text >= 0 && label >= 0, where, ": the header has the columns ", join(header),
          "; expected a column text (or Source) and a column label (or Target)");
  }
  std::int64_t text, label;
};

Documents parse_columnar_documents(std::string_view bytes, const std::string& name) {
  const auto table = parse_columnar(bytes, name);
  const TableColumns columns(table->columns(), name);
  auto texts = table->cells(columns.text);
  const auto labels = table->cells(columns.label);
  check(texts.size() == labels.size() && !texts.empty(), name, ": ", texts.size(), " texts and ", labels.size(),
        " labels; expected as many of both");
  Documents documents;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto where = name + ": row " + std::to_string(i + 1);
    check(!texts[i].empty(), where, ": no text");
    documents.add(std::move(texts[i]), label_of(labels[i], where));
  }
  return documents;
}

}  // namespace

Documents parse_documents(std::string_view text, const std::string& name) {
  if (is_columnar(text, name)) return parse_columnar_documents(text, name);
  Documents documents;
  std::optional<TableColumns> columns;
  std::size_t width = 0;
  const Delimiters delimiters = has_commas(text, name) ? Delimiters{',', true} : Delimiters{'\t', false};
  for_each_record(text, name, delimiters, [&](const std::vector<std::string>& cells, std::int64_t line) {
    const auto where = name + ":" + std::to_string(line);
    if (!columns) {
      width = cells.size();
      columns.emplace(cells, where);
      return;
    }
    check(cells.size() == width, where, ": ", cells.size(), " cells; expected ", width, " as in the header");
    check(!cells[columns->text].empty(), where, ": no text");
    documents.add(cells[columns->text], label_of(cells[columns->label], where));
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
