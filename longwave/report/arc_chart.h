#pragma once

#include <string>
#include <utility>
#include <vector>

#include "longwave/report/svg.h"

namespace longwave {

/// Chains of places on a line, drawn as arcs above it; an arc that stays at its place is a loop. The stronger a chain,
/// the wider its arcs.
struct ArcChart {
  struct Place {
    double x = 0;
    bool hollow = false;  // drawn as a ring
  };
  struct Chain {
    std::vector<std::size_t> places = {};
    double weight = 0;
    std::size_t color = 0;
  };
  std::string title = {}, description = {}, x = {};
  std::vector<Place> places = {};
  std::vector<std::pair<double, std::string>> ticks = {};
  std::vector<Chain> chains = {};
  std::vector<std::pair<std::size_t, std::string>> colors = {};  // legend
  std::string filled = {}, hollow = {};                          // legend of the places
  double width = 480, height = 320;
};
std::string draw(const ArcChart& chart, SvgUse use = SvgUse::file);

}  // namespace longwave
