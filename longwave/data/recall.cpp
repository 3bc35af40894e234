// Associative recall with one query (Ba et al. 2016; Fu et al. 2023; Poli et al. 2023): pairs of key and value, then a
// key; its value is asked for.

#include "longwave/base/check.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

/// Keys 0 .. k-1, values k .. 2k-1, the prefix of the query, and "." for a key that did not occur.
class Recall final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::int64_t vocabulary = 30, steps = 131072;
    bool missing = false;

    Config() {
      train_samples = 4000;
      val_samples = test_samples = 500;
    }
    static const FieldTable<Config>& fields();
  };

  Recall(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    check(config.steps % 2 == 0, "data.steps is ", config.steps, "; expected an even number: pairs, prefix and key");
    check(config.vocabulary % 2 == 0, "data.vocabulary is ", config.vocabulary,
          "; expected an even number: as many keys as values, and two special tokens");
    auto names = numerals(config.vocabulary);
    for (std::int64_t i = 0; i < keys(); ++i) {
      names[static_cast<std::size_t>(i)] = "k" + std::to_string(i);
      names[static_cast<std::size_t>(keys() + i)] = "v" + std::to_string(i);
    }
    names[names.size() - 2] = "=>";
    names.back() = ".";
    predict_tokens(std::move(names), config.steps);
  }

  std::int64_t length(Split, std::int64_t) const override { return config_.steps; }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto count = static_cast<std::uint64_t>(keys());
    std::vector<std::int32_t> value_of(count);
    for (auto& value : value_of) value = static_cast<std::int32_t>(count + random.below(count));
    std::vector<bool> seen(count);
    auto& tokens = out.first.tokens;
    tokens.resize(static_cast<std::size_t>(config_.steps));
    for (std::size_t i = 0; i + 2 < tokens.size(); i += 2) {
      const auto key = random.below(count);
      tokens[i] = static_cast<std::int32_t>(key);
      tokens[i + 1] = value_of[key];
      seen[key] = true;
    }
    auto key = random.below(count);
    while (!config_.missing && !seen[key]) key = random.below(count);
    tokens[tokens.size() - 2] = static_cast<std::int32_t>(2 * count);
    tokens.back() = static_cast<std::int32_t>(key);
    out.targets.assign(tokens.size(), kIgnoredTarget);
    out.targets.back() = seen[key] ? value_of[key] : static_cast<std::int32_t>(2 * count + 1);
  }

  std::vector<Baseline> baselines() const override {
    const auto first = static_cast<std::int32_t>(keys());
    return {{"chance", 1.0 / first, "any of the values"},
            most_frequent_token(*this, "most frequent value of the sample", first, 2 * first - 1)};
  }

 private:
  std::int64_t keys() const { return (config_.vocabulary - 2) / 2; }

  Config config_;
};

const FieldTable<Recall::Config>& Recall::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    t.add("vocabulary", &C::vocabulary, "token ids: keys, as many values, two special ones", at_least<std::int64_t>(4))
        .add("steps", &C::steps, "of a sample, with prefix and query", at_least<std::int64_t>(4))
        .add("missing", &C::missing, "the query may be a key that did not occur; the answer is \".\" then");
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<Recall> registered({.name = "recall",
                                               .title = "Associative recall",
                                               .family = "synthetic",
                                               .summary = "the value that went with a key, one query at the end",
                                               .source = "Fu et al. 2023 (H3); Poli et al. 2023 (Hyena): the defaults",
                                               .generated = true});

}  // namespace
}  // namespace longwave
