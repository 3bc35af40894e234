#include "longwave/report/heat_map.h"

#include <gtest/gtest.h>

#include <limits>

#include "longwave/report/arc_chart.h"
#include "tests/report/xml_check.h"

namespace longwave {
namespace {

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(HeatMaps, LargestValueIsFullColourAndTheSignChoosesIt) {
  HeatMaps maps;
  maps.title = "a < b";
  maps.line_titles = {"main"};
  maps.grid = {{{"last", 2, 2, {4, -2, 0, std::numeric_limits<double>::quiet_NaN()}}}};
  const auto svg = draw(maps);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_EQ(count(svg, "class=\"f0\" fill-opacity=\"1.00\""), 1);
  EXPECT_EQ(count(svg, "class=\"f1\" fill-opacity=\"0.50\""), 1);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(HeatMaps, AllZeroAndEmptyAreDrawn) {
  HeatMaps maps;
  EXPECT_EQ(xml_fault(draw(maps)), "");
  maps.grid = {{{"", 1, 3, {0, 0, 0}}}};
  EXPECT_EQ(xml_fault(draw(maps)), "");
}

TEST(ArcChart, EveryHopIsOneArcAndTheStrongestIsTheWidest) {
  ArcChart chart;
  chart.title = "paths";
  chart.places = {{-1, true}, {0, false}};
  chart.chains = {{{1, 0}, 2.0, 0}, {{1, 1, 0}, 1.0, 1}};
  const auto svg = draw(chart);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_EQ(count(svg, "<polyline"), 3);
  EXPECT_EQ(count(svg, "stroke-width=\"5.00\""), 1);
  EXPECT_EQ(count(svg, "stroke-width=\"2.80\""), 2);
}

}  // namespace
}  // namespace longwave
