#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "longwave/data/text_encoding.h"

namespace longwave {

/// Two texts, by number in a TextPool, and whether they belong together.
struct DocumentPair {
  std::int64_t first, second;
  std::int32_t label;
};

/// Texts, each kept once, since a paper occurs in many pairs.
class TextPool {
 public:
  std::int64_t number_of(std::string_view text);
  const std::string& at(std::int64_t number) const { return *texts_[static_cast<std::size_t>(number)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(texts_.size()); }

 private:
  std::unordered_map<std::string, std::int64_t> numbers_;
  std::vector<const std::string*> texts_;  // keys of numbers_, which do not move
};

/// The pairs of a table without header: label (0.0 or 1.0), two ids, two texts, parted by the first four tabs; quotes
/// are text. Texts are cut to `most_bytes`. UserError with `name` and line.
std::vector<DocumentPair> parse_document_pairs(std::string_view text, const std::string& name, std::size_t most_bytes,
                                               TextPool& pool);

}  // namespace longwave
