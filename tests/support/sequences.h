#pragma once

#include <cmath>
#include <limits>
#include <memory>

#include "longwave/base/random.h"
#include "longwave/data/sequence_data.h"

namespace longwave::testing {

/// Small generated sets, one a goal, of samples of 3 to 9 steps:
///   classify        label: the first token modulo classes
///   classify_pair   label: do both documents begin with the same token?
///   classify_steps  target: the token before; the first step is not scored
///   regress_steps   target: the value before; the first step is not scored
///   language        1 2 3 4 1 2 3 4 ... with one token in ten replaced
class TinySequences : public SequenceData {
 public:
  explicit TinySequences(SequenceGoal goal, std::int64_t train = 70, bool equal_lengths = false,
                         bool random_labels = false)
      : train_(train), equal_(equal_lengths), random_labels_(random_labels) {
    facts_.goal = goal;
    facts_.vocabulary = goal == SequenceGoal::regress_steps ? 0 : 6;
    facts_.channels = goal == SequenceGoal::regress_steps ? 1 : 0;
    facts_.classes = goal == SequenceGoal::classify_steps  ? 6
                     : goal == SequenceGoal::classify_pair ? 2
                     : goal == SequenceGoal::classify      ? 3
                                                           : 0;
    facts_.max_length = 9;
    facts_.mask = 5;
    facts_.token_names = {"_", "a", "b", "c", "d", "?"};
    if (facts_.vocabulary == 0) facts_.token_names.clear(), facts_.mask = -1;
    if (goal != SequenceGoal::language) return;
    for (const auto split : {Split::train, Split::val, Split::test}) {
      auto random = RandomStream{9, 0}.split(static_cast<std::uint64_t>(split));
      auto& stream = streams_[static_cast<std::size_t>(split)];
      for (std::int32_t i = 0; i < 401; ++i)
        stream.push_back(random.below(10) == 0 ? static_cast<std::int32_t>(random.below(5)) : 1 + i % 4);
    }
  }

  const SequenceFacts& facts() const override { return facts_; }
  std::int64_t samples(Split split) const override {
    if (facts_.goal == SequenceGoal::language) return std::ssize(stream(split));
    return split == Split::train ? train_ : 33;
  }
  std::int64_t length(Split split, std::int64_t index) const override {
    return equal_ ? 7 : 3 + static_cast<std::int64_t>(random_of(split, index).split(1).below(7));
  }
  const std::vector<std::int32_t>& stream(Split split) const override {
    return streams_[static_cast<std::size_t>(split)];
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = random_of(split, index);
    const auto t = length(split, index);
    out.targets.clear();
    out.target_values.clear();
    fill(out.first, t, random);
    if (facts_.goal == SequenceGoal::classify)
      out.label = random_labels_ ? static_cast<std::int32_t>(random.below(3)) : out.first.tokens[0] % 3;
    if (facts_.goal == SequenceGoal::classify_pair) {
      fill(out.second, 3, random);
      if (random.below(2)) out.second.tokens[0] = out.first.tokens[0];
      out.label = out.first.tokens[0] == out.second.tokens[0];
    }
    if (facts_.goal == SequenceGoal::classify_steps) {
      out.targets = {kIgnoredTarget};
      out.targets.insert(out.targets.end(), out.first.tokens.begin(), out.first.tokens.end() - 1);
    }
    if (facts_.goal == SequenceGoal::regress_steps) {
      out.target_values = {std::numeric_limits<float>::quiet_NaN()};
      out.target_values.insert(out.target_values.end(), out.first.values.begin(), out.first.values.end() - 1);
    }
  }

 protected:
  SequenceFacts facts_;

 private:
  static RandomStream random_of(Split split, std::int64_t index) {
    return RandomStream{3, 0}.split(static_cast<std::uint64_t>(split)).split(static_cast<std::uint64_t>(index));
  }
  void fill(Steps& steps, std::int64_t t, RandomStream& random) const {
    steps.tokens.clear();
    steps.values.clear();
    for (std::int64_t i = 0; i < t; ++i)
      if (facts_.vocabulary > 0)
        steps.tokens.push_back(1 + static_cast<std::int32_t>(random.below(4)));
      else
        steps.values.push_back(static_cast<float>(random.normal()));
  }

  std::int64_t train_;
  bool equal_, random_labels_;
  std::vector<std::int32_t> streams_[3];
};

inline std::shared_ptr<const SequenceData> tiny_sequences(SequenceGoal goal, std::int64_t train = 70) {
  return std::make_shared<const TinySequences>(goal, train);
}

}  // namespace longwave::testing
