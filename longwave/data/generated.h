#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/base/random.h"
#include "longwave/data/sequence_data.h"

namespace longwave {

/// What the configuration of every generated set begins with.
struct GeneratedConfig {
  std::int64_t train_samples = 0, val_samples = 0, test_samples = 0;
  std::int64_t seed = 0;
};

/// Adds the fields of GeneratedConfig, the base of C.
template <class C>
FieldTable<C>& add_generated_fields(FieldTable<C>& table) {
  const auto count = at_least<std::int64_t>(0);
  return table.template add<std::int64_t>("train_samples", &C::train_samples, "training samples", count)
      .template add<std::int64_t>("val_samples", &C::val_samples, "validation samples", count)
      .template add<std::int64_t>("test_samples", &C::test_samples, "test samples", count)
      .template add<std::int64_t>("seed", &C::seed, "of the generator");
}

/// The random numbers of one sample of a generated set.
RandomStream sample_stream(std::int64_t seed, Split split, std::int64_t index);

/// Base of the generated sets. Sample `index` of a split depends on (seed, split, index) alone: nothing is kept in
/// memory, a smaller set is the beginning of a larger one, and any thread makes any sample with the same bits.
class GeneratedData : public SequenceData {
 public:
  const SequenceFacts& facts() const final { return facts_; }
  std::int64_t samples(Split split) const final;
  /// By making the sample; sets that know better say so.
  std::int64_t length(Split split, std::int64_t index) const override;

 protected:
  /// Protocol "generated"; a set with a published one says so.
  explicit GeneratedData(const GeneratedConfig& sizes) : sizes_(sizes) { facts_.protocol = "generated"; }

  RandomStream stream(Split split, std::int64_t index) const { return sample_stream(sizes_.seed, split, index); }

  /// Every step a class of its own: goal classify_steps over the vocabulary `names`.
  void predict_tokens(std::vector<std::string> names, std::int64_t max_length);

  SequenceFacts facts_;

 private:
  GeneratedConfig sizes_;
};

/// Where a space of samples is small, every content belongs to one split only: one tenth to val, one tenth to test, by
/// its hash. A generator draws until the content belongs to the split that is wanted.
bool belongs_to(Split split, std::uint64_t content_hash);

/// Hash of numbers, the same on every machine.
std::uint64_t hash_of(std::span<const std::int32_t> numbers);

/// "0", "1", ... n-1, for names of classes and of tokens without a meaning of their own.
std::vector<std::string> numerals(std::int64_t n);

/// `count` distinct numbers of 0 .. n-1 in random order.
std::vector<std::int32_t> draw_distinct(RandomStream& random, std::int64_t n, std::int64_t count);

template <class T>
void shuffle(RandomStream& random, std::vector<T>& list) {
  for (auto i = list.size(); i > 1; --i) std::swap(list[i - 1], list[random.below(i)]);
}

/// What a predictor without learning earned: `right` of `scored`, in units of the metric.
struct Tally {
  double right = 0, scored = 0;
};

/// Calls visit(split, index) for the first 1000 samples of the test split, else of the validation split, else of the
/// training split; returns the words for them: "measured on 1000 test samples".
std::string visit_scored(const SequenceData& data, const std::function<void(Split, std::int64_t)>& visit);

/// A line for `name`: the share right / scored over those samples. `score` adds to the tally, fractions for guesses.
Baseline measured(const SequenceData& data, const std::string& name,
                  const std::function<void(const SequenceExample&, Tally&)>& score);

/// The first `count` samples of the training split, if there are that many: what a predictor may be fitted to.
void visit_training(const SequenceData& data, std::int64_t count,
                    const std::function<void(const SequenceExample&)>& visit);

/// "most frequent token": the token from `first` to `last` that is most frequent in the sample (ties shared) as the
/// answer of every scored step.
Baseline most_frequent_token(const SequenceData& data, const std::string& name, std::int32_t first, std::int32_t last);

}  // namespace longwave
