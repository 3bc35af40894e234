// Sentiment of film reviews, read byte by byte or character by character (Maas et al. 2011; Tay et al. 2021).

#include <fmt/format.h>

#include "longwave/data/documents.h"
#include "longwave/data/naive_bayes.h"
#include "longwave/data/sequence_split.h"
#include "longwave/data/text_encoding.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLeastCount = 15;  // occurrences of a character in the training texts, lra-s4
constexpr std::size_t kTexts = 25000;     // that train, and as many that test

const std::vector<FileLayout>& layouts() {
  static const std::vector<FileLayout> all{
      {{"aclImdb", "imdb/aclImdb"}, {"train/neg", "train/pos", "test/neg", "test/pos"}},
      {{"imdb"}, {"train.tsv", "test.tsv"}},
      {{"imdb", "imdb/plain_text", "plain_text"}, {"train.csv", "test.csv"}},
      {{"imdb"}, {"train.tsv", "test_a.tsv"}},
      {{"imdb", "imdb/plain_text", "plain_text"}, {"train.parquet", "test.parquet"}},
      {.folders = {"imdb", "imdb/plain_text", "plain_text"},
       .files = {"train-00000-of-*.parquet", "test-00000-of-*.parquet"},
       .unless = "validation-00000-of-*.parquet"},
      {{"imdb"}, {"train/data-00000-of-*.arrow", "test/data-00000-of-*.arrow"}},
      {{"imdb"}, {"imdb-train.arrow", "imdb-test.arrow"}},
      {{"imdb-4000", "lra/imdb-4000"}, {"src-bin", "label-bin"}, {}, {}, kFairseqRefusal}};
  return all;
}

struct TextConfig {
  std::string protocol = "lra-strict";
  std::int64_t max_length = 0;
  double validation = 0.1;
  std::int64_t train_samples = 0, val_samples = 0, test_samples = 0;
  std::int64_t seed = 0;
  static const FieldTable<TextConfig>& fields();
};

const FieldTable<TextConfig>& TextConfig::fields() {
  using C = TextConfig;
  const auto count = at_least<std::int64_t>(0);
  static const auto table =
      FieldTable<C>()
          .add(
              "protocol", &C::protocol,
              "lra-strict: bytes, part of train validates; lra-s4: characters, lra-2020: bytes, the test set validates",
              one_of({"lra-strict", "lra-s4", "lra-2020"}))
          .add("max_length", &C::max_length, "tokens, the rest is cut; 0: 4096, in lra-2020 1000", count)
          .add("validation", &C::validation, "lra-strict: share of train, of both classes alike", fraction())
          .add("train_samples", &C::train_samples, "balanced part of what trains; 0: all", count)
          .add("val_samples", &C::val_samples, "balanced part; 0: all", count)
          .add("test_samples", &C::test_samples, "balanced part; 0: all", count)
          .add("seed", &C::seed, "decides which texts validate and which are left out");
  return table;
}

/// The reference decodes strictly: what is no UTF-8 ends it.
void check_characters(const Documents& documents, const std::string& path) {
  for (std::size_t i = 0; i < documents.texts.size(); ++i)
    check_utf8(documents.texts[i], fmt::format("{}: text {}", path, i + 1),
               "data.protocol=lra-strict, which reads bytes");
}

class Text final : public SequenceData {
 public:
  using Config = TextConfig;

  Text(const Config& config, const SequenceSource& source) : encoding_(read(config, source)) {
    facts_.goal = SequenceGoal::classify;
    facts_.classes = 2;
    facts_.class_names = {"negative", "positive"};
    facts_.masking.ratio = 0.15;
    encoding_.describe(facts_);
    split(config);
  }

  const SequenceFacts& facts() const override { return facts_; }
  std::int64_t samples(Split split) const override { return static_cast<std::int64_t>(part(split).size()); }
  std::int64_t length(Split split, std::int64_t index) const override { return encoding_.length(text(split, index)); }
  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    encoding_.encode(text(split, index), out.first.tokens);
    out.label = documents(split).labels[part(split)[index]];
  }
  std::vector<Baseline> baselines() const override;

 private:
  TextEncoding read(const Config& config, const SequenceSource& source);
  void split(const Config& config);

  bool test_validates() const { return facts_.protocol != "lra-strict"; }
  const Documents& documents(Split split) const {
    return split == Split::test || (split == Split::val && test_validates()) ? test_documents_ : train_documents_;
  }
  const std::vector<std::int64_t>& part(Split split) const {
    return split == Split::train ? train_ : split == Split::val ? val_ : test_;
  }
  const std::string& text(Split split, std::int64_t index) const { return documents(split).texts[part(split)[index]]; }

  SequenceFacts facts_;
  Documents train_documents_, test_documents_;
  std::vector<std::int64_t> train_, val_, test_;  // positions in the documents
  TextEncoding encoding_;
};

TextEncoding Text::read(const Config& config, const SequenceSource& source) {
  const auto found = locate_files("Text (IMDb reviews)", layouts(), source.roots);
  Sha256 hash;
  const auto table = [&](const fs::path& path) {
    Documents all;
    for (const auto& piece : pieces_of(path)) {
      const auto text = read_text(piece);
      hash.update(text);
      all.add(parse_documents(text, piece.string()));
    }
    return all;
  };
  const auto& files = found.files;
  const bool folders = files.size() == 4;
  train_documents_ = folders ? read_document_folders(files[0], files[1], hash) : table(files[0]);
  test_documents_ = folders ? read_document_folders(files[2], files[3], hash) : table(files[1]);
  facts_.content_hash = hash.hex();
  const auto train_place = (folders ? files[0].parent_path() : files[0]).string(),
             test_place = (folders ? files[2].parent_path() : files[1]).string();
  facts_.found.push_back(fmt::format("{}: {} texts", train_place, train_documents_.texts.size()));
  facts_.found.push_back(fmt::format("{}: {} texts", test_place, test_documents_.texts.size()));
  if (train_documents_.texts.size() != kTexts || test_documents_.texts.size() != kTexts)
    facts_.found.push_back(facts_.caution =
                               "a part of the IMDb reviews: scores are not comparable with published ones");
  const std::int64_t usual = config.protocol == "lra-2020" ? 1000 : 4096;
  const auto limit = config.max_length > 0 ? config.max_length : usual;
  CharacterCounts counts;  // of whole texts: only they give the 135 ids that users of the S4 loader know
  if (config.protocol == "lra-s4") {
    check_characters(train_documents_, train_place);
    check_characters(test_documents_, test_place);
    for (const auto& text : train_documents_.texts) count_characters(text, counts);
  }
  return {config.protocol, limit, counts, kLeastCount};
}

void Text::split(const Config& config) {
  const auto seed = static_cast<std::uint64_t>(config.seed);
  const auto take = [&](const Documents& from, const std::vector<std::int64_t>& positions, std::int64_t count) {
    std::vector<std::int32_t> labels;
    for (const auto i : positions) labels.push_back(from.labels[i]);
    std::vector<std::int64_t> chosen;
    for (const auto i : balanced_subset(labels, count, seed)) chosen.push_back(positions[i]);
    return chosen;
  };
  const auto parts = hold_out(train_documents_.labels, test_validates() ? 0 : config.validation, seed);
  const auto tests = hold_out(test_documents_.labels, 0, seed).kept;  // all of them
  train_ = take(train_documents_, parts.kept, config.train_samples);
  test_ = take(test_documents_, tests, config.test_samples);
  val_ = test_validates() ? take(test_documents_, tests, config.val_samples)
                          : take(train_documents_, parts.held_out, config.val_samples);
  check(test_validates() || config.validation == 0 || !parts.held_out.empty(), join(facts_.found, "; "),
        ": none of the training texts can validate; expected at least two of a class, or data.validation=0");
  facts_.found.push_back(test_validates() ? "validation: the test set, as this protocol has it"
                                          : fmt::format("validation: {} of the training texts", val_.size()));
}

std::vector<Baseline> Text::baselines() const {
  WordIndex words;
  std::vector<std::vector<std::int32_t>> bags;
  for (const auto i : train_) bags.push_back(words.numbers(encoding_.visible(train_documents_.texts[i]), true));
  NaiveBayes model(2, words.size());
  for (std::size_t i = 0; i < bags.size(); ++i) model.learn(bags[i], train_documents_.labels[train_[i]]);
  double right = 0;
  for (const auto i : test_)
    right +=
        model.guess(words.numbers(encoding_.visible(test_documents_.texts[i]), false)) == test_documents_.labels[i];
  const std::string comment = "measured on the test split";
  return {{"majority class", majority_accuracy(*this, Split::test), comment},
          {"naive Bayes on single tokens", token_naive_bayes_accuracy(*this, Split::test), comment},
          {"naive Bayes on words", right / static_cast<double>(test_.size()), comment}};
}

const RegisterSequenceData<Text> registered(
    {.name = "text",
     .title = "Text",
     .family = "long range arena",
     .summary = "sentiment of film reviews by bytes or characters, 2 classes",
     .source = "Maas et al. 2011; Tay et al. 2021; files: aclImdb, ai.stanford.edu/~amaas/data/sentiment; the set "
               "text-synthetic needs none",
     .layouts = layouts()});

}  // namespace
}  // namespace longwave
