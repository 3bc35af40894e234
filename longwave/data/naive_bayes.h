#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "longwave/data/sequence_data.h"

namespace longwave {

/// Multinomial naive Bayes with add-one smoothing: a sample is the features that occur in it, in any order.
class NaiveBayes {
 public:
  NaiveBayes(std::int64_t classes, std::int64_t features);
  void learn(const std::vector<std::int32_t>& features, std::int32_t label);
  /// The most probable class.
  std::int32_t guess(const std::vector<std::int32_t>& features) const;

 private:
  std::int64_t classes_, features_;
  std::vector<double> counts_;            // [features, classes]
  std::vector<double> totals_, samples_;  // [classes]
};

/// The words of texts as numbers: letters and digits in a row, capitals made small (ASCII).
class WordIndex {
 public:
  /// Words not seen before get a new number if `grow`, else are left out.
  std::vector<std::int32_t> numbers(std::string_view text, bool grow);
  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }

 private:
  std::unordered_map<std::string, std::int32_t> ids_;
};

/// Share of the most frequent label of the training split (else of `score`) among those of `score`.
double majority_accuracy(const SequenceData& data, Split score);

/// Accuracy on `score` of naive Bayes over the tokens of the training split (of pairs: of both).
double token_naive_bayes_accuracy(const SequenceData& data, Split score);

}  // namespace longwave
