#include "longwave/report/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "longwave/report/html.h"
#include "tests/report/xml_check.h"

namespace longwave {
namespace {

Chart sample() {
  Chart chart{
      .title = "Loss <train> & \"val\"", .description = "falls", .x = {.label = "epoch"}, .y = {.label = "MSE"}};
  chart.lines.push_back({.name = "train", .x = {1, 2, 3}, .y = {0.9, std::nan(""), 0.4}});
  chart.bands.push_back({.name = "80 %", .x = {1, 2, 3}, .low = {0.1, 0.2, 0.3}, .high = {1, 1.1, 1.2}, .color = 1});
  chart.references.push_back({"noise floor", 0.0025});
  chart.dots.push_back({"DLinear", 2, 0.7, 3});
  return chart;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(XmlCheck, SeesFaults) {
  EXPECT_EQ(xml_fault("<a b=\"1 &lt; 2\"><c/>x &amp; y</a>"), "");
  EXPECT_NE(xml_fault("<a><b></a></b>"), "");
  EXPECT_NE(xml_fault("<a>1 < 2</a>"), "");
  EXPECT_NE(xml_fault("<a>x & y</a>"), "");
  EXPECT_NE(xml_fault("<a>"), "");
}

TEST(Chart, IsWellFormedWhateverTheWords) {
  EXPECT_EQ(xml_fault(draw(sample())), "");
  EXPECT_EQ(xml_fault(draw(sample(), SvgUse::page)), "");
}

TEST(Chart, SaysTitleAndDescriptionToScreenReaders) {
  const auto svg = draw(sample());
  EXPECT_NE(svg.find("role=\"img\""), std::string::npos);
  EXPECT_NE(svg.find("<title>Loss &lt;train&gt; &amp; &quot;val&quot;</title>"), std::string::npos);
  EXPECT_NE(svg.find("<desc>falls</desc>"), std::string::npos);
}

TEST(Chart, BreaksALineAtAMissingValueAndNeverPrintsNan) {
  const auto svg = draw(sample());
  EXPECT_EQ(count(svg, "<polyline"), 0u);  // the two single points left over are drawn as points
  EXPECT_EQ(count(svg, "r=\"2.50\""), 2u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(Chart, HasNoNetworkReferenceButTheNamespace) {
  const auto svg = draw(sample());
  EXPECT_EQ(count(svg, "://"), 1u);
  EXPECT_NE(svg.find("xmlns=\"http://www.w3.org/2000/svg\""), std::string::npos);
}

TEST(Chart, DrawsNothingAndConstantsAndHugeRangesWithoutNan) {
  for (auto values : {std::vector<double>{},
                      {5, 5},
                      {0, 0},
                      {-1e30, 1e30},
                      {std::nan(""), std::nan("")},
                      {std::numeric_limits<double>::infinity(), 1}}) {
    for (const bool logarithmic : {false, true}) {
      Chart chart;
      chart.y.logarithmic = logarithmic;
      chart.lines.push_back({"a", values, values});
      const auto svg = draw(chart);
      EXPECT_EQ(xml_fault(svg), "");
      EXPECT_EQ(svg.find("nan"), std::string::npos);
      EXPECT_EQ(svg.find("inf"), std::string::npos);
    }
  }
}

TEST(BarChart, LongestBarIsTheLargestValue) {
  const auto svg = draw(BarChart{.title = "t", .bars = {{"a", 1, 0}, {"b", 4, 1}, {"c", std::nan(""), 2}}});
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_NE(svg.find(">4<"), std::string::npos);
}

TEST(Ticks, AreRoundAndCoverTheData) {
  EXPECT_EQ(linear_ticks(0.12, 0.97, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(linear_ticks(0, 0, 2), (std::vector<double>{0, 0.5, 1}));
  EXPECT_LT(linear_ticks(5, 5, 2).front(), 5);
  EXPECT_EQ(log_ticks(30, 40000), (std::vector<double>{10, 100, 1000, 10000, 100000}));
  EXPECT_EQ(tick_labels({0, 0.25, 0.5}, NumberStyle::plain), (std::vector<std::string>{"0.00", "0.25", "0.50"}));
  EXPECT_EQ(tick_labels({0, 1e-5, 2e-5}, NumberStyle::plain),
            (std::vector<std::string>{"0.00000", "0.00001", "0.00002"}));
  EXPECT_EQ(tick_labels({1234567, 1234568}, NumberStyle::plain), (std::vector<std::string>{"1234567", "1234568"}));
  EXPECT_EQ(tick_labels({1e3, 2e6}, NumberStyle::si), (std::vector<std::string>{"1 k", "2 M"}));
}

TEST(Ticks, OfTimesAreRoundInMinutesAndHours) {
  EXPECT_EQ(time_ticks(4, 1000), (std::vector<double>{1, 10, 60, 600, 3600}));
  EXPECT_EQ(tick_labels(time_ticks(4, 1000), NumberStyle::seconds),
            (std::vector<std::string>{"1 s", "10 s", "1 min", "10 min", "1 h"}));
}

TEST(Ticks, OfSizesArePowersOfTwo) {
  EXPECT_EQ(tick_labels(byte_ticks(736, 80 * 1024), NumberStyle::bytes),
            (std::vector<std::string>{"512 B", "2 KiB", "8 KiB", "32 KiB", "128 KiB"}));
  EXPECT_EQ(byte_ticks(1024, 1024), (std::vector<double>{1024, 2048}));
}

TEST(Chart, HasOnlyWholeTicksWhereOnlyTheyMeanSomething) {
  for (const auto& epochs : {std::vector<double>{1}, {1, 2}, {1, 2, 3}}) {
    Chart chart{.x = {.whole = true}, .y = {.low = 0, .high = 100}};
    chart.lines.push_back({"a", epochs, std::vector<double>(epochs.size(), 0)});
    const auto svg = draw(chart);
    for (const double epoch : epochs)
      EXPECT_NE(svg.find(">" + std::to_string(int(epoch)) + "</text>"), std::string::npos);
    EXPECT_EQ(svg.find(".5</text>"), std::string::npos);
    EXPECT_NE(svg.find(">100</text>"), std::string::npos) << "an axis, though all values are 0";
  }
}

TEST(Chart, LabelsOfManyDecadesDoNotOverlap) {
  Chart chart{.y = {.logarithmic = true}};
  chart.lines.push_back({"a", {0, 1}, {1e-20, 1e20}});
  const auto svg = draw(chart);
  const std::string label = "text-anchor=\"end\"";
  std::vector<double> heights;
  for (auto at = svg.find(label); at != std::string::npos; at = svg.find(label, at + 1))
    heights.push_back(std::stod(svg.substr(svg.rfind("y=\"", at) + 3)));
  ASSERT_GT(heights.size(), 5u);
  for (std::size_t i = 1; i < heights.size(); ++i) EXPECT_GE(heights[i - 1] - heights[i], 13);
}

TEST(Chart, KeepsTheWordsOfAPointInsideThePicture) {
  Chart chart;
  chart.dots = {{"", 0, 0}, {"A-LONG-NAME", 1, 1}, {"", 1, 0.9}};
  const auto svg = draw(chart);
  const auto words = svg.find(">A-LONG-NAME<");
  const auto x = std::stod(svg.substr(svg.rfind("x=\"", words) + 3));
  EXPECT_LE(x + text_width("A-LONG-NAME") * 13, chart.width);
}

TEST(Numbers, ReadLikeAPersonWouldSayThem) {
  EXPECT_EQ(format_number(98496, NumberStyle::si), "98.5 k");
  EXPECT_EQ(format_number(0.0123, NumberStyle::seconds), "12.3 ms");
  EXPECT_EQ(format_number(200, NumberStyle::seconds), "3 min 20 s");
  EXPECT_EQ(format_number(7260, NumberStyle::seconds), "2 h 1 min");
  EXPECT_EQ(format_number(1.5 * 1024 * 1024 * 1024, NumberStyle::bytes), "1.50 GiB");
  EXPECT_EQ(format_number(0, NumberStyle::si), "0");
  EXPECT_EQ(format_number(std::nan(""), NumberStyle::si), "-");
}

TEST(Page, IsWellFormedSelfContainedAndEscaped) {
  Page page("A & B");
  page.heading("1 < 2");
  page.open_figures();
  page.figure(draw(sample(), SvgUse::page), "caption <x>");
  page.close_figures();
  page.table("<table><tr><td>1</td></tr></table>");
  const auto html = page.str();
  EXPECT_EQ(xml_fault(html), "");
  EXPECT_EQ(count(html, "://"), 1u);
  for (const auto* tag : {"<script", "<link", "<img", "@import", "url("}) EXPECT_EQ(count(html, tag), 0u) << tag;
  EXPECT_EQ(count(html, "<style>"), 1u);
  EXPECT_NE(html.find("prefers-color-scheme:dark"), std::string::npos);
  EXPECT_NE(html.find("name=\"viewport\""), std::string::npos);
}

}  // namespace
}  // namespace longwave
