#include "longwave/report/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "longwave/report/ticks.h"

namespace longwave {
namespace {

constexpr double kTop = 66, kLeft = 78, kGap = 8, kTitle = 18, kFoot = 6;

double largest(const HeatMaps& maps) {
  double most = 0;
  for (const auto& line : maps.grid)
    for (const auto& matrix : line)
      for (const double v : matrix.values)
        if (std::isfinite(v)) most = std::max(most, std::abs(v));
  return most > 0 ? most : 1;
}

/// The colour of a value is its sign's colour, the more opaque the larger: over a light and over a dark background.
void cell(Svg& svg, double x, double y, double width, double height, double share) {
  const auto opacity = std::min(1.0, std::abs(share));
  if (!(opacity >= 0.005)) return;
  svg.rect(x, y, width, height, fill_class(share > 0 ? 0 : 1), fmt::format("fill-opacity=\"{:.2f}\"", opacity));
}

void legend(Svg& svg, const HeatMaps& maps, double most) {
  constexpr double kWidth = 120, kHeight = 10;
  constexpr int kSteps = 36;
  const auto left = maps.width - kWidth - 30;
  for (int i = 0; i < kSteps; ++i)
    cell(svg, left + kWidth * i / kSteps, 30, kWidth / kSteps + 0.2, kHeight, 2 * (i + 0.5) / kSteps - 1);
  svg.rect(left, 30, kWidth, kHeight, "ink hollow", "stroke-width=\"0.5\"");
  const auto number = format_number(most, NumberStyle::plain);
  svg.text(left, 54, "-" + number, "middle", "soft", "font-size=\"11\"");
  svg.text(left + kWidth / 2, 54, "0", "middle", "soft", "font-size=\"11\"");
  svg.text(left + kWidth, 54, "+" + number, "middle", "soft", "font-size=\"11\"");
}

void matrix(Svg& svg, const HeatMatrix& m, double left, double top, double size, double most) {
  svg.text(left + size / 2, top + 13, m.title, "middle", "soft", "font-size=\"11\"");
  const auto width = size / m.columns, height = size / m.rows;
  for (std::int64_t r = 0; r < m.rows; ++r)
    for (std::int64_t c = 0; c < m.columns; ++c)
      cell(svg, left + c * width, top + kTitle + r * height, width, height, m.values[r * m.columns + c] / most);
  svg.rect(left, top + kTitle, size, size, "ink hollow", "stroke-width=\"0.5\"");
}

}  // namespace

std::string draw(const HeatMaps& maps, SvgUse use) {
  std::size_t across = 1;
  for (const auto& line : maps.grid) across = std::max(across, line.size());
  const auto size = (maps.width - kLeft - kGap) / across - kGap, step = size + kTitle + kGap;
  Svg svg(maps.width, kTop + step * maps.grid.size() + kFoot, maps.title, maps.description);
  svg.text(12, 18, maps.title, "start", "ink title");
  svg.text(12, 40, "rows: " + maps.y, "start", "soft", "font-size=\"11\"");
  svg.text(12, 54, "columns: " + maps.x, "start", "soft", "font-size=\"11\"");
  const auto most = largest(maps);
  legend(svg, maps, most);
  auto top = kTop;
  for (std::size_t l = 0; l < maps.grid.size(); ++l, top += step) {
    if (l < maps.line_titles.size())
      svg.text(12, top + kTitle + size / 2 + 4, maps.line_titles[l], "start", "ink", "font-size=\"11\"");
    for (std::size_t c = 0; c < maps.grid[l].size(); ++c)
      matrix(svg, maps.grid[l][c], kLeft + c * (size + kGap), top, size, most);
  }
  return svg.str(use);
}

}  // namespace longwave
