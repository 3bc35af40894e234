#pragma once

#include <optional>
#include <string>
#include <vector>

#include "longwave/report/svg.h"
#include "longwave/report/ticks.h"

namespace longwave {

/// One axis. Limits that are not given come from the data. On a logarithmic axis values <= 0 are not drawn.
struct Axis {
  std::string label = {};
  bool logarithmic = false;
  bool whole = false;  // only whole numbers mean something, as of epochs
  NumberStyle style = NumberStyle::plain;
  std::optional<double> low = {}, high = {};
  std::vector<std::pair<double, std::string>> ticks = {};  // places and words of one's own (dates), instead of numbers
};

/// A curve. It is interrupted where y is not finite.
struct Line {
  std::string name = {};  // for the legend; "" leaves it out
  std::vector<double> x = {}, y = {};
  std::size_t color = 0;  // series colour, see Svg
  bool dashed = false;
};

/// An area between two curves, such as a prediction interval. Give wide bands before narrow ones.
struct Band {
  std::string name = {};
  std::vector<double> x = {}, low = {}, high = {};
  std::size_t color = 0;
  double opacity = 0.2;
};

/// Single points, each with words beside it.
struct Dot {
  std::string label = {};
  double x = 0, y = 0;
  std::size_t color = 0;
  double y_error = 0;  // half the length of an error bar; 0: none
};

/// A horizontal (y) or vertical (x) line across the whole chart, such as a noise floor or the start of a forecast.
struct Reference {
  std::string label = {};
  double at = 0;
  bool vertical = false;
};

/// Curves, bands and points on common axes.
struct Chart {
  std::string title = {};
  std::string description = {};  // for those who cannot see it: what is drawn and what it shows
  Axis x = {}, y = {};
  std::vector<Band> bands = {};
  std::vector<Line> lines = {};
  std::vector<Dot> dots = {};
  std::vector<Reference> references = {};
  double width = 480, height = 300;
};
std::string draw(const Chart& chart, SvgUse use = SvgUse::file);

/// Horizontal bars, one under the other, with the value written beside each.
struct BarChart {
  struct Bar {
    std::string label = {};
    double value = 0;
    std::size_t color = 0;
    std::string text = {};  // instead of the number
  };
  std::string title = {}, description = {};
  NumberStyle style = NumberStyle::plain;
  std::vector<Bar> bars = {};
  double width = 480;
};
std::string draw(const BarChart& chart, SvgUse use = SvgUse::file);

}  // namespace longwave
