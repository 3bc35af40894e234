#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/data/sequence_data.h"

namespace longwave {

/// What is in one split.
struct SplitSummary {
  Split split;
  std::int64_t samples = 0;
  std::vector<std::int64_t> classes;  // samples of each class; empty where samples have no label
  std::int64_t shortest = 0, median = 0, longest = 0;
  double mean_length = 0;
  std::vector<std::int64_t> histogram;  // of lengths, equal parts from the shortest to the longest
};

/// What is in a set.
struct SequenceSummary {
  std::vector<SplitSummary> splits;  // those that have samples
  /// Samples whose steps are those of another one: within train beyond the first; of a split that are in another.
  std::int64_t twice_in_train = 0, val_in_train = 0, test_in_train = 0, test_in_val = 0;
};

/// Makes every sample once, hence takes its time for large sets. Language sets have sizes alone.
SequenceSummary summarize(const SequenceData& data);

/// Classes that a split has no sample of, one line for each split.
std::vector<std::string> missing_classes(const SequenceSummary& summary, const SequenceFacts& facts);

/// What whoever trains on a set of files must know of its samples, one line each: missing classes, and samples of test
/// that train has too. Nothing of generated sets, of streams, and of sets that take long to read.
std::vector<std::string> sample_cautions(const SequenceData& data);

/// How many samples of a split of `scored` are in a split of `known`, by their steps; makes all of both.
std::int64_t shared_samples(const SequenceData& known, Split in_known, const SequenceData& scored, Split in_scored);

}  // namespace longwave
