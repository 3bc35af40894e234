#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/data/sequence_data.h"

namespace longwave {

/// Settings that all sets of labelled items on disk have; they derive their Config from it.
struct LabelledOptions {
  std::int64_t train_samples = 0, val_samples = 0, test_samples = 0;
  std::int64_t seed = 42;
};

/// Adds the fields of LabelledOptions to the table of a Config derived from it.
template <class Config>
FieldTable<Config>& add_labelled_fields(FieldTable<Config>& table) {
  using Number = std::int64_t Config::*;
  const auto samples = at_least<std::int64_t>(0);
  return table
      .add("train_samples", static_cast<Number>(&Config::train_samples),
           "train on that many samples, equally many of each class; 0: all", samples)
      .add("val_samples", static_cast<Number>(&Config::val_samples), "the same of the validation part", samples)
      .add("test_samples", static_cast<Number>(&Config::test_samples), "the same of the test part", samples)
      .add("seed", static_cast<Number>(&Config::seed), "decides random splits and subsets",
           between<std::int64_t>(0, 0xffffffff));
}

/// A set of labelled items that are read from disk, numbered in the order of the files; every split is a list of them.
/// Derived sets say how an item becomes steps.
class LabelledSet : public SequenceData {
 public:
  const SequenceFacts& facts() const final { return facts_; }
  std::int64_t samples(Split split) const final { return static_cast<std::int64_t>(items(split).size()); }
  std::int64_t length(Split split, std::int64_t index) const final { return steps(items(split)[index]); }
  void example(Split split, std::int64_t index, SequenceExample& out) const final;
  /// The accuracy of always saying the most frequent class of the training part.
  std::vector<Baseline> baselines() const override;

 protected:
  /// Number of steps of an item.
  virtual std::int64_t steps(std::int64_t item) const = 0;
  /// The steps of an item, into memory that may hold another's.
  virtual void encode(std::int64_t item, Steps& out) const = 0;

  std::vector<std::int64_t>& items(Split split) { return items_[static_cast<std::size_t>(split)]; }
  const std::vector<std::int64_t>& items(Split split) const { return items_[static_cast<std::size_t>(split)]; }
  std::vector<std::int32_t> labels_of(const std::vector<std::int64_t>& items) const;

  /// The share `share` of every class of the training part becomes the validation part.
  void hold_out_validation(double share, std::uint64_t seed);
  /// Keeps as many samples of each split as the options say.
  void limit(const LabelledOptions& options);
  /// Where fewer samples are there than were published: a caution to every reader of a score.
  void compare_with_published(std::int64_t count, std::int64_t published, const std::string& of);
  /// UserError with what was read (facts_.found) if nothing trains or nothing tests.
  void require_samples() const;
  /// Facts that follow from the items: classes and greatest length; and the content hash. Requires samples.
  void describe(const std::string& content_hash);

  SequenceFacts facts_;
  std::vector<std::int32_t> labels_;  // [items]

 private:
  std::array<std::vector<std::int64_t>, 3> items_;
};

/// What a reader of scores on `count` of the `published` samples of a set must know.
std::string caution_of_part(std::int64_t count, std::int64_t published, const std::string& of);

/// Accuracy on `test` of the class whose mean over `train` is nearest; `feature` gives the vector of an item, always of
/// the same length.
double nearest_class_mean(const std::vector<std::int64_t>& train, const std::vector<std::int64_t>& test,
                          const std::vector<std::int32_t>& labels,
                          const std::function<void(std::int64_t item, std::vector<float>& out)>& feature);

}  // namespace longwave
