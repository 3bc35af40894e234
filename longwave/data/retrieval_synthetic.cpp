// Two documents of random symbols that share a planted motif or not: a stand-in for Retrieval that needs no files.
// Every document has one motif; only the comparison of both tells the classes apart. A motif is new in every pair, or
// one of a dictionary, which a tower can learn to recognise.

#include <algorithm>
#include <unordered_set>

#include "longwave/base/random.h"
#include "longwave/data/naive_bayes.h"

namespace longwave {
namespace {

struct RetrievalSyntheticConfig {
  std::int64_t length = 256, motif = 8, copies = 1, motifs = 0, symbols = 16;
  std::int64_t train_samples = 10000, val_samples = 1000, test_samples = 2000;
  std::int64_t seed = 0;
  static const FieldTable<RetrievalSyntheticConfig>& fields();
};

const FieldTable<RetrievalSyntheticConfig>& RetrievalSyntheticConfig::fields() {
  using C = RetrievalSyntheticConfig;
  const auto count = at_least<std::int64_t>(1);
  static const auto table =
      FieldTable<C>()
          .add("length", &C::length, "symbols of a document", count)
          .add("motif", &C::motif, "symbols of a motif", count)
          .add("copies", &C::copies, "times it is planted in a document", count)
          .add("motifs", &C::motifs,
               "size of the dictionary, all orders of the same symbols; 0: a new motif in every pair",
               between<std::int64_t>(0, 4096))
          .add("symbols", &C::symbols, "different symbols", between<std::int64_t>(2, 1 << 20))
          .add("train_samples", &C::train_samples, "pairs that train", count)
          .add("val_samples", &C::val_samples, "pairs that validate", count)
          .add("test_samples", &C::test_samples, "pairs that test", count)
          .add("seed", &C::seed, "of the generator");
  return table;
}

class RetrievalSynthetic final : public SequenceData {
 public:
  using Config = RetrievalSyntheticConfig;

  RetrievalSynthetic(const Config& config, const SequenceSource&) : config_(config) {
    check(config.copies <= config.length / config.motif, "data.copies is ", config.copies, "; expected at most ",
          config.length / config.motif, ", data.length / data.motif");
    check(config.motifs != 1, "data.motifs is 1; expected 0 or at least 2, so that two documents can differ");
    if (config.motifs > 0) fill_dictionary();
    facts_.goal = SequenceGoal::classify_pair;
    facts_.vocabulary = config.symbols + 1;  // 0 is padding
    facts_.classes = 2;
    facts_.class_names = {"apart", "together"};
    facts_.max_length = config.length;
    facts_.protocol = "generated";
  }

  const SequenceFacts& facts() const override { return facts_; }
  std::int64_t samples(Split split) const override {
    return split == Split::train ? config_.train_samples
           : split == Split::val ? config_.val_samples
                                 : config_.test_samples;
  }
  std::int64_t length(Split, std::int64_t) const override { return config_.length; }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = RandomStream{static_cast<std::uint64_t>(config_.seed)}
                      .split(static_cast<std::uint64_t>(split))
                      .split(static_cast<std::uint64_t>(index));
    out.label = static_cast<std::int32_t>(random.below(2));
    draw(random, config_.length, out.first.tokens);
    draw(random, config_.length, out.second.tokens);
    std::vector<std::int32_t> motif;
    const auto which = draw_motif(random, -1, motif);
    plant(random, motif, out.first.tokens);
    if (out.label == 0) draw_motif(random, which, motif);
    plant(random, motif, out.second.tokens);
  }

  std::vector<Baseline> baselines() const override {
    const std::string comment = "measured on the test split";
    return {{"majority class", majority_accuracy(*this, Split::test), comment},
            {"naive Bayes on the symbols of both", token_naive_bayes_accuracy(*this, Split::test), comment},
            {"a window of both is the same", same_window_accuracy(), comment + "; the rule itself"}};
  }

 private:
  void draw(RandomStream& random, std::int64_t count, std::vector<std::int32_t>& out) const {
    out.resize(static_cast<std::size_t>(count));
    for (auto& symbol : out)
      symbol = 1 + static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config_.symbols)));
  }
  // Orders of the same symbols: how often a symbol occurs tells nothing.
  void fill_dictionary() {
    auto random = RandomStream{static_cast<std::uint64_t>(config_.seed)}.split(kDictionary);
    std::vector<std::int32_t> motif;
    draw(random, config_.motif, motif);
    for (int tries = 0; static_cast<std::int64_t>(dictionary_.size()) < config_.motifs; ++tries) {
      check(tries < 1 << 16, "data.motifs is ", config_.motifs, "; expected fewer, a motif of ", config_.motif,
            " symbols has not so many orders");
      for (auto i = motif.size() - 1; i > 0; --i) std::swap(motif[i], motif[random.below(i + 1)]);
      if (std::find(dictionary_.begin(), dictionary_.end(), motif) == dictionary_.end()) dictionary_.push_back(motif);
    }
  }
  // Writes a motif that is not number `other` to `out`; returns its number in the dictionary, -1 without one.
  std::int64_t draw_motif(RandomStream& random, std::int64_t other, std::vector<std::int32_t>& out) const {
    if (dictionary_.empty()) {
      draw(random, config_.motif, out);
      return -1;
    }
    auto which = static_cast<std::int64_t>(random.below(dictionary_.size() - (other >= 0)));
    which += other >= 0 && which >= other;
    out = dictionary_[static_cast<std::size_t>(which)];
    return which;
  }
  // Copies do not overlap: sorted places in what they leave of the document, and each moved by those before it.
  void plant(RandomStream& random, const std::vector<std::int32_t>& motif, std::vector<std::int32_t>& out) const {
    std::vector<std::int64_t> places(static_cast<std::size_t>(config_.copies));
    const auto free = config_.length - config_.copies * config_.motif;
    for (auto& place : places) place = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(free) + 1));
    std::sort(places.begin(), places.end());
    for (std::size_t i = 0; i < places.size(); ++i)
      std::copy(motif.begin(), motif.end(), out.begin() + places[i] + static_cast<std::int64_t>(i * motif.size()));
  }
  double same_window_accuracy() const;

  static constexpr std::uint64_t kDictionary = 3;  // a stream beside those of the splits
  Config config_;
  SequenceFacts facts_;
  std::vector<std::vector<std::int32_t>> dictionary_;
};

double RetrievalSynthetic::same_window_accuracy() const {
  const auto windows = [&](const std::vector<std::int32_t>& tokens) {
    std::unordered_set<std::u32string> all;
    for (std::int64_t i = 0; i + config_.motif <= config_.length; ++i)
      all.emplace(tokens.begin() + i, tokens.begin() + i + config_.motif);
    return all;
  };
  SequenceExample example;
  double right = 0;
  for (std::int64_t i = 0; i < config_.test_samples; ++i) {
    this->example(Split::test, i, example);
    const auto first = windows(example.first.tokens), second = windows(example.second.tokens);
    const bool shared = std::any_of(first.begin(), first.end(), [&](const auto& w) { return second.count(w) > 0; });
    right += shared == (example.label == 1);
  }
  return right / static_cast<double>(config_.test_samples);
}

const RegisterSequenceData<RetrievalSynthetic> registered({.name = "retrieval-synthetic",
                                                           .title = "Retrieval, synthetic",
                                                           .family = "synthetic",
                                                           .summary = "whether two random documents share a motif",
                                                           .source = "generated",
                                                           .generated = true});

}  // namespace
}  // namespace longwave
