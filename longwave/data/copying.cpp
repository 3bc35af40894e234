// Copying and selective copying (Arjovsky, Shah & Bengio 2016; Gu & Dao 2023): remember a few tokens through a long
// noise of blanks and repeat them.

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

struct CopyingConfig : GeneratedConfig {
  std::int64_t noise = 100, memorize = 10, alphabet = 10;
  bool variable = false, reverse = false;
  std::int64_t lag = 0;

  CopyingConfig() {
    train_samples = 20000;
    val_samples = test_samples = 2000;
  }
  static const FieldTable<CopyingConfig>& fields();
};

struct SelectiveConfig : CopyingConfig {
  SelectiveConfig() { noise = 4064, memorize = 16, alphabet = 16; }
  static const FieldTable<SelectiveConfig>& fields();
};

template <class C>
FieldTable<C> copying_fields() {
  const auto some = at_least<std::int64_t>(1);
  FieldTable<C> table;
  table.template add<std::int64_t>("noise", &C::noise, "blanks (L)", at_least<std::int64_t>(0))
      .template add<std::int64_t>("memorize", &C::memorize, "tokens to remember (M)", some)
      .template add<std::int64_t>("alphabet", &C::alphabet, "token ids: blank, the data tokens, marker (A)",
                                  at_least<std::int64_t>(3))
      .template add<bool>("variable", &C::variable, "the number of tokens to remember is uniform on 1 .. memorize")
      .template add<bool>("reverse", &C::reverse, "repeat the tokens last one first");
  return add_generated_fields(table);
}

const FieldTable<CopyingConfig>& CopyingConfig::fields() {
  static const auto table = copying_fields<CopyingConfig>().add(
      "lag", &CopyingConfig::lag,
      "0: as above; else `noise` data tokens, and every target is the token of so many steps ago",
      at_least<std::int64_t>(0));
  return table;
}

const FieldTable<SelectiveConfig>& SelectiveConfig::fields() {
  static const auto table = copying_fields<SelectiveConfig>();
  return table;
}

/// [data tokens and blanks][a marker for every data token]; the targets at the markers are the data tokens.
class CopyingData : public GeneratedData {
 public:
  std::int64_t length(Split split, std::int64_t index) const final {
    if (config_.lag > 0) return config_.noise;
    auto random = stream(split, index);
    return config_.noise + 2 * memorized(random);
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const final {
    auto random = stream(split, index);
    if (config_.lag > 0) return lagged(random, out);
    const auto count = memorized(random);
    const auto words = draw_words(split, random, count);
    const auto places = selective_ ? draw_places(random, count) : std::vector<std::int32_t>{};
    auto& tokens = out.first.tokens;
    const auto given = static_cast<std::size_t>(config_.noise + count), m = static_cast<std::size_t>(count);
    tokens.assign(given, 0);
    for (std::size_t i = 0; i < m; ++i) tokens[selective_ ? static_cast<std::size_t>(places[i]) : i] = words[i];
    tokens.resize(given + m, static_cast<std::int32_t>(config_.alphabet - 1));
    out.targets.assign(given + m, kIgnoredTarget);
    for (std::size_t i = 0; i < m; ++i) out.targets[given + i] = words[config_.reverse ? m - 1 - i : i];
  }

  std::vector<Baseline> baselines() const final {
    const auto last = static_cast<std::int32_t>(config_.alphabet - 2);
    return {{"chance", 1.0 / last, "any of the data tokens"},
            most_frequent_token(*this, "most frequent data token of the sample", 1, last)};
  }

 protected:
  CopyingData(const CopyingConfig& config, bool selective)
      : GeneratedData(config), config_(config), selective_(selective) {
    check(config.lag == 0 || config.lag < config.noise, "data.lag is ", config.lag, " and data.noise ", config.noise,
          "; expected lag < noise, which is the length then");
    check(config.lag == 0 || !(config.variable || config.reverse),
          "data.lag goes with neither data.variable nor data.reverse; expected lag = 0 beside them");
    auto names = numerals(config.alphabet);
    names.front() = "_";
    names.back() = ">";
    predict_tokens(std::move(names), config.lag > 0 ? config.noise : config.noise + 2 * config.memorize);
  }

 private:
  std::int32_t word(RandomStream& random) const {
    return static_cast<std::int32_t>(1 + random.below(static_cast<std::uint64_t>(config_.alphabet - 2)));
  }

  std::int64_t memorized(RandomStream& random) const {
    if (!config_.variable) return config_.memorize;
    return 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(config_.memorize)));
  }

  /// Words that occur in one split only, unless there are too few of them to share out.
  std::vector<std::int32_t> draw_words(Split split, RandomStream& random, std::int64_t count) const {
    const auto space = std::pow(static_cast<double>(config_.alphabet - 2), static_cast<double>(count));
    std::vector<std::int32_t> words(static_cast<std::size_t>(count));
    do
      for (auto& w : words) w = word(random);
    while (space >= 1000 && !belongs_to(split, hash_of(words)));
    return words;
  }

  std::vector<std::int32_t> draw_places(RandomStream& random, std::int64_t count) const {
    auto places = draw_distinct(random, config_.noise + count, count);
    std::sort(places.begin(), places.end());
    return places;
  }

  void lagged(RandomStream& random, SequenceExample& out) const {
    const auto n = static_cast<std::size_t>(config_.noise), lag = static_cast<std::size_t>(config_.lag);
    out.first.tokens.resize(n);
    for (auto& token : out.first.tokens) token = word(random);
    out.targets.assign(n, kIgnoredTarget);
    std::copy_n(out.first.tokens.begin(), n - lag, out.targets.begin() + static_cast<std::ptrdiff_t>(lag));
  }

  CopyingConfig config_;
  bool selective_;
};

struct Copying final : CopyingData {
  using Config = CopyingConfig;
  Copying(const Config& config, const SequenceSource&) : CopyingData(config, false) {}
};

struct SelectiveCopying final : CopyingData {
  using Config = SelectiveConfig;
  SelectiveCopying(const Config& config, const SequenceSource&) : CopyingData(config, true) {}
};

const RegisterSequenceData<Copying> copying({.name = "copying",
                                             .title = "Copying",
                                             .family = "synthetic",
                                             .summary = "repeat the first tokens after a long noise of blanks",
                                             .source = "Arjovsky, Shah & Bengio 2016; Gu et al. 2020",
                                             .generated = true});
const RegisterSequenceData<SelectiveCopying> selective(
    {.name = "selective-copying",
     .title = "Selective copying",
     .family = "synthetic",
     .summary = "repeat in order tokens that are strewn among blanks",
     .source = "Gu & Dao 2023 (Mamba); defaults: 4096 steps, 16 tokens of a vocabulary of 16",
     .generated = true});

}  // namespace
}  // namespace longwave
