#pragma once

#include <cctype>
#include <string>
#include <vector>

namespace longwave {

/// "" if `text` is well-formed XML as far as our pages use it (elements, quoted attributes, escaped text); else what is
/// wrong. A leading <!DOCTYPE html> and an HTML <style> with its raw content are let through.
inline std::string xml_fault(const std::string& text) {
  std::vector<std::string> open;
  std::size_t i = text.rfind("<!DOCTYPE html>", 0) == 0 ? 15 : 0;
  while (i < text.size()) {
    if (text[i] == '&') {
      const auto end = text.find(';', i);
      if (end == std::string::npos || end - i > 6) return "bare & at " + text.substr(i, 20);
    }
    if (text[i] == '>') return "bare > after " + text.substr(i < 20 ? 0 : i - 20, 20);
    if (text[i] != '<') {
      ++i;
      continue;
    }
    const bool closing = text[i + 1] == '/';
    std::size_t j = i + (closing ? 2 : 1);
    const auto start = j;
    while (std::isalnum(static_cast<unsigned char>(text[j]))) ++j;
    const auto name = text.substr(start, j - start);
    if (name.empty()) return "bare < at " + text.substr(i, 20);
    char quote = 0;
    for (; j < text.size() && (quote || text[j] != '>'); ++j) {
      if (text[j] == '"') quote = quote ? 0 : '"';
      if (!quote && text[j] == '<') return "< inside a tag: " + text.substr(i, 40);
    }
    const bool empty = text[j - 1] == '/';
    if (closing) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    } else if (!empty) {
      open.push_back(name);
    }
    i = j + 1;
    if (!closing && name == "style") i = text.find("</style>", i);
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

}  // namespace longwave
