#include "longwave/data/pathfinder_strokes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace longwave {
namespace {

constexpr std::uint8_t kInk = 255;

/// A square of pixels that can be drawn on.
struct Canvas {
  int side;
  std::vector<std::uint8_t> pixels = std::vector<std::uint8_t>(static_cast<std::size_t>(side * side));

  void dot(int y, int x) { pixels[y * side + x] = kInk; }
};

/// Bresenham's line with both ends; where the error is 0 it steps sideways.
void draw_thin_line(Canvas& canvas, Pixel from, Pixel to) {
  const int dy = std::abs(to.y - from.y), dx = std::abs(to.x - from.x);
  const int step_y = to.y < from.y ? -1 : 1, step_x = to.x < from.x ? -1 : 1;
  const bool flat = dx > dy;
  const int far = std::max(dx, dy), near = std::min(dx, dy);
  auto error = 2 * near - far;
  auto at = from;
  for (int i = 0; i < far; ++i) {
    canvas.dot(at.y, at.x);
    if (near > 0 && error >= 0) {
      (flat ? at.y : at.x) += flat ? step_y : step_x;
      error -= 2 * far;
    }
    error += 2 * near;
    (flat ? at.x : at.y) += flat ? step_x : step_y;
  }
  canvas.dot(to.y, to.x);
}

int half_away(double x) { return static_cast<int>(x >= 0 ? std::floor(x + 0.5) : -std::floor(-x + 0.5)); }
int half_towards(double x) { return static_cast<int>(x >= 0 ? std::ceil(x - 0.5) : -std::ceil(-x - 0.5)); }

/// Fills a convex polygon: in every row, what lies between its edges, pixels on them included.
void fill(Canvas& canvas, const std::array<Pixel, 4>& corners) {
  for (int y = 0; y < canvas.side; ++y) {
    auto left = static_cast<float>(canvas.side), right = -1.f;
    for (std::size_t i = 0; i < corners.size(); ++i) {
      const auto a = corners[i], b = corners[(i + 1) % corners.size()];
      if (a.y == b.y || y < std::min(a.y, b.y) || y > std::max(a.y, b.y)) continue;
      const auto slope = static_cast<float>(b.x - a.x) / static_cast<float>(b.y - a.y);
      const auto x = static_cast<float>(y - a.y) * slope + static_cast<float>(a.x);
      left = std::min(left, x);
      right = std::max(right, x);
    }
    for (int x = half_away(left); x <= half_towards(right); ++x) canvas.dot(y, x);
  }
}

/// A line of some width as a rectangle around its axis, with corners on whole pixels.
void draw_wide_line(Canvas& canvas, Pixel from, Pixel to, int width) {
  const int dy = to.y - from.y, dx = to.x - from.x;
  const auto length = std::hypot(dx, dy), half = (width - 1) / 2.0;
  const auto more = half_away(half) / length, less = half_towards(half) / length;
  const int x_less = half_towards(less * dy), x_more = half_towards(more * dy);
  const int y_less = half_towards(less * dx), y_more = half_towards(more * dx);
  fill(canvas, {Pixel{from.y + y_more, from.x - x_less}, Pixel{to.y + y_more, to.x - x_less},
                Pixel{to.y - y_less, to.x + x_more}, Pixel{from.y - y_less, from.x + x_more}});
}

Canvas widened(const Canvas& canvas, int radius) {
  Canvas wide{canvas.side};
  for (int y = 0; y < canvas.side; ++y)
    for (int x = 0; x < canvas.side; ++x) {
      if (canvas.pixels[y * canvas.side + x] == 0) continue;
      for (int v = std::max(0, y - radius); v <= std::min(canvas.side - 1, y + radius); ++v)
        for (int u = std::max(0, x - radius); u <= std::min(canvas.side - 1, x + radius); ++u)
          if ((v - y) * (v - y) + (u - x) * (u - x) <= radius * radius) wide.dot(v, u);
    }
  return wide;
}

std::vector<std::uint8_t> shrunk(const Canvas& canvas, int side) {
  return LanczosShrink(canvas.side, side)({0, 0, canvas.side, canvas.side, canvas.pixels}).pixels;
}

}  // namespace

Way::Way(double angle, double distance) : y(distance * std::sin(angle)), x(distance * std::cos(angle)) {}

Pixel Way::from(Pixel pixel) const {
  return {static_cast<int>(std::ceil(pixel.y + y)), static_cast<int>(std::ceil(pixel.x + x))};
}

int StrokeShape::reach() const { return length + static_cast<int>(std::ceil(thickness)) + margin; }

Stroke draw_stroke(const StrokeShape& shape, double angle) {
  const int middle = shape.reach() * kStrokeScale, side = 2 * shape.reach() + 1;
  const int width = static_cast<int>(std::lround(shape.thickness * kStrokeScale));
  const Pixel from{middle, middle}, to = Way(angle, shape.length * kStrokeScale).from(from);
  Canvas canvas{2 * middle + 1};
  width > 1 ? draw_wide_line(canvas, from, to, width) : draw_thin_line(canvas, from, to);
  return {side, shrunk(canvas, side), shrunk(widened(canvas, shape.margin * kStrokeScale), side)};
}

GreyPatch draw_disc(const LanczosShrink& shrink, int side, int y, int x, double radius) {
  const auto fine = radius * kStrokeScale;
  const int reach = static_cast<int>(fine), limit = side * kStrokeScale - 1;
  const int top = std::max(0, y * kStrokeScale - reach), bottom = std::min(limit, y * kStrokeScale + reach);
  const int left = std::max(0, x * kStrokeScale - reach), right = std::min(limit, x * kStrokeScale + reach);
  GreyPatch part{top, left, bottom - top + 1, right - left + 1, {}};
  for (int v = top; v <= bottom; ++v)
    for (int u = left; u <= right; ++u) {
      const int dy = v - y * kStrokeScale, dx = u - x * kStrokeScale;
      part.pixels.push_back(dy * dy + dx * dx <= fine * fine ? kInk : 0);
    }
  return shrink(part);
}

}  // namespace longwave
