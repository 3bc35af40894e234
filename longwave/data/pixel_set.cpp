#include "longwave/data/pixel_set.h"

namespace longwave {

std::vector<Baseline> PixelSet::baselines() const {
  auto list = LabelledSet::baselines();
  Steps steps;
  const auto score = nearest_class_mean(items(Split::train), items(Split::test), labels_,
                                        [&](std::int64_t item, std::vector<float>& out) {
                                          encode(item, steps);
                                          if (mean_.empty())
                                            out.assign(steps.tokens.begin(), steps.tokens.end());
                                          else
                                            out = steps.values;
                                        });
  list.push_back({"nearest class mean", score, "measured on the test split"});
  return list;
}

void PixelSet::use_values(std::int64_t side, std::int64_t pool, std::vector<double> mean,
                          std::vector<double> deviation) {
  side_ = side;
  pool_ = pool;
  planes_ = static_cast<std::int64_t>(mean.size());
  mean_ = std::move(mean);
  deviation_ = std::move(deviation);
  facts_.channels = planes_;
}

void PixelSet::use_tokens(std::int64_t side, std::int64_t pool) {
  side_ = side;
  pool_ = pool;
  facts_.vocabulary = 257;
  facts_.mask = 256;
}

std::int64_t PixelSet::steps(std::int64_t) const { return (side_ / pool_) * (side_ / pool_); }

std::int64_t PixelSet::level_sum(const unsigned char* plane, std::int64_t position) const {
  if (pool_ == 1) return plane[position];
  const auto width = side_ / pool_;
  const auto* corner = plane + position / width * pool_ * side_ + position % width * pool_;
  std::int64_t sum = 0;
  for (std::int64_t y = 0; y < pool_; ++y)
    for (std::int64_t x = 0; x < pool_; ++x) sum += corner[y * side_ + x];
  return sum;
}

void PixelSet::encode(std::int64_t item, Steps& out) const {
  const auto* pixels = reinterpret_cast<const unsigned char*>(pixels_.data()) + item * pixels_of_item();
  const auto count = steps(item), area = pool_ * pool_;
  out.tokens.resize(mean_.empty() ? static_cast<std::size_t>(count) : 0);
  out.values.resize(static_cast<std::size_t>(count) * mean_.size());
  for (std::int64_t t = 0; t < count; ++t) {
    const auto position = order_.empty() ? t : order_[t];
    if (mean_.empty()) out.tokens[t] = static_cast<std::int32_t>((level_sum(pixels, position) + area / 2) / area);
    for (std::size_t c = 0; c < mean_.size(); ++c) {
      const auto sum = level_sum(pixels + static_cast<std::int64_t>(c) * side_ * side_, position);
      const auto level = static_cast<double>(sum) / static_cast<double>(255 * area);
      out.values[t * mean_.size() + c] = static_cast<float>((level - mean_[c]) / deviation_[c]);
    }
  }
}

}  // namespace longwave
