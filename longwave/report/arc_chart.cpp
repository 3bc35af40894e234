#include "longwave/report/arc_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "longwave/report/ticks.h"

namespace longwave {
namespace {

constexpr double kLeft = 24, kRight = 24, kTop = 64, kBottom = 48;

struct Frame {
  explicit Frame(const ArcChart& chart) : width(chart.width - kLeft - kRight), base(chart.height - kBottom) {
    low = high = chart.places.empty() ? 0 : chart.places[0].x;
    for (const auto& place : chart.places) {
      low = std::min(low, place.x);
      high = std::max(high, place.x);
    }
    if (high <= low) high = low + 1;
  }
  double at(double x) const { return kLeft + (x - low) / (high - low) * width; }
  double width, base, low, high;
};

/// Half an ellipse between two places, as high as they are far apart; a circle above a place for a step to itself.
std::vector<std::pair<double, double>> arc(const Frame& frame, double from, double to) {
  constexpr int kSteps = 32;
  const bool loop = std::abs(to - from) < 1e-9;
  const auto middle = (from + to) / 2, reach = loop ? 6.0 : std::abs(to - from) / 2;
  const auto rise = loop ? 6.0 : (frame.base - kTop - 8) * std::sqrt(2 * reach / frame.width);
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i <= kSteps; ++i) {
    const auto angle = std::numbers::pi * (loop ? 2 : 1) * i / kSteps - (loop ? std::numbers::pi / 2 : 0);
    points.emplace_back(middle + reach * std::cos(angle) * (to < from || loop ? 1 : -1),
                        frame.base - 5 - (loop ? rise : 0) - rise * std::sin(angle));
  }
  return points;
}

void draw_chains(Svg& svg, const ArcChart& chart, const Frame& frame) {
  double most = 0;
  for (const auto& chain : chart.chains) most = std::max(most, chain.weight);
  for (auto chain = chart.chains.rbegin(); chain != chart.chains.rend(); ++chain) {
    const auto share = most > 0 ? chain->weight / most : 0;
    for (std::size_t i = 1; i < chain->places.size(); ++i)
      svg.path(
          arc(frame, frame.at(chart.places[chain->places[i - 1]].x), frame.at(chart.places[chain->places[i]].x)),
          stroke_class(chain->color),
          fmt::format("stroke-width=\"{:.2f}\" stroke-opacity=\"{:.2f}\"", 0.6 + 4.4 * share, 0.25 + 0.65 * share));
  }
}

void draw_axis(Svg& svg, const ArcChart& chart, const Frame& frame) {
  svg.line(kLeft - 8, frame.base, chart.width - kRight + 8, frame.base, "ink");
  for (const auto& place : chart.places) {
    const auto x = frame.at(place.x);
    svg.circle(x, frame.base, 3.5, place.hollow ? "paper" : "inkfill");
    if (place.hollow) svg.circle(x, frame.base, 3.5, "hollow soft", "stroke-width=\"1.5\"");
  }
  for (const auto& [x, words] : chart.ticks)
    svg.text(frame.at(x), frame.base + 19, words, "middle", "soft", "font-size=\"11\"");
  svg.text(kLeft + frame.width / 2, chart.height - 10, chart.x, "middle", "soft");
}

void draw_legend(Svg& svg, const ArcChart& chart) {
  double x = 12;
  const auto words = [&](const std::string& text) {
    svg.text(x, 43, text, "start", "soft", "font-size=\"11\"");
    x += text_width(text) * 11 + 16;
  };
  for (const auto& [color, text] : chart.colors) {
    svg.line(x, 39, x + 16, 39, stroke_class(color), "stroke-width=\"3\"");
    x += 20;
    words(text);
  }
  for (const bool hollow : {false, true}) {
    const auto& text = hollow ? chart.hollow : chart.filled;
    if (text.empty()) continue;
    svg.circle(x + 4, 39, 3.5, hollow ? "hollow soft" : "inkfill", hollow ? "stroke-width=\"1.5\"" : "");
    x += 12;
    words(text);
  }
}

}  // namespace

std::string draw(const ArcChart& chart, SvgUse use) {
  Svg svg(chart.width, chart.height, chart.title, chart.description);
  svg.text(12, 18, chart.title, "start", "ink title");
  draw_legend(svg, chart);
  const Frame frame(chart);
  draw_chains(svg, chart, frame);
  draw_axis(svg, chart, frame);
  return svg.str(use);
}

}  // namespace longwave
