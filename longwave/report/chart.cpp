#include "longwave/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace longwave {
namespace {

constexpr double kFont = 13;  // as in svg_style()

struct Box {
  double left, top, right, bottom;
  bool overlaps(const Box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
};

/// Places of an axis: value -> pixel, and its ticks.
struct Scale {
  double low = 0, high = 1, from = 0, to = 1;
  bool logarithmic = false;
  std::vector<double> ticks;
  std::vector<std::string> labels;

  bool shows(double v) const { return std::isfinite(v) && (!logarithmic || v > 0); }
  double at(double v) const {
    const auto f = [&](double u) { return logarithmic ? std::log10(u) : u; };
    return from + (f(v) - f(low)) / (f(high) - f(low)) * (to - from);
  }
};

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void take(double v, bool logarithmic) {
    if (!std::isfinite(v) || (logarithmic && v <= 0)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
};

Scale make_scale(const Axis& axis, Range range, int wanted, bool snug) {
  if (axis.low) range.low = *axis.low;
  if (axis.high) range.high = *axis.high;
  if (!(range.low <= range.high)) range = axis.logarithmic ? Range{1, 10} : Range{0, 1};
  Scale scale;
  scale.logarithmic = axis.logarithmic;
  scale.ticks = !axis.logarithmic                    ? linear_ticks(range.low, range.high, wanted)
                : axis.style == NumberStyle::seconds ? time_ticks(range.low, range.high)
                : axis.style == NumberStyle::bytes   ? byte_ticks(range.low, range.high)
                                                     : log_ticks(range.low, range.high);
  scale.low = axis.low.value_or(scale.ticks.front());
  scale.high = axis.high.value_or(scale.ticks.back());
  if (snug && range.low < range.high) {
    scale.low = range.low;
    scale.high = range.high;
  }
  std::erase_if(scale.ticks, [&](double t) {
    const double slack = 1e-9 * (scale.high - scale.low);
    return t < scale.low - slack || t > scale.high + slack || (axis.whole && std::abs(t - std::round(t)) > 1e-9);
  });
  if (!axis.ticks.empty()) {
    scale.ticks.clear();
    for (const auto& [place, words] : axis.ticks) {
      scale.ticks.push_back(place);
      scale.labels.push_back(words);
    }
  } else if (axis.logarithmic && axis.style == NumberStyle::plain) {
    for (const double t : scale.ticks) scale.labels.push_back(fmt::format("{:g}", t));
  } else {
    scale.labels = tick_labels(scale.ticks, axis.style);
  }
  return scale;
}

struct Ranges {
  Range x, y;
};

Ranges data_ranges(const Chart& chart) {
  Ranges r;
  const bool lx = chart.x.logarithmic, ly = chart.y.logarithmic;
  for (const auto& band : chart.bands)
    for (std::size_t i = 0; i < band.x.size(); ++i) {
      r.x.take(band.x[i], lx);
      r.y.take(band.low[i], ly);
      r.y.take(band.high[i], ly);
    }
  for (const auto& line : chart.lines)
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      r.x.take(line.x[i], lx);
      r.y.take(line.y[i], ly);
    }
  for (const auto& dot : chart.dots) {
    r.x.take(dot.x, lx);
    r.y.take(dot.y - dot.y_error, ly);
    r.y.take(dot.y + dot.y_error, ly);
  }
  for (const auto& reference : chart.references)
    reference.vertical ? r.x.take(reference.at, lx) : r.y.take(reference.at, ly);
  return r;
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart)
      : chart_(chart), svg_(chart.width, chart.height, chart.title, chart.description) {}

  std::string draw(SvgUse use) {
    legend();
    scales();
    axes();
    svg_.open_clip(x_.from - 4, y_.to - 4, x_.to - x_.from + 8, y_.from - y_.to + 8);  // whole points at the edge
    for (const auto& band : chart_.bands) draw_band(band);
    for (const auto& line : chart_.lines) draw_line(line);
    svg_.close_clip();
    // Words of the lines across go where no point is: points come first, their own labels last.
    for (const auto& dot : chart_.dots) draw_dot(dot);
    for (const auto& reference : chart_.references) draw_reference(reference);
    for (const auto& dot : chart_.dots) label_dot(dot);
    return svg_.str(use);
  }

 private:
  /// Title and legend; leaves top_ below them.
  void legend() {
    top_ = 8;
    if (!chart_.title.empty()) {
      svg_.text(8, top_ + kFont, chart_.title, "start", "ink title");
      top_ += kFont + 8;
    }
    double x = 8;
    const auto entry = [&](const std::string& name, auto&& swatch) {
      if (name.empty()) return;
      const double width = 26 + text_width(name) * kFont + 12;
      if (x > 8 && x + width > chart_.width) {
        x = 8;
        top_ += kFont + 5;
      }
      swatch(x, top_ + kFont * 0.65);
      svg_.text(x + 24, top_ + kFont, name);
      x += width;
    };
    for (const auto& line : chart_.lines)
      entry(line.name, [&](double left, double middle) {
        svg_.line(left, middle, left + 18, middle, "curve " + stroke_class(line.color), dash(line));
      });
    for (const auto& band : chart_.bands)
      entry(band.name, [&](double left, double middle) {
        svg_.rect(left, middle - 5, 18, 10, "band " + fill_class(band.color), opacity(band));
      });
    if (x > 8) top_ += kFont + 5;
    top_ += 8;
  }

  void scales() {
    const auto ranges = data_ranges(chart_);
    const double bottom = chart_.height - (chart_.x.label.empty() ? 26 : 44);
    y_ = make_scale(chart_.y, ranges.y, static_cast<int>((bottom - top_) / 45), false);
    double widest = 0;
    for (const auto& label : y_.labels) widest = std::max(widest, text_width(label) * kFont);
    const double left = widest + (chart_.y.label.empty() ? 16 : 34);
    const double right = chart_.width - 14;
    x_ = make_scale(chart_.x, ranges.x, static_cast<int>((right - left) / 70), chart_.dots.empty());
    x_.from = left;
    x_.to = right;
    y_.from = bottom;
    y_.to = top_;
  }

  void axes() {
    double last_label = 1e9;
    for (std::size_t i = 0; i < y_.ticks.size(); ++i) {
      const double y = y_.at(y_.ticks[i]);
      if (y > last_label - kFont - 2) continue;  // no room for this label
      last_label = y;
      svg_.line(x_.from, y, x_.to, y, "grid");
      svg_.text(x_.from - 7, y + kFont * 0.36, y_.labels[i], "end", "soft");
    }
    double last = -1e9;
    for (std::size_t i = 0; i < x_.ticks.size(); ++i) {
      const double x = x_.at(x_.ticks[i]), half = text_width(x_.labels[i]) * kFont / 2;
      svg_.line(x, y_.from, x, y_.from + 4, "soft");
      const double centre = std::min(x, chart_.width - 4 - half);
      if (centre - half < last + 6) continue;  // no room for this label
      svg_.text(centre, y_.from + 18, x_.labels[i], "middle", "soft");
      last = centre + half;
    }
    svg_.line(x_.from, y_.from, x_.to, y_.from, "soft");
    if (!chart_.x.label.empty()) svg_.text((x_.from + x_.to) / 2, chart_.height - 8, chart_.x.label, "middle", "soft");
    if (!chart_.y.label.empty()) {
      const double middle = (y_.from + y_.to) / 2;
      svg_.text(15, middle, chart_.y.label, "middle", "soft",
                fmt::format("transform=\"rotate(-90 15 {:.2f})\"", middle));
    }
  }

  void draw_band(const Band& band) {
    std::vector<std::pair<double, double>> outline;
    const auto add = [&](std::size_t i, const std::vector<double>& edge) {
      if (x_.shows(band.x[i]) && y_.shows(edge[i])) outline.emplace_back(x_.at(band.x[i]), y_.at(edge[i]));
    };
    for (std::size_t i = 0; i < band.x.size(); ++i) add(i, band.low);
    for (std::size_t i = band.x.size(); i-- > 0;) add(i, band.high);
    if (!outline.empty()) svg_.polygon(outline, "band " + fill_class(band.color), opacity(band));
  }

  void draw_line(const Line& line) {
    std::vector<std::pair<double, double>> piece;
    const auto flush = [&] {
      const auto classes = "curve " + stroke_class(line.color);
      if (piece.size() == 1) svg_.circle(piece[0].first, piece[0].second, 2.5, fill_class(line.color));
      if (piece.size() > 1) svg_.path(piece, classes, dash(line));
      piece.clear();
    };
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      if (x_.shows(line.x[i]) && y_.shows(line.y[i]))
        piece.emplace_back(x_.at(line.x[i]), y_.at(line.y[i]));
      else
        flush();
    }
    flush();
  }

  void draw_reference(const Reference& reference) {
    const double at = reference.vertical ? x_.at(reference.at) : y_.at(reference.at);
    const double width = text_width(reference.label) * kFont;
    constexpr const char* kDash = "stroke-dasharray=\"5 4\"";
    if (reference.vertical) {
      svg_.line(at, y_.from, at, y_.to, "soft", kDash);
      const bool left = at + 6 + width > x_.to;
      svg_.text(at + (left ? -6 : 6), y_.to + kFont, reference.label, left ? "end" : "start", "soft");
      return;
    }
    svg_.line(x_.from, at, x_.to, at, "soft", kDash);
    taken_.push_back({x_.from, at - 1, x_.to, at + 1});
    std::vector<double> lefts = {x_.to - width - 4, x_.from + 6};
    for (double left = lefts[0] - 20; left > lefts[1]; left -= 20) lefts.push_back(left);
    std::pair<double, double> place{lefts[0], at - 6};
    auto fewest = std::numeric_limits<std::ptrdiff_t>::max();
    for (const double line : {at - 6, at + 16, at - 14, at + 24})  // on the line; beyond the points that lie on it
      for (const auto left : lefts)
        if (const auto hidden = overlaps(box_of_text({left, line}, width)); hidden < fewest)
          place = {left, line}, fewest = hidden;
    svg_.text(place.first, place.second, reference.label, "start", "soft");
    taken_.push_back(box_of_text(place, width));
  }

  bool visible(const Dot& dot) const { return x_.shows(dot.x) && y_.shows(dot.y); }

  void draw_dot(const Dot& dot) {
    if (!visible(dot)) return;
    const double x = x_.at(dot.x), y = y_.at(dot.y);
    if (dot.y_error > 0 && y_.shows(dot.y - dot.y_error))
      svg_.line(x, y_.at(dot.y - dot.y_error), x, y_.at(dot.y + dot.y_error), "curve " + stroke_class(dot.color));
    svg_.circle(x, y, 5.5, fill_class(dot.color));
    taken_.push_back({x - 6, y - 6, x + 6, y + 6});
  }

  /// Beside the point, where it hides nothing; farther away, with a line to it, where points crowd.
  void label_dot(const Dot& dot) {
    if (!visible(dot) || dot.label.empty()) return;
    const double x = x_.at(dot.x), y = y_.at(dot.y), width = text_width(dot.label) * kFont, half = kFont * 0.36;
    std::vector<std::pair<double, double>> places = {{x + 10, y + half}, {x - 10 - width, y + half}};
    for (double away = 10; away < chart_.height / 2; away += 16)
      for (const double line : {y - away, y + away + kFont})
        for (const double left : {x - width / 2, x + 8, x - 8 - width}) places.emplace_back(left, line);
    auto best = places[0];
    auto fewest = std::numeric_limits<std::ptrdiff_t>::max();
    for (const auto& place : places) {
      const auto box = box_of_text(place, width);
      if (box.left < x_.from || box.right > chart_.width - 2 || box.top < y_.to - 8 || box.bottom > y_.from) continue;
      const auto hidden = overlaps(box);
      if (hidden >= fewest) continue;
      best = place;
      fewest = hidden;
      if (hidden == 0) break;
    }
    const auto box = box_of_text(best, width);
    const bool below = box.top > y + 20, above = box.bottom < y - 20;
    if (below || above) {
      const double from = y + (below ? 7 : -7), to = below ? box.top : box.bottom,
                   end = std::clamp(x, box.left, box.right);
      svg_.line(x, from, end, to, "soft");
      taken_.push_back({std::min(x, end) - 2, std::min(from, to), std::max(x, end) + 2, std::max(from, to)});
    }
    taken_.push_back(box);
    svg_.text(best.first, best.second, dot.label);
  }

  static Box box_of_text(const std::pair<double, double>& place, double width) {
    return {place.first, place.second - kFont, place.first + width, place.second + 3};
  }

  /// How many of the words, points and lines across a box would hide.
  std::ptrdiff_t overlaps(const Box& box) const {
    return std::count_if(taken_.begin(), taken_.end(), [&](const Box& other) { return other.overlaps(box); });
  }

  static std::string dash(const Line& line) { return line.dashed ? "stroke-dasharray=\"6 4\"" : ""; }
  static std::string opacity(const Band& band) { return fmt::format("fill-opacity=\"{:g}\"", band.opacity); }

  const Chart& chart_;
  Svg svg_;
  Scale x_, y_;
  double top_ = 0;
  std::vector<Box> taken_;
};

}  // namespace

std::string draw(const Chart& chart, SvgUse use) { return Drawing(chart).draw(use); }

std::string draw(const BarChart& chart, SvgUse use) {
  constexpr double kRow = 24;
  const double top = chart.title.empty() ? 8 : 32;
  Svg svg(chart.width, top + kRow * static_cast<double>(chart.bars.size()) + 8, chart.title, chart.description);
  if (!chart.title.empty()) svg.text(8, 8 + kFont, chart.title, "start", "ink title");
  double names = 0, numbers = 0, largest = 0;
  std::vector<std::string> texts;
  for (const auto& bar : chart.bars) {
    texts.push_back(bar.text.empty() ? format_number(bar.value, chart.style) : bar.text);
    names = std::max(names, text_width(bar.label) * kFont);
    numbers = std::max(numbers, text_width(texts.back()) * kFont);
    if (std::isfinite(bar.value)) largest = std::max(largest, bar.value);
  }
  const double left = 8 + names + 8, room = chart.width - left - numbers - 18;
  for (std::size_t i = 0; i < chart.bars.size(); ++i) {
    const auto& bar = chart.bars[i];
    const double y = top + kRow * static_cast<double>(i);
    const double length = largest > 0 && std::isfinite(bar.value) ? std::max(0.0, bar.value) / largest * room : 0;
    svg.text(left - 8, y + kRow / 2 + kFont * 0.36, bar.label, "end");
    svg.rect(left, y + 4, std::max(length, 1.0), kRow - 8, fill_class(bar.color));
    svg.text(left + length + 7, y + kRow / 2 + kFont * 0.36, texts[i], "start", "soft");
  }
  return svg.str(use);
}

}  // namespace longwave
