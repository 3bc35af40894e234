#pragma once

#include <cstdint>
#include <filesystem>
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
};

/// A table with a header that names a column of texts (text, Source, review or sentence) and one of labels (label,
/// Target or sentiment: 0, 1, neg, pos, negative, positive). Names ending in .csv (before .gz or .xz): commas and
/// quoted cells; else tabs without quoting. UserError with `name` and line.
Documents parse_documents(std::string_view text, const std::string& name);

/// The files neg/*.txt and pos/*.txt of a folder by number ("12_3.txt"), one text each; their bytes are added to
/// `hash`.
Documents read_document_folders(const std::filesystem::path& negative, const std::filesystem::path& positive,
                                Sha256& hash);

}  // namespace longwave
