#pragma once

#include <cstdint>
#include <vector>

namespace longwave {

/// Part of a larger square 8-bit image that is 0 elsewhere: rows y .. y + height - 1, columns x .. x + width - 1.
struct GreyPatch {
  int y = 0, x = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [height, width]
};

/// Shrinks square 8-bit images with a Lanczos filter of three lobes, to the bit as Pillow's `resize` does: columns
/// first, then rows, each sum in fixed point of 22 bits, rounded and clamped to 8 bits.
class LanczosShrink {
 public:
  /// From `in` to `out` pixels a side (in >= out >= 1).
  LanczosShrink(int in, int out);

  /// What becomes of a part of the image: everything that can differ from 0.
  GreyPatch operator()(const GreyPatch& part) const;

 private:
  struct Taps {
    int first;                         // pixel of the large image
    std::vector<std::int32_t> factor;  // in units of 2^-22
  };
  struct Range {
    int begin, end;
  };
  Range reached(int first, int count) const;

  std::vector<Taps> taps_;  // of every pixel of a row or column of the small image
};

}  // namespace longwave
