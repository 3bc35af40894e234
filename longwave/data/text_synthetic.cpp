// Two order-1 Markov chains over letters: every letter is equally frequent in both, so that only the order of letters
// tells the classes apart. A stand-in for Text that needs no files.

#include <algorithm>
#include <array>
#include <cmath>

#include "longwave/base/random.h"
#include "longwave/data/naive_bayes.h"
#include "longwave/data/sequence_split.h"

namespace longwave {
namespace {

constexpr int kFavourites = 4;  // likelier successors of a letter

struct TextSyntheticConfig {
  std::int64_t length = 256, letters = 20;
  double contrast = 0.25;
  std::int64_t train_samples = 4000, val_samples = 500, test_samples = 2000;
  std::int64_t seed = 0;
  static const FieldTable<TextSyntheticConfig>& fields();
};

const FieldTable<TextSyntheticConfig>& TextSyntheticConfig::fields() {
  using C = TextSyntheticConfig;
  const auto count = at_least<std::int64_t>(1);
  static const auto table =
      FieldTable<C>()
          .add("length", &C::length, "letters of a text", count)
          .add("letters", &C::letters, "different letters", between<std::int64_t>(2, 26))
          .add("contrast", &C::contrast, "share of steps that go to one of the likelier successors of a letter",
               between(0., 1.))
          .add("train_samples", &C::train_samples, "texts that train", count)
          .add("val_samples", &C::val_samples, "texts that validate", count)
          .add("test_samples", &C::test_samples, "texts that test", count)
          .add("seed", &C::seed, "of both chains and of the texts");
  return table;
}

class TextSynthetic final : public SequenceData {
 public:
  using Config = TextSyntheticConfig;

  TextSynthetic(const Config& config, const SequenceSource&) : config_(config) {
    for (std::uint64_t label = 0; label < 2; ++label) make_chain(stream(3).split(label), successors_[label]);
    facts_.goal = SequenceGoal::classify;
    facts_.vocabulary = config.letters + 2;
    facts_.classes = 2;
    facts_.class_names = {"chain 0", "chain 1"};
    facts_.max_length = config.length;
    facts_.protocol = "generated";
    facts_.mask = static_cast<std::int32_t>(config.letters) + 1;
    facts_.token_names = {"<pad>"};
    for (std::int64_t i = 0; i < config.letters; ++i) facts_.token_names.emplace_back(1, static_cast<char>('a' + i));
    facts_.token_names.push_back("<mask>");
  }

  const SequenceFacts& facts() const override { return facts_; }
  std::int64_t samples(Split split) const override {
    return split == Split::train ? config_.train_samples
           : split == Split::val ? config_.val_samples
                                 : config_.test_samples;
  }
  std::int64_t length(Split, std::int64_t) const override { return config_.length; }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(static_cast<std::uint64_t>(split)).split(static_cast<std::uint64_t>(index));
    out.label = static_cast<std::int32_t>(random.below(2));
    const auto letters = static_cast<std::uint64_t>(config_.letters);
    out.first.tokens.resize(static_cast<std::size_t>(config_.length));
    std::uint64_t letter = random.below(letters);
    for (auto& token : out.first.tokens) {
      token = static_cast<std::int32_t>(letter) + 1;
      const bool likely = random.uniform() < config_.contrast;
      letter =
          likely ? successors_[out.label][letter * kFavourites + random.below(kFavourites)] : random.below(letters);
    }
  }

  std::vector<Baseline> baselines() const override {
    const std::string comment = "measured on the test split";
    return {{"majority class", majority_accuracy(*this, Split::test), comment},
            {"naive Bayes on single letters", token_naive_bayes_accuracy(*this, Split::test), comment},
            {"Bayes rule with both chains known", bayes_accuracy(), comment + "; no classifier is better"}};
  }

 private:
  RandomStream stream(std::uint64_t purpose) const {
    return RandomStream{static_cast<std::uint64_t>(config_.seed)}.split(purpose);
  }

  /// Column k of the successors is a permutation, hence the chain keeps the uniform distribution.
  void make_chain(RandomStream random, std::vector<std::uint64_t>& successors) const {
    successors.resize(static_cast<std::size_t>(config_.letters * kFavourites));
    for (std::int64_t k = 0; k < kFavourites; ++k) {
      const auto order = shuffled(config_.letters, random.next());
      for (std::int64_t letter = 0; letter < config_.letters; ++letter)
        successors[letter * kFavourites + k] = static_cast<std::uint64_t>(order[letter]);
    }
  }

  double log_likelihood(std::int32_t label, const std::vector<std::int32_t>& tokens) const {
    double sum = 0;
    for (std::size_t t = 1; t < tokens.size(); ++t) {
      const auto from = successors_[label].begin() + (tokens[t - 1] - 1) * kFavourites;
      const auto ways = std::count(from, from + kFavourites, static_cast<std::uint64_t>(tokens[t]) - 1);
      sum += std::log((1 - config_.contrast) / static_cast<double>(config_.letters) +
                      config_.contrast * static_cast<double>(ways) / kFavourites);
    }
    return sum;
  }

  double bayes_accuracy() const {
    SequenceExample example;
    double right = 0;
    for (std::int64_t i = 0; i < config_.test_samples; ++i) {
      this->example(Split::test, i, example);
      const auto& tokens = example.first.tokens;
      right += (log_likelihood(1, tokens) > log_likelihood(0, tokens)) == (example.label == 1);
    }
    return right / static_cast<double>(config_.test_samples);
  }

  Config config_;
  SequenceFacts facts_;
  std::array<std::vector<std::uint64_t>, 2> successors_;  // [letters, kFavourites] of each chain
};

const RegisterSequenceData<TextSynthetic> registered({.name = "text-synthetic",
                                                      .title = "Text, synthetic",
                                                      .family = "synthetic",
                                                      .summary = "which of two Markov chains made a text of letters",
                                                      .source = "generated",
                                                      .generated = true});

}  // namespace
}  // namespace longwave
