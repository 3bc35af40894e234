#include "longwave/data/text_encoding.h"

#include <fmt/format.h>

#include <algorithm>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

/// Characters in the order of their ids.
std::vector<char32_t> by_frequency(const CharacterCounts& counts, std::int64_t least) {
  std::vector<char32_t> characters;
  for (const auto& [character, count] : counts)
    if (count >= least) characters.push_back(character);
  std::sort(characters.begin(), characters.end(), [&](char32_t a, char32_t b) {
    const auto of_a = counts.at(a), of_b = counts.at(b);
    return of_a != of_b ? of_a > of_b : a < b;
  });
  return characters;
}

/// The first byte of `text` that is no UTF-8, or its end.
std::size_t first_invalid(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = at;
    // What is no UTF-8 is read as the character that stands for it, of one byte and not of its own three.
    if (next_code_point(text, at) == kReplacement && at != begin + 3) return begin;
  }
  return text.size();
}

constexpr const char* kExpected =
    " is no UTF-8; expected a text in UTF-8 (iconv -f latin1 -t utf8 converts an older one)";

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(at++);
  if (first < 0x80) return first;
  const std::size_t more = first >= 0xF0 && first < 0xF5   ? 3
                           : first >= 0xE0 && first < 0xF0 ? 2
                           : first >= 0xC2 && first < 0xE0 ? 1
                                                           : 0;
  if (more == 0 || at + more > text.size()) return kReplacement;
  char32_t code = first & (0x3F >> more);
  for (std::size_t i = 0; i < more; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return kReplacement;
    code = code << 6 | (byte(at + i) & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // shorter forms exist below
  if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return kReplacement;
  at += more;
  return code;
}

void check_utf8(std::string_view text, const std::string& name, const std::string& instead) {
  const auto at = first_invalid(text);
  check(at == text.size(), name, ": byte ", at + 1, kExpected, ", or ", instead);
}

void check_utf8(std::string_view text, const std::string& name) {
  const auto at = first_invalid(text);
  if (at == text.size()) return;
  const auto before = text.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto column = at - (before.rfind('\n') + 1);  // npos + 1 = 0
  fail(name, ":", line, ":", column + 1, fmt::format(": byte 0x{:02x}", static_cast<unsigned char>(text[at])),
       kExpected);
}

std::string utf8(char32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

std::string printable(char32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return fmt::format("\\x{:02x}", static_cast<unsigned>(code));
  return utf8(code);
}

std::string_view first_characters(std::string_view text, std::int64_t count) {
  std::size_t at = 0;
  for (std::int64_t i = 0; i < count && at < text.size(); ++i) next_code_point(text, at);
  return text.substr(0, at);
}

void count_characters(std::string_view text, CharacterCounts& counts) {
  for (std::size_t at = 0; at < text.size();) ++counts[next_code_point(text, at)];
}

TextEncoding::TextEncoding(const std::string& protocol, std::int64_t limit, const CharacterCounts& counts,
                           std::int64_t least)
    : protocol_(protocol), limit_(limit), bytes_(protocol != "lra-s4") {
  if (bytes_) {
    names_ = {"<pad>"};
    for (char32_t byte = 0; byte < 256; ++byte)
      names_.push_back(byte < 0x80 ? printable(byte) : fmt::format("\\x{:02x}", static_cast<unsigned>(byte)));
    if (protocol == "lra-2020") return;
    names_.insert(names_.end(), {"<eos>", "<mask>"});
    end_ = 257, mask_ = 258;
  } else {
    names_ = {"<pad>", "<unk>", "<eos>"};
    end_ = 2;
    for (const auto character : by_frequency(counts, least)) {
      ids_[character] = static_cast<std::int32_t>(names_.size());
      names_.push_back(printable(character));
    }
  }
}

void TextEncoding::describe(SequenceFacts& facts) const {
  facts.vocabulary = static_cast<std::int64_t>(names_.size());
  facts.token_names = names_;
  facts.mask = mask_;
  facts.max_length = limit_;
  facts.protocol = protocol_;
}

std::string_view TextEncoding::visible(std::string_view text) const {
  const auto room = limit_ - (end_ >= 0);
  return bytes_ ? text.substr(0, static_cast<std::size_t>(room)) : first_characters(text, room);
}

std::int64_t TextEncoding::length(std::string_view text) const {
  const auto seen = visible(text);
  if (bytes_) return static_cast<std::int64_t>(seen.size()) + (end_ >= 0);
  std::int64_t count = 1;
  for (std::size_t at = 0; at < seen.size(); ++count) next_code_point(seen, at);
  return count;
}

void TextEncoding::encode(std::string_view text, std::vector<std::int32_t>& out) const {
  out.clear();
  const auto seen = visible(text);
  for (std::size_t at = 0; at < seen.size();) {
    if (bytes_) {
      out.push_back(static_cast<unsigned char>(seen[at++]) + 1);
    } else {
      const auto known = ids_.find(next_code_point(seen, at));
      out.push_back(known == ids_.end() ? 1 : known->second);
    }
  }
  if (end_ >= 0) out.push_back(end_);
}

}  // namespace longwave
