#pragma once

#include <cstdint>
#include <vector>

#include "longwave/data/lanczos.h"

namespace longwave {

/// How much finer strokes are drawn before they are shrunk.
inline constexpr int kStrokeScale = 2;

/// A pixel, or a way from one to another.
struct Pixel {
  int y, x;
  bool operator==(const Pixel&) const = default;
};

/// A way of `distance` in the direction `angle` (radians; y = sine, x = cosine).
struct Way {
  double y, x;
  Way(double angle, double distance);
  /// Where it leads from a pixel, both coordinates rounded up. That is done on the sum, so that rounding errors of a
  /// way straight down or to the left count near the border, as in the reference.
  Pixel from(Pixel pixel) const;
};

/// One dash of a contour, drawn from the middle of a small square in some direction.
struct StrokeShape {
  int length;        // pixels
  double thickness;  // pixels; a multiple of 1 / kStrokeScale
  int margin;        // pixels kept free around it

  /// Pixels from the middle to the border of the square; its side is twice that and one.
  int reach() const;
};

/// A stroke in 8 bits: its ink, and the room it takes; [side, side] with the middle at the start of the stroke.
struct Stroke {
  int side;
  std::vector<std::uint8_t> ink, room;
};

/// Draws a stroke as the reference does: a line without smoothing on a finer grid (Bresenham's for a width of 1, else a
/// filled rectangle as Pillow has it), widened by a disc for the room, both shrunk by LanczosShrink.
Stroke draw_stroke(const StrokeShape& shape, double angle);

/// A filled disc with its middle at (y, x) of an image of `side` pixels a side, drawn and shrunk the same way.
GreyPatch draw_disc(const LanczosShrink& shrink, int side, int y, int x, double radius);

}  // namespace longwave
