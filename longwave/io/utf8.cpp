#include "longwave/io/utf8.h"

#include <cstddef>

namespace longwave {
namespace {

/// Bytes that follow a first byte of UTF-8; -1 if it is none. Overlong forms and surrogates pass: nobody writes them.
int followers(unsigned char first) {
  return first < 0x80 ? 0 : first < 0xC2 ? -1 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : -1;
}

bool is_utf8(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto more = followers(static_cast<unsigned char>(text[i]));
    if (more < 0) return false;
    for (; more > 0; --more)
      if (++i == text.size() || (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return false;
  }
  return true;
}

}  // namespace

std::string as_utf8(const std::string& text) {
  if (is_utf8(text)) return text;
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      out += c;
    else
      out += {static_cast<char>(0xC0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3F))};
  }
  return out;
}

}  // namespace longwave
