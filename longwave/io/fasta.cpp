#include "longwave/io/fasta.h"

#include <algorithm>
#include <array>

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// Letter -> base; 0 where it is none.
constexpr std::array<char, 256> make_bases() {
  std::array<char, 256> table{};
  const auto set = [&](std::string_view letters, std::string_view bases) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const auto base = bases[bases.size() == 1 ? 0 : i];
      table[static_cast<unsigned char>(letters[i])] = base;
      table[static_cast<unsigned char>(letters[i] - 'A' + 'a')] = base;
    }
  };
  set("ACGTU", "ACGTT");
  set("NRYSWKMBDHV", "N");
  return table;
}
constexpr auto kBases = make_bases();

char complement(char base) {
  switch (base) {
    case 'A':
      return 'T';
    case 'C':
      return 'G';
    case 'G':
      return 'C';
    case 'T':
      return 'A';
    default:
      return base;
  }
}

/// For a message of one line: 'x', or the number of a byte that is no character by itself.
std::string character_text(char c) {
  const bool shows = c > ' ' && c < '\x7f';
  return shows ? std::string("'") + c + "'" : "byte " + std::to_string(static_cast<unsigned char>(c));
}

}  // namespace

void append_bases(std::string_view line, const std::string& name, std::int64_t number, std::string& bases) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto base = kBases[static_cast<unsigned char>(line[i])];
    check(base != 0, name, ":", number, ":", i + 1, ": ", character_text(line[i]),
          " is no base; expected A, C, G, T or N");
    bases += base;
  }
}

void for_each_fasta(std::string_view text, const std::string& name,
                    const std::function<void(std::string_view, std::string&)>& take) {
  std::string_view title;
  std::string bases;
  std::int64_t number = 0, begun = 0;
  const auto finish = [&] {
    if (begun == 0) return;
    check(!bases.empty(), name, ":", begun, ": record without bases");
    take(title, bases);
    bases.clear();
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.starts_with('>')) {
      finish();
      title = line.substr(1);
      begun = number;
    } else if (!line.empty()) {
      check(begun != 0, name, ":", number, ": expected a line that begins with '>' first (is it a FASTA file?)");
      append_bases(line, name, number, bases);
    }
  }
  finish();
  check(begun != 0, name, ": empty file; expected FASTA records");
}

std::string reverse_complement(std::string_view bases) {
  std::string other(bases.rbegin(), bases.rend());
  for (auto& base : other) base = complement(base);
  return other;
}

}  // namespace longwave
