#include "longwave/data/lanczos.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace longwave {
namespace {

constexpr int kBits = 22;
constexpr double kLobes = 3;

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -kLobes && x < kLobes ? sinc(x) * sinc(x / kLobes) : 0; }

std::uint8_t rounded(std::int64_t sum) {
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>((sum + (1 << (kBits - 1))) >> kBits, 0, 255));
}

}  // namespace

LanczosShrink::LanczosShrink(int in, int out) {
  const auto scale = static_cast<double>(in) / out, support = kLobes * scale;
  for (int i = 0; i < out; ++i) {
    const auto center = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(in, static_cast<int>(center + support + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int k = first; k < last; ++k) sum += weights.emplace_back(lanczos((k - center + 0.5) * (1 / scale)));
    Taps taps{first, {}};
    for (const auto weight : weights)
      taps.factor.push_back(static_cast<std::int32_t>(std::lround(weight / sum * (1 << kBits))));
    taps_.push_back(std::move(taps));
  }
}

LanczosShrink::Range LanczosShrink::reached(int first, int count) const {
  Range range{0, static_cast<int>(taps_.size())};
  const auto touches = [&](const Taps& t) {
    return t.first < first + count && t.first + static_cast<int>(t.factor.size()) > first;
  };
  while (range.begin < range.end && !touches(taps_[range.begin])) ++range.begin;
  while (range.begin < range.end && !touches(taps_[range.end - 1])) --range.end;
  return range;
}

GreyPatch LanczosShrink::operator()(const GreyPatch& part) const {
  const auto rows = reached(part.y, part.height), columns = reached(part.x, part.width);
  GreyPatch out{rows.begin, columns.begin, rows.end - rows.begin, columns.end - columns.begin, {}};
  std::vector<std::uint8_t> narrow(static_cast<std::size_t>(part.height * out.width));
  for (int y = 0; y < part.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const auto& taps = taps_[columns.begin + x];
      const int begin = std::max(taps.first, part.x);
      const int end = std::min(taps.first + static_cast<int>(taps.factor.size()), part.x + part.width);
      std::int64_t sum = 0;
      for (int k = begin; k < end; ++k)
        sum += static_cast<std::int64_t>(taps.factor[k - taps.first]) * part.pixels[y * part.width + k - part.x];
      narrow[y * out.width + x] = rounded(sum);
    }
  out.pixels.resize(static_cast<std::size_t>(out.height * out.width));
  for (int y = 0; y < out.height; ++y) {
    const auto& taps = taps_[rows.begin + y];
    const int begin = std::max(taps.first, part.y);
    const int end = std::min(taps.first + static_cast<int>(taps.factor.size()), part.y + part.height);
    for (int x = 0; x < out.width; ++x) {
      std::int64_t sum = 0;
      for (int k = begin; k < end; ++k)
        sum += static_cast<std::int64_t>(taps.factor[k - taps.first]) * narrow[(k - part.y) * out.width + x];
      out.pixels[y * out.width + x] = rounded(sum);
    }
  }
  return out;
}

}  // namespace longwave
