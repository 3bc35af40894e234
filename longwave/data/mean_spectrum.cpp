#include "longwave/data/mean_spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace longwave {
namespace {

constexpr double kFullScale = 32768, kSilence = 1e-10;  // power below which a frequency is silent

}  // namespace

MeanSpectrum::MeanSpectrum(std::int64_t frame) : frame_(frame) {
  const auto size = static_cast<double>(frame);
  for (std::int64_t k = 1; k <= frame / 2; ++k)
    for (std::int64_t i = 0; i < frame; ++i) {
      const auto turn = 2 * std::numbers::pi / size * static_cast<double>(i);
      const auto window = (1 - std::cos(turn)) / size / kFullScale;
      cosine_.push_back(static_cast<float>(window * std::cos(turn * static_cast<double>(k))));
      sine_.push_back(static_cast<float>(window * std::sin(turn * static_cast<double>(k))));
    }
}

void MeanSpectrum::operator()(const std::vector<std::int16_t>& samples, std::vector<float>& out) const {
  const auto frequencies = static_cast<std::size_t>(frame_ / 2), size = static_cast<std::size_t>(frame_);
  std::vector<double> sum(frequencies), squares(frequencies);
  std::vector<float> x(size);
  double frames = 0;
  for (std::size_t begin = 0; begin < samples.size(); begin += size, ++frames) {
    const auto count = std::min(size, samples.size() - begin);
    std::fill(std::copy_n(samples.begin() + static_cast<std::ptrdiff_t>(begin), count, x.begin()), x.end(), 0.0f);
    for (std::size_t k = 0; k < frequencies; ++k) {
      float re = 0, im = 0;
      for (std::size_t i = 0; i < size; ++i) re += x[i] * cosine_[k * size + i], im += x[i] * sine_[k * size + i];
      const auto level = std::log(static_cast<double>(re) * re + static_cast<double>(im) * im + kSilence);
      sum[k] += level, squares[k] += level * level;
    }
  }
  out.clear();
  for (const auto s : sum) out.push_back(static_cast<float>(s / frames));
  for (std::size_t k = 0; k < frequencies; ++k)
    out.push_back(
        static_cast<float>(std::sqrt(std::max(0.0, squares[k] / frames - sum[k] / frames * (sum[k] / frames)))));
}

}  // namespace longwave
