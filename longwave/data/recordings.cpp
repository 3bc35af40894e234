#include "longwave/data/recordings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "longwave/data/mean_spectrum.h"
#include "longwave/io/checksum.h"
#include "longwave/io/wav.h"

namespace longwave {
namespace {

constexpr double kFullScale = 32768;
constexpr std::int64_t kFramesOfSecond = 64;
constexpr std::size_t kHeard = 4000;  // recordings of a split that baselines take, a few seconds

/// At most kHeard of the items, evenly chosen.
std::vector<std::int64_t> some_of(const std::vector<std::int64_t>& items) {
  if (items.size() <= kHeard) return items;
  std::vector<std::int64_t> some;
  for (std::size_t i = 0; i < kHeard; ++i) some.push_back(items[i * items.size() / kHeard]);
  return some;
}

}  // namespace

std::vector<Baseline> Recordings::baselines() const {
  auto list = LabelledSet::baselines();
  const MeanSpectrum spectrum(rate_ / kFramesOfSecond);
  const auto test = some_of(items(Split::test));
  const auto score = nearest_class_mean(some_of(items(Split::train)), test, labels_,
                                        [&](std::int64_t item, std::vector<float>& out) { spectrum(read(item), out); });
  list.push_back({"nearest class mean of the spectrum, averaged over time", score,
                  fmt::format("measured on {} samples of the test split", test.size())});
  return list;
}

std::int64_t Recordings::add(std::filesystem::path path, std::int32_t label) {
  files_.push_back({std::move(path)});
  labels_.push_back(label);
  return static_cast<std::int64_t>(files_.size()) - 1;
}

std::vector<std::int16_t> Recordings::read(std::int64_t item) const { return read_wav(files_[item].path, rate_); }

void Recordings::measure(double scale, double guard) {
  require_samples();
  Sha256 hash;
  double sum = 0, squares = 0, count = 0;
  for (const auto split : {Split::train, Split::val, Split::test})
    for (const auto item : items(split)) {
      const auto samples = read(item);
      hash.update({reinterpret_cast<const char*>(samples.data()), samples.size() * sizeof(samples[0])});
      files_[item].samples = static_cast<std::int64_t>(samples.size());
      if (split != Split::train) continue;
      for (const double x : samples) sum += x, squares += x * x;  // integers: exact
      count += static_cast<double>(padded(item));
    }
  shift_ = sum / count;
  const auto deviation = std::sqrt(std::max(0.0, squares / count - shift_ * shift_)) / kFullScale * scale + guard;
  check(deviation > 0, path_of(items(Split::train).front()).string(),
        " and all other training recordings are silent; expected sound");
  factor_ = scale / kFullScale / deviation;
  facts_.channels = 1;
  describe(hash.hex());
  facts_.found.push_back(fmt::format("training samples: mean {:.6f}, deviation {:.6f} of full scale",
                                     shift_ / kFullScale, (deviation - guard) / scale));
}

std::int64_t Recordings::steps(std::int64_t item) const { return (padded(item) + stride_ - 1) / stride_; }

void Recordings::encode(std::int64_t item, Steps& out) const {
  const auto samples = read(item);
  check(static_cast<std::int64_t>(samples.size()) == files_[item].samples, files_[item].path.string(),
        ": changed while it was in use");
  out.tokens.clear();
  out.values.assign(static_cast<std::size_t>(steps(item)), static_cast<float>(-factor_ * shift_));
  const auto stride = static_cast<std::size_t>(stride_);
  for (std::size_t i = 0; i < samples.size(); i += stride)
    out.values[i / stride] = static_cast<float>(factor_ * (samples[i] - shift_));
}

std::vector<std::filesystem::path> wav_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".wav") files.push_back(entry.path());
  check(!error && !files.empty(), folder.string(), ": no .wav files there");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace longwave
