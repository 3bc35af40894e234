#pragma once

#include <cstdint>
#include <vector>

#include "longwave/nn/module.h"

namespace longwave {

/// A large vocabulary, ordered by falling frequency, in bands of falling width (Grave et al. 2017, arXiv 1609.04309;
/// inputs: Baevski and Auli 2019, arXiv 1809.10853). Band i holds the tokens from cutoff i-1 to cutoff i as vectors of
/// width d / division^i with a map [d, width] to the model's width. The first band's softmax also has one entry for
/// each later band, so that all probabilities sum to one.
/// Weights: bands.N [tokens of it, width], maps.N [d, width] (N > 0), entries [bands - 1, d] (with outputs).
class AdaptiveVocabulary final : public Module {
 public:
  /// `cutoffs`: rising, all inside 1 .. tokens - 1; UserError otherwise. Without `outputs` it only embeds.
  AdaptiveVocabulary(std::int64_t tokens, std::int64_t d, const std::vector<std::int64_t>& cutoffs, double division,
                     bool outputs);

  /// tokens [...] int64 -> vectors [..., d].
  at::Tensor embed(const at::Tensor& tokens) const;

  /// y [n, d] -> log-probabilities [n, tokens].
  at::Tensor log_probabilities(const at::Tensor& y) const;

  /// -log-probability [n] of targets [n]; zero where a target is -100.
  at::Tensor losses(const at::Tensor& y, const at::Tensor& targets) const;

 private:
  at::Tensor first_weight() const;

  std::int64_t d_;
  std::vector<std::int64_t> begins_;  // of the bands, and the number of tokens at the end
  std::vector<at::Tensor> bands_, maps_;
  at::Tensor entries_;
};

}  // namespace longwave
