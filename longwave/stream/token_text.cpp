#include "longwave/stream/token_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "longwave/base/check.h"
#include "longwave/io/utf8.h"

namespace longwave {
namespace {

/// What an escaped name stands for; nothing if it is no escape.
std::optional<std::string> unescaped(const std::string& name) {
  if (name == "\\n") return "\n";
  if (name == "\\t") return "\t";
  if (name.size() != 4 || !name.starts_with("\\x")) return {};
  return std::string(1, static_cast<char>(std::stoi(name.substr(2), nullptr, 16)));
}

/// Text as a message of one line shows it, control characters escaped in the same way.
std::string escaped(std::string_view text) {
  std::string shown;
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == '\n')
      shown += "\\n";
    else if (byte == '\t')
      shown += "\\t";
    else if (code < 0x20 || code == 0x7F)
      shown += fmt::format("\\x{:02x}", code);
    else
      shown += byte;
  }
  return shown;
}

bool is_special(const std::string& name) { return name.size() > 2 && name.front() == '<' && name.back() == '>'; }

void check_text(std::string_view prompt) {
  const std::string text(prompt);
  check(as_utf8(text) == text, "prompt: it is no UTF-8, which the model reads; expected a text in UTF-8 (iconv -f ",
        "latin1 -t utf8 converts an older one)");
}

/// Bytes of the UTF-8 character at the front.
std::size_t character_size(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text.front());
  const std::size_t size = byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
  return std::min(size, text.size());
}

}  // namespace

TokenText::TokenText(const std::vector<std::string>& names) {
  check(!names.empty(), "this run does not know the names of its tokens: its data set has none");
  for (const auto& name : names)
    words_ = words_ || (!is_special(name) && !unescaped(name) && character_size(name) < name.size());
  for (const auto& name : names) {
    pieces_.push_back(words_ ? name : unescaped(name).value_or(name));
    numbers_.emplace(pieces_.back(), static_cast<std::int32_t>(numbers_.size()));
  }
  const auto end = numbers_.find(words_ ? "<eos>" : "\n");
  if (end != numbers_.end()) start_ = end->second;
}

std::int32_t TokenText::word(std::string_view text) const {
  auto known = numbers_.find(std::string(text));
  if (known == numbers_.end()) known = numbers_.find("<unk>");
  check(known != numbers_.end(), "prompt: the model does not know the word '", escaped(text), "', and has no <unk>");
  return known->second;
}

std::vector<std::int32_t> TokenText::encode_words(std::string_view text) const {
  std::vector<std::int32_t> tokens;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\n') tokens.push_back(word("<eos>"));
    const auto end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    if (end > at) tokens.push_back(word(text.substr(at, end - at)));
    at = end > at ? end : at + 1;
  }
  return tokens;
}

std::vector<std::int32_t> TokenText::encode(std::string_view text) const {
  if (words_) {
    check_text(text);
    return encode_words(text);
  }
  std::vector<std::int32_t> tokens;
  const auto whole = text;
  while (!text.empty()) {
    auto size = character_size(text);
    auto known = numbers_.find(std::string(text.substr(0, size)));
    if (known == numbers_.end()) known = numbers_.find(std::string(text.substr(0, 1))), size = 1;  // tokens are bytes
    if (known == numbers_.end()) check_text(whole);
    check(known != numbers_.end(), "prompt: the model does not know the character '",
          escaped(text.substr(0, character_size(text))), "'");
    tokens.push_back(known->second);
    text.remove_prefix(size);
  }
  return tokens;
}

std::string TokenText::piece(std::int32_t token, bool first) const {
  const auto& text = pieces_.at(static_cast<std::size_t>(token));
  if (!words_) return text;
  if (text == "<eos>") return "\n";
  return first ? text : " " + text;
}

std::string TokenText::decode(const std::vector<std::int32_t>& tokens) const {
  std::string text;
  for (const auto token : tokens) text += piece(token, text.empty() || text.back() == '\n');
  return text;
}

}  // namespace longwave
