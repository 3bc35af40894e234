#include "longwave/data/documents.h"

#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"
#include "longwave/data/document_pairs.h"
#include "longwave/data/token_streams.h"

namespace {

using namespace longwave;

/// Every protocol keeps its promise of length and of ids.
void encode(std::string_view text, std::int64_t limit) {
  CharacterCounts counts;
  count_characters(text, counts);
  std::vector<std::int32_t> tokens;
  for (const char* protocol : {"lra-strict", "lra-s4", "lra-2020"}) {
    const TextEncoding encoding(protocol, limit, counts, 2);
    SequenceFacts facts;
    encoding.describe(facts);
    encoding.encode(text, tokens);
    if (encoding.length(text) != static_cast<std::int64_t>(tokens.size()) || encoding.length(text) > limit)
      __builtin_trap();
    for (const auto token : tokens)
      if (token < 0 || token >= facts.vocabulary) __builtin_trap();
  }
}

void read_documents(std::string_view text, const char* name, std::int64_t limit) {
  const auto documents = parse_documents(text, name);
  if (documents.texts.size() != documents.labels.size()) __builtin_trap();
  for (const auto& one : documents.texts) encode(one, limit);
}

void read_pairs(std::string_view text, std::size_t most) {
  TextPool pool;
  for (const auto& pair : parse_document_pairs(text, "fuzz", most, pool))
    if (pool.at(pair.first).size() > most || pool.at(pair.second).size() > most || pair.label < 0 || pair.label > 1)
      __builtin_trap();
}

void check_name(const std::string& name) {
  try {
    check_utf8(name, "name");
  } catch (const UserError&) {
    __builtin_trap();
  }
}

/// Names are printed and stored, so that text which is no UTF-8 has none.
void read_words(std::string_view text) {
  check_utf8(text, "fuzz");
  Vocabulary vocabulary;
  const auto words = vocabulary.read(text);
  const auto numbers = vocabulary.sort_by_frequency();
  const auto known = vocabulary.read_known(text, "fuzz");
  for (std::size_t i = 0; i < words.size(); ++i)
    if (numbers[words[i]] != known[i]) __builtin_trap();
  for (const auto& name : vocabulary.names()) check_name(name);
}

}  // namespace

/// The first byte chooses the reader, the second a length; the rest is read or refused with a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::int64_t limit = 1 + data[1] % 64;
  try {
    switch (data[0] % 4) {
      case 0:
        read_documents(text, "fuzz.csv", limit);
        break;
      case 1:
        read_documents(text, "fuzz.tsv", limit);
        break;
      case 2:
        read_pairs(text, static_cast<std::size_t>(limit));
        break;
      default:
        read_words(text);
    }
  } catch (const UserError&) {
  }
  return 0;
}
