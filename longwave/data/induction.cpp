// Induction heads (Olsson et al. 2022; as a task: Fu et al. 2023, Gu & Dao 2023): the last token is a prefix that was
// seen before; what followed it then comes next.

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

/// Ordinary tokens 0 .. vocabulary - 3, then the copy prefix and a token that is never used here.
class Induction final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::int64_t vocabulary = 16, steps = 256;
    std::vector<std::int64_t> test_steps{256};
    std::int64_t triggers = 1, copy = 1;
    bool score_all = false;

    Config() {
      train_samples = 100000;
      val_samples = test_samples = 1000;
    }
    static const FieldTable<Config>& fields();
  };

  Induction(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    check(!config.test_steps.empty(), "data.test_steps is empty; expected the lengths of the test samples");
    check(config.test_samples >= std::ssize(config.test_steps), "data.test_samples is ", config.test_samples,
          "; expected at least one for each of the ", config.test_steps.size(), " lengths in data.test_steps");
    auto lengths = config.test_steps;
    lengths.push_back(config.steps);
    for (const auto steps : lengths)
      check(steps >= 2 * config.copy + 1 + config.triggers, "data.steps or data.test_steps is ", steps,
            "; expected at least 2 copy + 1 + triggers = ", 2 * config.copy + 1 + config.triggers);
    auto names = numerals(config.vocabulary - 2);
    names.insert(names.end(), {"=>", "."});
    predict_tokens(std::move(names), *std::max_element(lengths.begin(), lengths.end()));
  }

  /// The test lengths share their split evenly, in the order of the list.
  std::int64_t length(Split split, std::int64_t index) const override {
    if (split != Split::test) return config_.steps;
    return config_.test_steps.at(static_cast<std::size_t>(index * std::ssize(config_.test_steps) / samples(split)));
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto prefix = static_cast<std::int32_t>(config_.vocabulary - 2);
    const auto m = static_cast<std::size_t>(config_.copy), steps = static_cast<std::size_t>(length(split, index));
    const auto n = steps - m;  // ordinary tokens in front of the last prefix
    auto& tokens = out.first.tokens;
    tokens.resize(steps + 1);  // one more: what comes after the last step
    for (std::size_t i = 0; i < n; ++i) tokens[i] = static_cast<std::int32_t>(random.below(config_.vocabulary - 2));
    const auto places = draw_places(random, n);
    for (const auto place : places) {
      tokens[place] = prefix;
      std::copy_n(tokens.begin() + places[0] + 1, m, tokens.begin() + place + 1);
    }
    tokens[n] = prefix;
    std::copy_n(tokens.begin() + places[0] + 1, m, tokens.begin() + static_cast<std::ptrdiff_t>(n) + 1);
    out.targets.assign(tokens.begin() + 1, tokens.end());
    if (split != Split::train || !config_.score_all) std::fill_n(out.targets.begin(), steps - m, kIgnoredTarget);
    tokens.pop_back();
  }

  std::vector<Baseline> baselines() const override {
    const auto last = static_cast<std::int32_t>(config_.vocabulary - 3);
    return {{"chance", 1.0 / (last + 1), "any of the ordinary tokens"},
            most_frequent_token(*this, "most frequent token of the sample", 0, last)};
  }

 private:
  /// Where prefixes stand among `n` tokens, so that what follows each one fits in front of the next.
  std::vector<std::ptrdiff_t> draw_places(RandomStream& random, std::size_t n) const {
    const auto count = config_.triggers > 1 && random.uniform() < 0.5 ? 1 : config_.triggers;
    auto drawn = draw_distinct(random, static_cast<std::int64_t>(n) - 1 - config_.copy, count);
    std::sort(drawn.begin(), drawn.end());
    std::vector<std::ptrdiff_t> places;
    for (const auto place : drawn)
      if (places.empty() || place > places.back() + config_.copy) places.push_back(place);
    return places;
  }

  Config config_;
};

const FieldTable<Induction::Config>& Induction::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    t.add("vocabulary", &C::vocabulary, "token ids, two of them special", at_least<std::int64_t>(3))
        .add("steps", &C::steps, "of a training or validation sample", at_least<std::int64_t>(4))
        .add("test_steps", &C::test_steps, "of a test sample; several lengths share the test split evenly")
        .add("triggers", &C::triggers, "prefixes drawn; more than 1: only one in half of the samples",
             at_least<std::int64_t>(1))
        .add("copy", &C::copy, "tokens to copy", at_least<std::int64_t>(1))
        .add("score_all", &C::score_all, "in training, every step is to predict the next one (Fu et al. 2023)");
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<Induction> registered(
    {.name = "induction",
     .title = "Induction heads",
     .family = "synthetic",
     .summary = "what followed the prefix the first time comes again; own lengths for the test",
     .source = "Gu & Dao 2023 (Mamba): vocabulary 16, 256 steps; Fu et al. 2023 (H3): triggers, copy, score_all",
     .generated = true});

}  // namespace
}  // namespace longwave
