#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "longwave/data/sequence_data.h"

namespace longwave {

/// Reads the code point at `at` of UTF-8 and moves `at` behind it; U+FFFD for a byte that is no UTF-8.
char32_t next_code_point(std::string_view text, std::size_t& at);

/// UserError with `name` and the place of the first byte that is no UTF-8; `instead` is how to read it nevertheless.
void check_utf8(std::string_view text, const std::string& name, const std::string& instead);

/// The same of text that can be read in no other way, its place told as line and column.
void check_utf8(std::string_view text, const std::string& name);

/// One code point as UTF-8.
std::string utf8(char32_t code_point);

/// A byte or character as tables print it: "\n" and other unprintable ones escaped.
std::string printable(char32_t code_point);

/// The beginning of UTF-8 text, at most `count` characters.
std::string_view first_characters(std::string_view text, std::int64_t count);

/// How many times every character occurs.
using CharacterCounts = std::unordered_map<char32_t, std::int64_t>;
void count_characters(std::string_view text, CharacterCounts& counts);

/// Text as token ids, by protocol:
/// lra-strict: 0 padding, byte + 1, 257 end, 258 mask; lra-2020: 0 padding, byte + 1, no end;
/// lra-s4: 0 padding, 1 unknown, 2 end, then characters by descending frequency (equal ones by code point).
/// Longer text is cut at its end, so that the end token is there always.
class TextEncoding {
 public:
  /// `limit`: most tokens of a text, the end token included. `counts` (lra-s4): of the training texts; characters
  /// with fewer than `least` are unknown.
  TextEncoding(const std::string& protocol, std::int64_t limit, const CharacterCounts& counts, std::int64_t least);

  /// Writes vocabulary, token_names, padding, mask, max_length and protocol.
  void describe(SequenceFacts& facts) const;

  std::int64_t length(std::string_view text) const;
  void encode(std::string_view text, std::vector<std::int32_t>& out) const;

  /// The beginning of `text` that is encoded.
  std::string_view visible(std::string_view text) const;

 private:
  std::string protocol_;
  std::int64_t limit_;
  bool bytes_;
  std::int32_t end_ = -1, mask_ = -1;
  std::vector<std::string> names_;
  std::unordered_map<char32_t, std::int32_t> ids_;
};

}  // namespace longwave
