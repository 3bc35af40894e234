// Motifs: does a sequence of bases hold a short motif with one wrong letter? Sequences without it hold the same letters
// in another order, so that counting letters does not help.

#include <algorithm>
#include <array>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

constexpr std::int32_t kFirstBase = 1;  // A C G T are 1 .. 4, as in the sets of real DNA
constexpr std::int64_t kBases = 4;
constexpr int kTries = 10000;
const std::string kLetters = "ACGT";

using Word = std::vector<std::int32_t>;

std::int64_t differences(const std::int32_t* tokens, const Word& motif) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < motif.size(); ++i) count += tokens[i] != motif[i];
  return count;
}

/// The least number of letters in which some part of `tokens` differs from the motif.
std::int64_t nearest(const Word& tokens, const Word& motif) {
  auto least = static_cast<std::int64_t>(motif.size());
  for (std::size_t i = 0; i + motif.size() <= tokens.size(); ++i)
    least = std::min(least, differences(tokens.data() + i, motif));
  return least;
}

class Motifs final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::int64_t bases = 251, mismatches = 1;
    std::string motif = "TATAAAAG";

    Config() {
      train_samples = 20000;
      val_samples = test_samples = 2000;
    }
    static const FieldTable<Config>& fields();
  };

  Motifs(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    for (const auto letter : config.motif) {
      const auto base = kLetters.find(letter);
      check(base != std::string::npos, "data.motif is \"", config.motif, "\"; expected the letters A, C, G and T only");
      motif_.push_back(kFirstBase + static_cast<std::int32_t>(base));
    }
    const auto size = static_cast<std::int64_t>(motif_.size());
    check(size > config.mismatches && size <= config.bases, "data.motif has ", size,
          " letters; expected more than mismatches, ", config.mismatches, ", and at most bases, ", config.bases);
    facts_.goal = SequenceGoal::classify;
    facts_.classes = 2;
    facts_.class_names = {"shuffled", "motif"};
    facts_.token_names = {"<pad>", "A", "C", "G", "T", "N", "<mask>"};
    facts_.vocabulary = 7;
    facts_.mask = 6;
    facts_.max_length = config.bases;
  }

  std::int64_t length(Split, std::int64_t) const override { return config_.bases; }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    auto& tokens = out.first.tokens;
    tokens.resize(static_cast<std::size_t>(config_.bases));
    out.label = static_cast<std::int32_t>(random.below(2));
    for (int tries = 0; tries < kTries; ++tries) {
      for (auto& token : tokens) token = base(random);
      auto word = mutated(random);
      if (out.label == 0) shuffle(random, word);
      std::copy(word.begin(), word.end(), tokens.begin() + place(random));
      if (out.label == 1 || nearest(tokens, motif_) > config_.mismatches) return;
    }
    fail("data.motif is \"", config_.motif, "\": ", config_.bases, " random bases nearly always hold it with ",
         config_.mismatches, " mismatches; expected a longer motif or fewer bases");
  }

  std::vector<Baseline> baselines() const override {
    return {{"chance", 0.5, "labels are drawn with equal odds"},
            by_counts(),
            measured(*this, "search without mismatches",
                     [&](const SequenceExample& sample, Tally& tally) {
                       ++tally.scored;
                       tally.right += (nearest(sample.first.tokens, motif_) == 0) == (sample.label == 1);
                     }),
            measured(*this, "search with mismatches", [&](const SequenceExample& sample, Tally& tally) {
              ++tally.scored;
              tally.right += (nearest(sample.first.tokens, motif_) <= config_.mismatches) == (sample.label == 1);
            })};
  }

 private:
  static std::int32_t base(RandomStream& random) {
    return kFirstBase + static_cast<std::int32_t>(random.below(kBases));
  }

  std::int64_t place(RandomStream& random) const {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(config_.bases) - motif_.size() + 1));
  }

  /// The motif with other letters at as many places as there are mismatches.
  Word mutated(RandomStream& random) const {
    auto word = motif_;
    for (const auto i : draw_distinct(random, static_cast<std::int64_t>(word.size()), config_.mismatches)) {
      auto& letter = word[static_cast<std::size_t>(i)];
      const auto other = kFirstBase + static_cast<std::int32_t>(random.below(kBases - 1));
      letter = other + (other >= letter);
    }
    return word;
  }

  static std::array<double, kBases> counts(const Word& tokens) {
    std::array<double, kBases> sums{};
    for (const auto token : tokens) ++sums[static_cast<std::size_t>(token - kFirstBase)];
    return sums;
  }

  /// The class whose mean counts of the four letters are nearer.
  Baseline by_counts() const {
    std::array<double, kBases> sums[2] = {};
    double seen[2] = {};
    visit_training(*this, 1000, [&](const SequenceExample& sample) {
      const auto own = counts(sample.first.tokens);
      for (std::size_t k = 0; k < kBases; ++k) sums[sample.label][k] += own[k];
      ++seen[sample.label];
    });
    return measured(*this, "counts of the letters", [&](const SequenceExample& sample, Tally& tally) {
      const auto own = counts(sample.first.tokens);
      double far[2] = {};
      for (std::size_t c = 0; c < 2; ++c)
        for (std::size_t k = 0; k < kBases; ++k) far[c] += std::pow(own[k] - sums[c][k] / std::max(1.0, seen[c]), 2);
      ++tally.scored;
      tally.right += (far[1] < far[0]) == (sample.label == 1);
    });
  }

  Config config_;
  Word motif_;
};

const FieldTable<Motifs::Config>& Motifs::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    t.add("bases", &C::bases, "of a sample", at_least<std::int64_t>(1))
        .add("motif", &C::motif, "letters A, C, G, T")
        .add("mismatches", &C::mismatches, "letters of it that are wrong", at_least<std::int64_t>(0));
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<Motifs> registered({.name = "motifs",
                                               .title = "Motifs",
                                               .family = "synthetic",
                                               .summary = "a planted TATA-like motif with one wrong letter, or not",
                                               .source = "a stand-in for human_nontata_promoters that needs no files",
                                               .generated = true});

}  // namespace
}  // namespace longwave
