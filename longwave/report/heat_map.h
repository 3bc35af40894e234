#pragma once

#include <string>
#include <vector>

#include "longwave/report/svg.h"

namespace longwave {

/// Numbers on a rectangle, row-major.
struct HeatMatrix {
  std::string title = {};
  std::int64_t rows = 0, columns = 0;
  std::vector<double> values = {};
};

/// Small matrices side by side on one diverging colour scale around zero, with a legend. Each line of `grid` is a row
/// of the picture, named by `line_titles`.
struct HeatMaps {
  std::string title = {}, description = {};
  std::string x = {}, y = {};  // what the columns and the rows of every matrix are
  std::vector<std::string> line_titles = {};
  std::vector<std::vector<HeatMatrix>> grid = {};
  double width = 480;
};
std::string draw(const HeatMaps& maps, SvgUse use = SvgUse::file);

}  // namespace longwave
