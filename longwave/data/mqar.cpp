// Multi-query associative recall (Arora et al. 2023, "Zoology"): pairs of key and value, then every key once more at a
// random distance; at each of them its value is asked for.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

/// Samples of `steps` steps with `pairs` pairs; `share` of a mixture.
struct Kind {
  std::int64_t steps, pairs, share;
};

/// The training and test mixtures of Arora et al. 2024 ("Based"), in samples.
const std::vector<Kind> kBasedTrain{
    {64, 4, 100000}, {128, 8, 20000}, {256, 16, 20000}, {256, 32, 20000}, {256, 64, 20000}};
const std::vector<Kind> kBasedTest{{64, 4, 1000},   {64, 8, 1000},    {64, 16, 1000},   {128, 32, 1000},
                                   {256, 64, 1000}, {512, 128, 1000}, {1024, 256, 1000}};

class Mqar final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::int64_t vocabulary = 8192, steps = 64, pairs = 4, reassigned = 0;
    double power = 0.01;
    bool random_filler = false;
    std::string mixture = "none";

    Config() {
      train_samples = 100000;
      val_samples = test_samples = 3000;
    }
    static const FieldTable<Config>& fields();
  };

  Mqar(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    const std::vector<Kind> one{{config.steps, config.pairs, 1}};
    train_ = config.mixture == "based" ? kBasedTrain : one;
    test_ = config.mixture == "based" ? kBasedTest : one;
    std::int64_t longest = 0;
    for (const auto* kinds : {&train_, &test_})
      for (const auto& kind : *kinds) {
        check_kind(kind);
        longest = std::max(longest, kind.steps);
      }
    predict_tokens(numerals(config.vocabulary), longest);
    if (test_.size() > 1) facts_.group = "pairs";
  }

  std::int64_t group(Split split, std::int64_t index) const override { return kind_of(split, index).pairs; }

  std::int64_t length(Split split, std::int64_t index) const override { return kind_of(split, index).steps; }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto kind = kind_of(split, index);
    const auto half = config_.vocabulary / 2, d = kind.pairs, again = config_.reassigned;
    const auto keys = draw_distinct(random, half - 1, d);
    const auto values = draw_distinct(random, config_.vocabulary - half, d + again);
    const auto context = 2 * (d + again), slots = (kind.steps - context) / 2;
    auto& tokens = out.first.tokens;
    tokens.assign(static_cast<std::size_t>(kind.steps), 0);
    if (config_.random_filler)
      for (auto i = context; i < kind.steps; ++i) tokens[at(i)] = draw_token(random);
    out.targets.assign(tokens.size(), kIgnoredTarget);

    std::vector<std::int32_t> latest(values.begin(), values.begin() + d);
    const auto moved = draw_distinct(random, d, again);  // which keys get a second value
    for (std::int64_t i = 0; i < d + again; ++i) {
      const auto key = i < d ? i : moved[at(i - d)];
      latest[at(key)] = static_cast<std::int32_t>(half) + values[at(i)];
      tokens[at(2 * i)] = keys[at(key)] + 1;
      tokens[at(2 * i + 1)] = latest[at(key)];
    }
    const auto places = draw_slots(random, slots, d);
    for (std::int64_t i = 0; i < d; ++i) {
      const auto place = at(context + 2 * places[at(i)]);
      tokens[place] = keys[at(i)] + 1;
      out.targets[place] = latest[at(i)];
    }
  }

  std::vector<Baseline> baselines() const override {
    const auto half = config_.vocabulary / 2;
    return {{"chance", 1.0 / static_cast<double>(config_.vocabulary - half), "any of the values"},
            measured(*this, "any value of the sample", [&](const SequenceExample& sample, Tally& tally) {
              // Every key is asked for once: the queries tell how many pairs stand at the beginning.
              const auto pairs = std::count_if(sample.targets.begin(), sample.targets.end(),
                                               [](auto target) { return target != kIgnoredTarget; });
              std::vector<std::int32_t> seen;
              for (std::int64_t i = 0; i < pairs + config_.reassigned; ++i)
                seen.push_back(sample.first.tokens[at(2 * i + 1)]);
              for (const auto target : sample.targets)
                if (target != kIgnoredTarget) {
                  ++tally.scored;
                  tally.right += static_cast<double>(std::count(seen.begin(), seen.end(), target)) /
                                 static_cast<double>(seen.size());
                }
            })};
  }

 private:
  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

  std::int32_t draw_token(RandomStream& random) const {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config_.vocabulary)));
  }

  void check_kind(const Kind& kind) const {
    check(kind.steps % 2 == 0, "data.steps is ", kind.steps, "; expected an even number");
    check(config_.vocabulary > kind.steps, "data.vocabulary is ", config_.vocabulary, "; expected more than steps, ",
          kind.steps);
    check(4 * kind.pairs + 2 * config_.reassigned <= kind.steps, "data.pairs is ", kind.pairs,
          "; expected 4 pairs + 2 reassigned <= steps, ", kind.steps);
    check(config_.reassigned <= kind.pairs, "data.reassigned is ", config_.reassigned, "; expected at most pairs, ",
          kind.pairs);
  }

  /// A mixture is stretched over the samples of a split: kinds in the order of the list, each with its share.
  Kind kind_of(Split split, std::int64_t index) const {
    const auto& kinds = split == Split::train ? train_ : test_;
    std::int64_t all = 0;
    for (const auto& kind : kinds) all += kind.share;
    auto place = static_cast<double>(index) * static_cast<double>(all) / static_cast<double>(samples(split));
    for (const auto& kind : kinds) {
      if (place < static_cast<double>(kind.share)) return kind;
      place -= static_cast<double>(kind.share);
    }
    return kinds.back();
  }

  /// `count` of the slots 0 .. slots-1 without replacement, each draw with probability proportional to
  /// a (i + 1)^(a - 1) among those left: the order in which exponential clocks of those rates ring.
  std::vector<std::int32_t> draw_slots(RandomStream& random, std::int64_t slots, std::int64_t count) const {
    std::vector<double> rings(at(slots));
    for (std::int64_t i = 0; i < slots; ++i)
      rings[at(i)] = -std::log(1 - random.uniform()) * std::pow(static_cast<double>(i + 1), 1 - config_.power);
    std::vector<std::int32_t> order(at(slots));
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + count, order.end(),
                      [&](auto a, auto b) { return rings[at(a)] < rings[at(b)]; });
    order.resize(at(count));
    return order;
  }

  Config config_;
  std::vector<Kind> train_, test_;
};

const FieldTable<Mqar::Config>& Mqar::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    const auto some = at_least<std::int64_t>(1);
    t.add("vocabulary", &C::vocabulary, "token ids; keys are the lower half without 0, values the upper half", some)
        .add("steps", &C::steps, "of a sample (N)", some)
        .add("pairs", &C::pairs, "of key and value (D); at most a quarter of steps", some)
        .add("reassigned", &C::reassigned, "so many keys are shown a second time with a new value, which counts",
             at_least<std::int64_t>(0))
        .add("power", &C::power, "a of the law a i^(a-1) of the distance of a query; 1: uniform", between<double>(0, 1))
        .add("random_filler", &C::random_filler, "random tokens instead of 0 between the queries")
        .add("mixture", &C::mixture, "based: the lengths and pairs of Arora et al. 2024 instead of steps and pairs",
             one_of({"none", "based"}));
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<Mqar> registered({.name = "mqar",
                                             .title = "MQAR",
                                             .family = "synthetic",
                                             .summary = "multi-query associative recall: the value of every key",
                                             .source = "Arora et al. 2023 (Zoology), 2024 (Based)",
                                             .generated = true});

}  // namespace
}  // namespace longwave
