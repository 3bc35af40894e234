// WikiText-2 and WikiText-103 by words (Merity et al. 2017): every line ends with <eos>, nothing else is added or
// changed.

#include <fmt/format.h>

#include "longwave/data/text_encoding.h"
#include "longwave/data/token_streams.h"
#include "longwave/io/checksum.h"
#include "longwave/io/columnar.h"
#include "longwave/io/delimited.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

/// Published counts, with <eos>.
struct Published {
  const char* corpus;
  std::int64_t train, val, test, vocabulary;
};
constexpr Published kPublished[] = {{"wikitext-2", 2088628, 217646, 245569, 33278},
                                    {"wikitext-103", 103227021, 217646, 245569, 267735}};

constexpr const char* kRawRefusal =
    "WikiText raw is another benchmark, whose words are not parted and not replaced by <unk>; take the archive that is "
    "not raw, or read the text by characters (data=characters)";

/// The raw archives, named so that they are told from the others.
std::vector<FileLayout> raw_layouts(const std::string& corpus) {
  std::vector<FileLayout> all;
  for (const auto& [before, after, valid] :
       {std::tuple{"wiki.", ".raw", "valid"}, std::tuple{"", ".txt", "valid"}, std::tuple{"wiki.", ".tokens", "valid"},
        std::tuple{"", "-00000-of-*.parquet", "validation"}}) {
    FileLayout raw{{corpus + "-raw", corpus + "-raw-v1"}, {}, {{"corpus", corpus}, {"parts", "full"}}, {}, kRawRefusal};
    for (const std::string part : {"train", valid, "test"}) raw.files.push_back(before + part + after);
    all.push_back(raw);
  }
  return all;
}

std::vector<FileLayout> all_layouts() {
  std::vector<FileLayout> all;
  for (const std::string corpus : {"wikitext-2", "wikitext-103"})
    for (const std::string parts : {"full", "mini"})
      for (const auto& [before, after, valid] :
           {std::tuple{"", ".txt", "valid"}, std::tuple{"wiki.", ".tokens", "valid"},
            std::tuple{"", "-00000-of-*.parquet", "validation"}}) {
        std::vector<std::string> files;
        for (const std::string part : {"train", valid, "test"})
          if (parts == "full" || part != "train") files.push_back(before + part + after);
        all.push_back({{corpus, corpus + "-v1"}, files, {{"corpus", corpus}, {"parts", parts}}});
      }
  for (const std::string corpus : {"wikitext-2", "wikitext-103"})
    for (const auto& raw : raw_layouts(corpus)) all.push_back(raw);
  return all;
}

const std::vector<FileLayout>& layouts() {
  static const auto all = all_layouts();
  return all;
}

/// A whole file; of tables the column `text`, whose rows are lines, with the newline or without.
std::string read_lines(const std::filesystem::path& path, Sha256& hash) {
  std::string text;
  for (const auto& piece : pieces_of(path)) {
    const auto bytes = read_text(piece);
    hash.update(bytes);
    const auto begin = text.size();
    if (!is_columnar(bytes, piece.string())) {
      text += bytes;
    } else {
      const auto table = parse_columnar(bytes, piece.string());
      const auto column = find_column(table->columns(), {"text"});
      check(column >= 0, piece.string(), ": has no column text");
      for (const auto& line : table->cells(column)) text.append(line).append(line.ends_with('\n') ? "" : "\n");
    }
    check_utf8(std::string_view(text).substr(begin), piece.string());
  }
  return text;
}

struct WikiTextConfig {
  std::string corpus = "wikitext-2";
  std::string parts = "full";
  static const FieldTable<WikiTextConfig>& fields();
};

const FieldTable<WikiTextConfig>& WikiTextConfig::fields() {
  using C = WikiTextConfig;
  static const auto table =
      FieldTable<C>()
          .add("corpus", &C::corpus, "wikitext-2: vocabulary of all three files; wikitext-103: of the training file",
               one_of({"wikitext-2", "wikitext-103"}))
          .add("parts", &C::parts,
               "full; mini: the validation file trains, the test file tests, the vocabulary is that of both",
               one_of({"full", "mini"}));
  return table;
}

class WikiText final : public TokenStreams {
 public:
  using Config = WikiTextConfig;

  WikiText(const Config& config, const SequenceSource& source) {
    const auto found =
        locate_files("WikiText", layouts(), source.roots, {{"corpus", config.corpus}, {"parts", config.parts}});
    const bool mini = config.parts == "mini";
    const std::vector<Split> splits =
        mini ? std::vector{Split::train, Split::test} : std::vector{Split::train, Split::val, Split::test};
    Vocabulary vocabulary;
    Sha256 hash;
    for (std::size_t i = 0; i < splits.size(); ++i) {
      const auto path = found.files[i].string();
      const auto text = read_lines(path, hash);
      check(!text.empty(), path, ": is empty");
      const bool counts = i == 0 || mini || config.corpus == "wikitext-2";
      stream_of(splits[i]) = counts ? vocabulary.read(text) : vocabulary.read_known(text, path);
      require_pair(splits[i], path);
      facts_.found.push_back(path);
    }
    const auto numbers = vocabulary.sort_by_frequency();
    for (const auto split : splits)
      for (auto& token : stream_of(split)) token = numbers[token];
    facts_.content_hash = hash.hex();
    facts_.unit = "word";
    facts_.protocol = mini ? "wikitext-mini" : "wikitext-words";
    describe(vocabulary.names());
    if (!mini) compare_with_published(config.corpus);
  }

 private:
  void compare_with_published(const std::string& corpus) {
    for (const auto& known : kPublished)
      if (corpus == known.corpus) {
        const bool same = samples(Split::train) == known.train && samples(Split::val) == known.val &&
                          samples(Split::test) == known.test && facts_.vocabulary == known.vocabulary;
        facts_.found.push_back(same ? "token counts and vocabulary are the published ones"
                                    : fmt::format("not the published counts: {} / {} / {} tokens, {} words",
                                                  known.train, known.val, known.test, known.vocabulary));
      }
  }
};

const RegisterSequenceData<WikiText> registered(
    {.name = "wikitext",
     .title = "WikiText",
     .family = "language",
     .summary = "next word of Wikipedia articles: WikiText-2 or WikiText-103",
     .source = "Merity et al. 2017; files: archives wikitext-2-v1 and wikitext-103-v1 (not the raw ones)",
     .layouts = layouts()});

}  // namespace
}  // namespace longwave
