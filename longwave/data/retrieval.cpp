// Whether two documents belong together: citation links of the ACL Anthology Network (Radev et al. 2009; Tay et al.
// 2021), or any table of that layout.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "longwave/data/document_pairs.h"
#include "longwave/data/naive_bayes.h"
#include "longwave/data/sequence_split.h"
#include "longwave/io/checksum.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kUsualLength = 4000;
constexpr std::size_t kBytesOfCharacter = 4;  // at most, in UTF-8
constexpr std::size_t kPublishedPairs[] = {147086, 18090, 17437};

const std::vector<FileLayout>& layouts() {
  static const std::vector<FileLayout> all{
      {{"tsv_data", "aan", "retrieval", "lra_release/tsv_data", "lra_release/lra_release/tsv_data", "doc_pairs"},
       {"{stem}.train.tsv", "{stem}.eval.tsv", "{stem}.test.tsv"}},
      {{"aan", "lra/aan"}, {"src-bin", "src1-bin", "label-bin"}, {}, {}, kFairseqRefusal}};
  return all;
}

struct RetrievalConfig {
  std::string stem = "new_aan_pairs";
  std::string protocol = "lra-strict";
  std::int64_t max_length = kUsualLength;
  std::int64_t train_samples = 0, val_samples = 0, test_samples = 0;
  std::int64_t seed = 0;
  static const FieldTable<RetrievalConfig>& fields();
};

const FieldTable<RetrievalConfig>& RetrievalConfig::fields() {
  using C = RetrievalConfig;
  const auto count = at_least<std::int64_t>(0);
  static const auto table =
      FieldTable<C>()
          .add("stem", &C::stem, "the files are STEM.train.tsv, STEM.eval.tsv, STEM.test.tsv")
          .add("protocol", &C::protocol,
               "lra-strict and lra-2020: bytes (with, without an end token); lra-s4: characters",
               one_of({"lra-strict", "lra-s4", "lra-2020"}))
          .add("max_length", &C::max_length, "tokens of a document, the rest is cut", at_least<std::int64_t>(1))
          .add("train_samples", &C::train_samples, "balanced part; 0: all", count)
          .add("val_samples", &C::val_samples, "balanced part; 0: all", count)
          .add("test_samples", &C::test_samples, "balanced part; 0: all", count)
          .add("seed", &C::seed, "decides which pairs are left out");
  return table;
}

class Retrieval final : public SequenceData {
 public:
  using Config = RetrievalConfig;

  Retrieval(const Config& config, const SequenceSource& source) : encoding_(read(config, source)) {
    facts_.goal = SequenceGoal::classify_pair;
    facts_.classes = 2;
    facts_.class_names = {"apart", "together"};
    facts_.masking.ratio = 0.15;
    encoding_.describe(facts_);
  }

  const SequenceFacts& facts() const override { return facts_; }
  std::int64_t samples(Split split) const override { return static_cast<std::int64_t>(pairs(split).size()); }
  std::int64_t length(Split split, std::int64_t index) const override {
    const auto& pair = pairs(split)[index];
    return std::max(encoding_.length(texts_.at(pair.first)), encoding_.length(texts_.at(pair.second)));
  }
  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    const auto& pair = pairs(split)[index];
    encoding_.encode(texts_.at(pair.first), out.first.tokens);
    encoding_.encode(texts_.at(pair.second), out.second.tokens);
    out.label = pair.label;
  }

  std::vector<Baseline> baselines() const override {
    const std::string comment = "measured on the test split";
    return {{"majority class", majority_accuracy(*this, Split::test), comment},
            {"naive Bayes on the tokens of both", token_naive_bayes_accuracy(*this, Split::test), comment}};
  }

 private:
  TextEncoding read(const Config& config, const SequenceSource& source);
  const std::vector<DocumentPair>& pairs(Split split) const { return pairs_[static_cast<std::size_t>(split)]; }

  SequenceFacts facts_;
  TextPool texts_;
  std::array<std::vector<DocumentPair>, 3> pairs_;
  TextEncoding encoding_;
};

/// At most `count` of them, of both labels alike.
void limit(std::vector<DocumentPair>& pairs, std::int64_t count, std::uint64_t seed) {
  std::vector<std::int32_t> labels;
  for (const auto& pair : pairs) labels.push_back(pair.label);
  std::vector<DocumentPair> kept;
  for (const auto i : balanced_subset(labels, count, seed)) kept.push_back(pairs[i]);
  pairs = std::move(kept);
}

TextEncoding Retrieval::read(const Config& config, const SequenceSource& source) {
  const auto found =
      locate_files("Retrieval (ACL Anthology Network pairs)", layouts(), source.roots, {{"stem", config.stem}});
  const auto most_bytes = static_cast<std::size_t>(config.max_length) * kBytesOfCharacter;
  const std::int64_t counts[] = {config.train_samples, config.val_samples, config.test_samples};
  Sha256 hash;
  CharacterCounts characters;
  bool published = true;
  std::int64_t checked = 0;  // texts: they are numbered as they are met
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const auto text = read_text(found.files[i]);
    hash.update(text);
    pairs_[i] = parse_document_pairs(text, found.files[i].string(), most_bytes, texts_);
    facts_.found.push_back(fmt::format("{}: {} pairs", found.files[i].string(), pairs_[i].size()));
    published = published && pairs_[i].size() == kPublishedPairs[i];
    for (const auto& pair : pairs_[i])
      for (const auto number : {pair.first, pair.second})
        if (config.protocol == "lra-s4" && number == checked)
          check_utf8(first_characters(texts_.at(checked++), config.max_length),
                     fmt::format("{}: pair {}", found.files[i].string(), &pair - pairs_[i].data() + 1),
                     "data.protocol=lra-strict, which reads bytes");
    if (i == 0 && config.protocol == "lra-s4")
      for (const auto& pair : pairs_[0])
        for (const auto number : {pair.first, pair.second})
          count_characters(first_characters(texts_.at(number), config.max_length - 1), characters);
    limit(pairs_[i], counts[i], static_cast<std::uint64_t>(config.seed));
  }
  facts_.found.push_back(fmt::format("{} different documents", texts_.size()));
  if (!published)
    facts_.found.push_back(
        facts_.caution = "not the pairs of the ACL Anthology Network: scores are not comparable with published ones");
  facts_.content_hash = hash.hex();
  return {config.protocol, config.max_length, characters, 1};
}

const RegisterSequenceData<Retrieval> registered(
    {.name = "retrieval",
     .title = "Retrieval",
     .family = "long range arena",
     .summary = "whether two papers are linked, by bytes or characters, 2 classes",
     .source = "Radev et al. 2009; Tay et al. 2021; files: folder tsv_data of lra_release.gz "
               "(github.com/google-research/long-range-arena); the set retrieval-synthetic needs none",
     .layouts = layouts()});

}  // namespace
}  // namespace longwave
