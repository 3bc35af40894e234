#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "longwave/data/labelled_set.h"

namespace longwave {

/// Short sound files of one channel, read when they are asked for: one sample a step, standardised by the training
/// part.
class Recordings : public LabelledSet {
 public:
  /// Besides the majority class: the class whose mean spectrum, without order of time, is nearest. Of large sets some
  /// thousand recordings are heard.
  std::vector<Baseline> baselines() const override;

 protected:
  explicit Recordings(std::int64_t rate) : rate_(rate) {}

  /// Adds an item that no split has yet; its number.
  std::int64_t add(std::filesystem::path path, std::int32_t label);
  const std::filesystem::path& path_of(std::int64_t item) const { return files_[item].path; }
  std::vector<std::int16_t> read(std::int64_t item) const;

  /// How samples become steps, before `measure`.
  void pad_to(std::int64_t samples) { least_samples_ = samples; }
  /// Keeps every `stride`-th sample, without a filter.
  void keep_every(std::int64_t stride) { stride_ = stride; }

  /// Reads the items of all splits once: lengths, content hash; mean and deviation of the training part
  /// (of samples between -1 and 1). `guard` is added to the deviation; `scale` multiplies the samples first.
  void measure(double scale, double guard);

  std::int64_t steps(std::int64_t item) const override;
  void encode(std::int64_t item, Steps& out) const override;

 private:
  struct File {
    std::filesystem::path path;
    std::int64_t samples = 0;
  };
  std::int64_t padded(std::int64_t item) const { return std::max(files_[item].samples, least_samples_); }

  std::int64_t rate_, least_samples_ = 0, stride_ = 1;
  std::vector<File> files_;
  double shift_ = 0, factor_ = 1;  // a step is factor * (sample - shift), of 16-bit samples
};

/// The .wav files of a folder by name. UserError if there are none.
std::vector<std::filesystem::path> wav_files(const std::filesystem::path& folder);

}  // namespace longwave
