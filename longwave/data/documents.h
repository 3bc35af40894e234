#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "longwave/io/checksum.h"

namespace longwave {

/// Labelled texts: 0 negative, 1 positive.
struct Documents {
  std::vector<std::string> texts;
  std::vector<std::int32_t> labels;

  void add(std::string text, std::int32_t label) {
    texts.push_back(std::move(text));
    labels.push_back(label);
  }
  void add(Documents more) {
    std::move(more.texts.begin(), more.texts.end(), std::back_inserter(texts));
    labels.insert(labels.end(), more.labels.begin(), more.labels.end());
  }
};

/// A table with a header that names a column of texts (text, Source, review or sentence) and one of labels (label,
/// Target or sentiment: 0, 1, neg, pos, negative, positive). Parquet and Arrow files by their content; names ending in
/// .csv (before .gz or .xz), or a header with commas and without a tab: commas and quoted cells; else tabs without
/// quoting. UserError with `name` and line or row.
Documents parse_documents(std::string_view text, const std::string& name);

/// The files neg/*.txt and pos/*.txt of a folder by number ("12_3.txt"), one text each; their bytes are added to
/// `hash`.
Documents read_document_folders(const std::filesystem::path& negative, const std::filesystem::path& positive,
                                Sha256& hash);

}  // namespace longwave
