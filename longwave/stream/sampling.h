#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "longwave/base/random.h"

namespace longwave {

/// How the next token is drawn.
struct SamplingOptions {
  double temperature = 1;         // logits are divided by it; 0: always the most probable token
  std::int64_t top_k = 0;         // only the k most probable tokens; 0: all
  double top_p = 1;               // only the most probable tokens that together reach this probability
  double repetition_penalty = 1;  // logits of tokens that have occurred: divided by it if positive, else multiplied
};

/// UserError if an option is out of range.
void check_sampling(const SamplingOptions& options);

/// The distribution of the next token over the vocabulary, in this order: repetition penalty (Keskar et al. 2019,
/// arXiv 1909.05858) of the tokens of `history`, temperature, top-k, top-p (Holtzman et al. 2020, arXiv 1904.09751) of
/// what top-k left. Among equal logits the lower token goes first. `logits` [vocabulary].
std::vector<double> next_distribution(std::span<const float> logits, std::span<const std::int32_t> history,
                                      const SamplingOptions& options);

/// A token of that distribution by the inverse of its cumulative sum.
std::int32_t draw(std::span<const double> distribution, RandomStream& random);

}  // namespace longwave
