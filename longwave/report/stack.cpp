#include "longwave/report/stack.h"

#include <fmt/format.h>

#include "longwave/report/svg.h"

namespace longwave {

std::string stack_pictures(const std::vector<std::string>& pictures, double width, double height,
                           const std::string& title) {
  auto text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lw\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" "
      "height=\"{1:g}\">\n<title>{2}</title>\n<style>{3}</style>\n",
      width, height * static_cast<double>(pictures.size()), escape_xml(title), svg_style());
  for (std::size_t i = 0; i < pictures.size(); ++i)
    text += fmt::format("<g transform=\"translate(0 {:g})\">\n{}</g>\n", height * static_cast<double>(i), pictures[i]);
  return text + "</svg>\n";
}

}  // namespace longwave
