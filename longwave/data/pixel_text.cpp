#include "longwave/data/pixel_text.h"

#include <charconv>
#include <cmath>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr int kMostLevel = 255, kMostLabel = 1000;

/// Calls `take(line number, value)` for every integer from 0 to `most`, and `end(line number)` after each line.
template <class Take, class End>
void read_integers(std::string_view text, const std::string& name, int most, const Take& take, const End& end) {
  const char* at = text.data();
  const char* const stop = at + text.size();
  for (std::int64_t line = 1; at < stop; ++line) {
    const char* const first = at;
    for (; at < stop && *at != '\n'; ++at) {
      if (*at == ' ' || *at == '\r') continue;
      int value = -1;
      const auto [behind, error] = std::from_chars(at, stop, value);
      const bool good = error == std::errc() && value >= 0 && value <= most &&
                        (behind == stop || *behind == ' ' || *behind == '\r' || *behind == '\n');
      check(good, name, ":", line, ":", at - first + 1, ": expected an integer from 0 to ", most);
      take(line, value);
      at = behind - 1;
    }
    end(line);
    ++at;
  }
}

}  // namespace

std::int64_t parse_pixel_text(std::string_view text, const std::string& name, std::int64_t& side, std::string& pixels) {
  std::int64_t images = 0, count = 0;
  read_integers(
      text, name, kMostLevel, [&](std::int64_t, int level) { pixels.push_back(static_cast<char>(level)), ++count; },
      [&](std::int64_t line) {
        check(count > 0, name, ":", line, ": no pixels; expected an image in every line");
        if (side == 0) side = std::llround(std::sqrt(static_cast<double>(count)));
        check(count == side * side, name, ":", line, ": ", count, " pixels; expected ", side * side,
              ", a square image in every line");
        ++images;
        count = 0;
      });
  check(images > 0, name, ": no images in it; expected one in every line");
  return images;
}

std::vector<std::int32_t> parse_label_text(std::string_view text, const std::string& name) {
  std::vector<std::int32_t> labels;
  read_integers(
      text, name, kMostLabel,
      [&](std::int64_t line, int label) {
        labels.push_back(label);
        check(std::ssize(labels) == line, name, ":", line, ": expected one label in every line");
      },
      [&](std::int64_t line) {
        check(std::ssize(labels) == line, name, ":", line, ": expected one label in every line");
      });
  return labels;
}

}  // namespace longwave
