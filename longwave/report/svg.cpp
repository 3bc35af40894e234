#include "longwave/report/svg.h"

#include <fmt/format.h>

namespace longwave {
namespace {

std::string classes_and(std::string_view classes, std::string_view extra) {
  return fmt::format(R"( class="{}"{}{})", classes, extra.empty() ? "" : " ", extra);
}

std::string points_text(const std::vector<std::pair<double, double>>& points) {
  std::string text;
  for (const auto& [x, y] : points) text += fmt::format("{}{:.2f},{:.2f}", text.empty() ? "" : " ", x, y);
  return text;
}

// Okabe and Ito's colours for every kind of colour vision, darkened on white and lightened on black until each has a
// contrast of at least 3:1 with the background.
struct Colour {
  const char *light, *dark;
};
constexpr Colour kSeries[kColors] = {{"#0072b2", "#58b0e8"}, {"#c84e00", "#f08a4b"}, {"#00805c", "#35c79b"},
                                     {"#b0508a", "#e39ac6"}, {"#8a6d00", "#e8c33f"}, {"#4b5fc4", "#9aa8ff"},
                                     {"#7a4a2b", "#c9a07f"}, {"#5f6670", "#aab2bd"}};

std::string variables(bool dark) {
  std::string css = dark ? "--ink:#e6e8eb;--soft:#a3abb5;--grid:#3a4048;--paper:#16191d;"
                         : "--ink:#1d2329;--soft:#5b6570;--grid:#dde1e6;--paper:#ffffff;";
  for (int i = 0; i < kColors; ++i) css += fmt::format("--s{}:{};", i, dark ? kSeries[i].dark : kSeries[i].light);
  return css;
}

}  // namespace

Svg::Svg(double width, double height, const std::string& title, const std::string& description)
    : width_(width), height_(height) {
  head_ = fmt::format("<title>{}</title>\n<desc>{}</desc>\n", escape_xml(title), escape_xml(description));
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view classes, std::string_view extra) {
  body_ += fmt::format("<line x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\"{}/>\n", x1, y1, x2, y2,
                       classes_and(classes, extra));
}

void Svg::rect(double x, double y, double width, double height, std::string_view classes, std::string_view extra) {
  body_ += fmt::format("<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\"{}/>\n", x, y, width, height,
                       classes_and(classes, extra));
}

void Svg::circle(double x, double y, double radius, std::string_view classes, std::string_view extra) {
  body_ +=
      fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{:.2f}\"{}/>\n", x, y, radius, classes_and(classes, extra));
}

void Svg::path(const std::vector<std::pair<double, double>>& points, std::string_view classes, std::string_view extra) {
  body_ += fmt::format("<polyline points=\"{}\" fill=\"none\"{}/>\n", points_text(points), classes_and(classes, extra));
}

void Svg::polygon(const std::vector<std::pair<double, double>>& points, std::string_view classes,
                  std::string_view extra) {
  body_ += fmt::format("<polygon points=\"{}\"{}/>\n", points_text(points), classes_and(classes, extra));
}

void Svg::text(double x, double y, std::string_view text, std::string_view anchor, std::string_view classes,
               std::string_view extra) {
  body_ += fmt::format("<text x=\"{:.2f}\" y=\"{:.2f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor,
                       classes_and(classes, extra), escape_xml(text));
}

void Svg::open_clip(double x, double y, double width, double height) {
  // A nested picture clips without an id, which would have to be unique in the whole page.
  body_ += fmt::format(
      "<svg x=\"{0:.2f}\" y=\"{1:.2f}\" width=\"{2:.2f}\" height=\"{3:.2f}\" viewBox=\"{0:.2f} {1:.2f} {2:.2f} "
      "{3:.2f}\" "
      "overflow=\"hidden\">\n",
      x, y, width, height);
}

void Svg::close_clip() { body_ += "</svg>\n"; }

std::string Svg::str(SvgUse use) const {
  const auto style = use == SvgUse::file ? "<style>" + svg_style() + "</style>\n" : std::string();
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lw\" role=\"img\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" "
      "height=\"{1:g}\">\n{2}{3}<rect class=\"paper\" width=\"{0:g}\" height=\"{1:g}\"/>\n{4}</svg>\n",
      width_, height_, head_, style, body_);
}

std::string escape_xml(std::string_view text) {
  std::string safe;
  for (const unsigned char c : text) {
    if (c == '&') {
      safe += "&amp;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else if (c == '"') {
      safe += "&quot;";
    } else if (c < 0x20 && c != '\n' && c != '\t') {
      safe += ' ';  // control characters are not allowed in XML, not even escaped
    } else {
      safe += static_cast<char>(c);
    }
  }
  return safe;
}

double text_width(std::string_view text) {
  double width = 0;
  for (const unsigned char c : text) {
    if ((c & 0xC0) == 0x80) continue;  // inside a UTF-8 character
    width += (c == 'i' || c == 'l' || c == '.' || c == ',' || c == '\'' || c == 'j') ? 0.32
             : (c == 'm' || c == 'w' || (c >= 'A' && c <= 'Z'))                      ? 0.74
                                                                                     : 0.6;
  }
  return width;
}

std::string svg_style() {
  std::string css =
      ".lw{" + variables(false) +
      "font-family:system-ui,'DejaVu Sans',Arial,sans-serif;font-size:13px;max-width:100%;height:auto}"
      "@media(prefers-color-scheme:dark){.lw{" +
      variables(true) +
      "}}"
      ".lw .paper{fill:var(--paper)}.lw text{stroke:none}.lw text.ink,.lw .inkfill{fill:var(--ink)}"
      ".lw text.soft{fill:var(--soft);stroke:none}.lw .title{font-weight:600}"
      ".lw line.ink,.lw polyline.ink,.lw rect.ink{stroke:var(--ink)}.lw rect.ink,.lw .hollow{fill:none}"
      ".lw line.soft,.lw circle.soft{stroke:var(--soft)}.lw .grid{stroke:var(--grid)}.lw .curve{stroke-width:2;"
      "stroke-linejoin:round;stroke-linecap:round}.lw .band{stroke:none}";
  for (int i = 0; i < kColors; ++i)
    css += fmt::format(".lw .s{0}{{stroke:var(--s{0})}}.lw .f{0},.lw text.f{0}{{fill:var(--s{0})}}", i);
  return css;
}

std::string stroke_class(std::size_t series) { return fmt::format("s{}", series % kColors); }
std::string fill_class(std::size_t series) { return fmt::format("f{}", series % kColors); }

}  // namespace longwave
