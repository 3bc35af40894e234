#pragma once

#include <string>
#include <vector>

namespace longwave {

/// One SVG file of several pictures of equal size, one under the other. They are drawn with SvgUse::page.
std::string stack_pictures(const std::vector<std::string>& pictures, double width, double height,
                           const std::string& title);

}  // namespace longwave
