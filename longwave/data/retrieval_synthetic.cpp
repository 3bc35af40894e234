// Two documents of random symbols that share a planted motif or not: a stand-in for Retrieval that needs no files.
// All motifs are orders of the same symbols, new in every pair: only the comparison of both documents tells the classes
// apart, and how often a symbol occurs tells nothing.

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "longwave/base/random.h"
#include "longwave/data/naive_bayes.h"

namespace longwave {
namespace {

struct RetrievalSyntheticConfig {
  std::int64_t length = 256, motif = 8, symbols = 16;
  std::int64_t train_samples = 10000, val_samples = 1000, test_samples = 2000;
  std::int64_t seed = 0;
  static const FieldTable<RetrievalSyntheticConfig>& fields();
};

const FieldTable<RetrievalSyntheticConfig>& RetrievalSyntheticConfig::fields() {
  using C = RetrievalSyntheticConfig;
  const auto count = at_least<std::int64_t>(1);
  static const auto table = FieldTable<C>()
                                .add("length", &C::length, "symbols of a document", count)
                                .add("motif", &C::motif, "symbols of a motif, all different", at_least<std::int64_t>(2))
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
    check(config.motif <= config.length, "data.length is ", config.length, "; expected at least data.motif, ",
          config.motif);
    check(config.motif <= config.symbols, "data.symbols is ", config.symbols, "; expected at least data.motif, ",
          config.motif);
    auto random = RandomStream{static_cast<std::uint64_t>(config.seed)}.split(kMotif);
    motif_.resize(static_cast<std::size_t>(config.symbols));
    std::iota(motif_.begin(), motif_.end(), 1);
    shuffle(random, motif_);
    motif_.resize(static_cast<std::size_t>(config.motif));
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
    auto motif = motif_;
    shuffle(random, motif);
    plant(random, motif, out.first.tokens);
    const auto first = motif;
    while (out.label == 0 && motif == first) shuffle(random, motif);
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
  static void shuffle(RandomStream& random, std::vector<std::int32_t>& symbols) {
    for (auto i = symbols.size() - 1; i > 0; --i) std::swap(symbols[i], symbols[random.below(i + 1)]);
  }
  static void plant(RandomStream& random, const std::vector<std::int32_t>& motif, std::vector<std::int32_t>& out) {
    std::copy(motif.begin(), motif.end(),
              out.begin() + static_cast<std::int64_t>(random.below(out.size() - motif.size() + 1)));
  }
  double same_window_accuracy() const;

  static constexpr std::uint64_t kMotif = 3;  // a stream beside those of the splits
  Config config_;
  SequenceFacts facts_;
  std::vector<std::int32_t> motif_;  // in one of its orders
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
