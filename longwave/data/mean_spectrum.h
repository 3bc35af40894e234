#pragma once

#include <cstdint>
#include <vector>

namespace longwave {

/// What a sound is like without the order of its parts: mean and deviation over all frames of the logarithm of the
/// power in each of `frame` / 2 frequencies, and so 2 (frame / 2) numbers. Frames are of `frame` samples, one behind
/// the other, under a Hann window; the last one is filled with silence.
class MeanSpectrum {
 public:
  /// `frame` is even and at least 2.
  explicit MeanSpectrum(std::int64_t frame);

  /// Of 16-bit samples, at least one, as fractions of full scale.
  void operator()(const std::vector<std::int16_t>& samples, std::vector<float>& out) const;

 private:
  std::int64_t frame_;
  std::vector<float> cosine_, sine_;  // [frame / 2, frame], times the window
};

}  // namespace longwave
