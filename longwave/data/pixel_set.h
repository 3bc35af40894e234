#pragma once

#include <string>
#include <vector>

#include "longwave/data/labelled_set.h"

namespace longwave {

/// Square images in memory, read as sequences of pixels, row by row: numbers (grey or channels, shifted and scaled) or
/// grey levels as tokens.
class PixelSet : public LabelledSet {
 public:
  /// Besides the majority class: the class whose mean image is nearest.
  std::vector<Baseline> baselines() const override;

 protected:
  std::int64_t steps(std::int64_t item) const override;
  void encode(std::int64_t item, Steps& out) const override;

  /// Sets how pixels become steps: `mean` and `deviation` of each plane, in units of the greatest level 255; `pool` x
  /// `pool` pixels give one step, their mean.
  void use_values(std::int64_t side, std::int64_t pool, std::vector<double> mean, std::vector<double> deviation);
  /// The grey level (rounded where pooled) is the token: 256 ids, none of them padding, 256 for masks.
  void use_tokens(std::int64_t side, std::int64_t pool);
  std::int64_t pixels_of_item() const { return planes_ * side_ * side_; }

  std::string pixels_;               // [items, planes, side, side]
  std::vector<std::int64_t> order_;  // step -> position row by row; empty: the same

 private:
  std::int64_t level_sum(const unsigned char* plane, std::int64_t position) const;

  std::int64_t planes_ = 1, side_ = 0, pool_ = 1;
  std::vector<double> mean_, deviation_;  // empty: tokens
};

}  // namespace longwave
