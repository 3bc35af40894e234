#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longwave {

/// Where a picture goes: a file of its own, or a page that already holds the style (see html.h).
enum class SvgUse { file, page };

/// One SVG picture under construction. Coordinates are pixels of the nominal size, y downwards. Colours come from
/// classes, so that pictures follow the reader's light or dark scheme:
///   s0 .. s7   stroke of series 0 .. 7        f0 .. f7   fill of the same colours
///   ink        text and axis lines            soft       secondary text          grid   grid lines
///   paper      fill of the background
class Svg {
 public:
  /// `title` and `description` are what a screen reader says.
  Svg(double width, double height, const std::string& title, const std::string& description);

  /// `classes` as above; `extra` is added as it is (`stroke-dasharray="4 3"`).
  void line(double x1, double y1, double x2, double y2, std::string_view classes, std::string_view extra = {});
  void rect(double x, double y, double width, double height, std::string_view classes, std::string_view extra = {});
  void circle(double x, double y, double radius, std::string_view classes, std::string_view extra = {});
  /// Open path through the points; they must be finite.
  void path(const std::vector<std::pair<double, double>>& points, std::string_view classes,
            std::string_view extra = {});
  /// Closed and filled.
  void polygon(const std::vector<std::pair<double, double>>& points, std::string_view classes,
               std::string_view extra = {});
  /// `anchor`: start, middle or end. The text is escaped.
  void text(double x, double y, std::string_view text, std::string_view anchor = "start",
            std::string_view classes = "ink", std::string_view extra = {});
  /// Everything drawn until close_clip() is cut off outside the rectangle; coordinates stay those of the picture.
  void open_clip(double x, double y, double width, double height);
  void close_clip();

  std::string str(SvgUse use = SvgUse::file) const;

 private:
  double width_, height_;
  std::string head_, body_;
};

/// Text made safe for XML and HTML, also inside attributes.
std::string escape_xml(std::string_view text);

/// About how wide `text` is, in units of the font size (there is no font to ask).
double text_width(std::string_view text);

/// The CSS that the classes of Svg need, for light and dark.
std::string svg_style();

/// Number of series colours.
inline constexpr int kColors = 8;

/// "s3", "f3": the class of a series; wraps around.
std::string stroke_class(std::size_t series);
std::string fill_class(std::size_t series);

}  // namespace longwave
