// The next character or byte of any text: tiny Shakespeare, enwik8, a file of the user's own.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "longwave/data/text_encoding.h"
#include "longwave/data/token_streams.h"
#include "longwave/io/checksum.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

const FileLayout kOneFile{{"{name}"}, {"input.txt"}};

const std::vector<FileLayout>& layouts() {
  static const std::vector<FileLayout> all{kOneFile, {{"{name}"}, {"train.txt", "valid.txt", "test.txt"}}};
  return all;
}

/// Three files that lie in the data folder itself, or in one of WikiText, are another set's.
std::vector<FileLayout> discovered_layouts() {
  return {kOneFile, {{}, {"{name}/train.txt", "{name}/valid.txt", "{name}/test.txt"}, {}, {{"name", "wikitext"}}}};
}

struct CharactersConfig {
  std::string name = "tiny_shakespeare";
  std::string unit = "character";
  double validation = 0.1, test = 0;
  static const FieldTable<CharactersConfig>& fields();
};

const FieldTable<CharactersConfig>& CharactersConfig::fields() {
  using C = CharactersConfig;
  static const auto table =
      FieldTable<C>()
          .add("name", &C::name, "folder with input.txt, or train.txt, valid.txt and test.txt")
          .add("unit", &C::unit, "a token is a Unicode character or a byte", one_of({"character", "byte"}))
          .add("validation", &C::validation, "input.txt: share that validates, behind what trains", fraction())
          .add("test", &C::test, "input.txt: share that tests, at the end", fraction());
  return table;
}

std::vector<std::int32_t> tokens_of(std::string_view text, bool bytes, const std::string& name) {
  if (!bytes) check_utf8(text, name, "data.unit=byte");
  std::vector<std::int32_t> tokens;
  for (std::size_t at = 0; at < text.size();)
    tokens.push_back(
        static_cast<std::int32_t>(bytes ? static_cast<unsigned char>(text[at++]) : next_code_point(text, at)));
  return tokens;
}

/// Words are parted by white space, as in WikiText, and the end of a line is one.
TextSize size_of(const std::vector<std::int32_t>& tokens, bool bytes) {
  constexpr std::string_view kSpace = " \t\v\f\r\n";
  TextSize size;
  bool inside = false;  // a word
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto token = tokens[i];
    const bool space = token < 0x80 && kSpace.find(static_cast<char>(token)) != std::string_view::npos;
    size.words += token == '\n' || (!space && !inside);
    inside = !space;
    if (i > 0) size.bytes += bytes ? 1 : static_cast<std::int64_t>(utf8(static_cast<char32_t>(token)).size());
  }
  return size;
}

class Characters final : public TokenStreams {
 public:
  using Config = CharactersConfig;

  Characters(const Config& config, const SequenceSource& source) {
    check(config.validation + config.test < 1, "data.validation and data.test are ", config.validation, " and ",
          config.test, "; expected a sum below 1");
    // A folder of that name before files that lie in the root itself.
    std::vector<std::filesystem::path> roots;
    for (const auto& root : source.roots) roots.insert(roots.end(), {root / config.name, root});
    const auto found = locate_files("Text by characters", layouts(), roots, {{"name", config.name}});
    Sha256 hash;
    std::vector<std::vector<std::int32_t>> parts;
    for (const auto& path : found.files) {
      const auto text = read_text(path);
      check(!text.empty(), path.string(), ": is empty");
      hash.update(text);
      parts.push_back(tokens_of(text, config.unit == "byte", path.string()));
      facts_.found.push_back(path.string());
    }
    const bool one = parts.size() == 1;
    if (one) parts = split(parts[0], config);
    facts_.content_hash = hash.hex();
    facts_.unit = config.unit;
    facts_.protocol = "by-" + config.unit;
    for (std::size_t i = 0; i < parts.size(); ++i) sizes_[i] = size_of(parts[i], config.unit == "byte");
    auto names = number(parts, config.unit == "byte");
    const double shares[] = {1, config.validation, config.test};
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (!one || shares[i] > 0) require_pair(static_cast<Split>(i), found.files[one ? 0 : i].string());
    describe(std::move(names));
  }

  TextSize text_size(Split split) const override { return sizes_[static_cast<std::size_t>(split)]; }

 private:
  static std::vector<std::vector<std::int32_t>> split(const std::vector<std::int32_t>& all, const Config& config) {
    const auto count = static_cast<double>(all.size());
    const auto train = all.begin() + static_cast<std::ptrdiff_t>(count * (1 - config.validation - config.test));
    const auto val = all.end() - static_cast<std::ptrdiff_t>(count * config.test);
    return {{all.begin(), train}, {train, val}, {val, all.end()}};
  }

  /// Gives every character that occurs a number, by code point; returns the names.
  std::vector<std::string> number(const std::vector<std::vector<std::int32_t>>& parts, bool bytes) {
    std::map<std::int32_t, std::int32_t> numbers;
    for (const auto& part : parts)
      for (const auto token : part) numbers[token];
    std::vector<std::string> names;
    for (auto& [token, number] : numbers) {
      number = static_cast<std::int32_t>(names.size());
      names.push_back(bytes && token >= 0x80 ? fmt::format("\\x{:02x}", token)
                                             : printable(static_cast<char32_t>(token)));
    }
    for (std::size_t i = 0; i < parts.size(); ++i)
      for (const auto token : parts[i]) stream_of(static_cast<Split>(i)).push_back(numbers.at(token));
    return names;
  }

  std::array<TextSize, 3> sizes_;
};

const RegisterSequenceData<Characters> registered(
    {.name = "characters",
     .title = "Characters",
     .family = "language",
     .summary = "next character or byte of a text of your own",
     .source = "any text; tiny Shakespeare by default: data/tinyshakespeare of github.com/karpathy/char-rnn",
     .layouts = discovered_layouts()});

}  // namespace
}  // namespace longwave
