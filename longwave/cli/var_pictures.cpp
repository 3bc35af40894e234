#include "longwave/cli/var_pictures.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "longwave/report/arc_chart.h"
#include "longwave/report/chart.h"
#include "longwave/report/heat_map.h"
#include "longwave/report/html.h"
#include "longwave/report/ticks.h"

namespace longwave {
namespace {

constexpr std::int64_t kAcross = 4;         // maps side by side
constexpr std::int64_t kMostSegments = 12;  // maps in the picture; the rest is in the JSON file
constexpr std::size_t kDrawnPaths = 30;

std::vector<double> plain(const at::Tensor& x) {
  const auto held = x.to(at::kDouble).contiguous();
  return {held.data_ptr<double>(), held.data_ptr<double>() + held.numel()};
}

std::string lag_name(std::int64_t back) { return back == 0 ? "last" : fmt::format("{} back", back); }

std::string where(const VarInspection& v) {
  return fmt::format("{}, window {} of {}, series {}", v.model, v.window, v.split, v.channel);
}

std::string paths_table(const VarInspection& v) {
  std::string html = "<table><thead><tr><th>path, newest first</th><th>hops</th><th>weight</th></tr></thead><tbody>";
  for (std::size_t i = 0; i < std::min<std::size_t>(12, v.paths.paths.size()); ++i) {
    const auto& path = v.paths.paths[i];
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>", escape_xml(path_words(v, path)),
                        path.tokens.size() - 1, format_number(path.weight, NumberStyle::plain));
  }
  return html + "</tbody></table>";
}

}  // namespace

std::string path_words(const VarInspection& v, const InfluencePath& path) {
  std::string text;
  for (const auto token : path.tokens)
    text += fmt::format("{}{} {}", text.empty() ? "" : " \u2190 ", v.is_main(token) ? "main" : "exog.",
                        lag_name(v.segments_back(token)));
  return text;
}

std::string draw_weights(const VarInspection& v, SvgUse use) {
  HeatMaps maps;
  maps.title = "VAR weights by lag";
  maps.description = "One matrix for each segment back in time and kind of token; " + where(v);
  maps.x = fmt::format("step in the past segment, 1 .. {}", v.horizon);
  maps.y = fmt::format("step of the forecast, 1 .. {}", v.horizon);
  const auto shown = std::min(v.segments, kMostSegments);
  for (std::int64_t first = 0; first < shown; first += kAcross)
    for (const bool main : {true, false}) {
      std::vector<HeatMatrix> line;
      for (auto back = first; back < std::min(shown, first + kAcross); ++back) {
        const auto map = v.data_space[2 * (v.segments - 1 - back) + main];
        line.push_back({lag_name(back), map.size(0), map.size(1), plain(map)});
      }
      maps.grid.push_back(line);
      maps.line_titles.push_back(main ? "main" : "exogenous");
    }
  if (shown < kAcross) maps.width = 200 + 90 * shown;
  return draw(maps, use);
}

std::string draw_contributions(const VarInspection& v, bool main, SvgUse use) {
  Chart chart;
  chart.title = main ? "What each layer adds, main tokens" : "What each layer adds, exogenous tokens";
  chart.description = "Norm of the matrix that each layer contributes, over the lag; " + where(v);
  chart.x.label = "segments back in time";
  chart.y.label = "norm of the layer's matrix";
  chart.y.low = 0;
  for (std::int64_t layer = 0; layer < v.contributions.size(0); ++layer) {
    Line line;
    line.name = fmt::format("layer {}", layer + 1);
    line.color = layer;
    for (std::int64_t back = 0; back < v.segments; ++back) {
      line.x.push_back(back);
      line.y.push_back(v.contributions[layer][2 * (v.segments - 1 - back) + main].item<double>());
    }
    chart.lines.push_back(line);
  }
  return draw(chart, use);
}

std::string draw_paths(const VarInspection& v, SvgUse use) {
  ArcChart chart;
  chart.title = "Temporal influence paths";
  chart.description = "The strongest chains of tokens through which the past reaches the forecast; " + where(v);
  chart.x = "segments back in time";
  chart.filled = "main";
  chart.hollow = "exogenous";
  for (std::int64_t t = 0; t < v.tokens(); ++t)
    chart.places.push_back({(v.is_main(t) ? 0.17 : -0.17) - static_cast<double>(v.segments_back(t)), !v.is_main(t)});
  const auto step = (v.segments + 15) / 16;
  for (std::int64_t back = 0; back < v.segments; back += step)
    chart.ticks.emplace_back(-static_cast<double>(back), std::to_string(back));
  for (const auto& path : v.paths.paths) {
    if (chart.chains.size() == kDrawnPaths) break;
    chart.chains.push_back({{path.tokens.begin(), path.tokens.end()}, path.weight, path.tokens.size() - 2});
  }
  for (std::int64_t hops = 1; hops <= v.contributions.size(0); ++hops)
    chart.colors.emplace_back(hops - 1, fmt::format("{} hop{}", hops, hops == 1 ? "" : "s"));
  return draw(chart, use);
}

std::string draw_window(const VarInspection& v, SvgUse use) {
  Chart chart;
  chart.title = "The window and its forecast";
  chart.description = "Observed values, truth and forecast in scaled units; " + where(v);
  chart.x.label = "steps from the forecast origin";
  chart.y.label = "scaled value";
  const auto line = [&](const std::string& name, const at::Tensor& y, double from, std::size_t color, bool dashed) {
    Line one{name, {}, plain(y), color, dashed};
    for (std::size_t i = 0; i < one.y.size(); ++i) one.x.push_back(from + static_cast<double>(i));
    chart.lines.push_back(one);
  };
  const auto kept = std::min(v.lookback, 4 * v.horizon);
  line("observed", v.input.narrow(0, v.lookback - kept, kept), 1.0 - static_cast<double>(kept), 7, false);
  if (v.truth.defined()) line("truth", v.truth, 1, 0, true);
  line("forecast", v.forecast, 1, 1, false);
  return draw(chart, use);
}

std::string inspection_page(const VarInspection& v) {
  Page page("VAR weights of " + v.model);
  page.paragraph(
      fmt::format("Window {} of the {} split, series {}. The model reads {} steps as {} segments of {} and "
                  "forecasts the next segment as a sum over all segments, each weighted by a matrix that it "
                  "computed from this window.",
                  v.window, v.split, v.channel, v.lookback, v.segments, v.horizon));
  page.open_figures();
  page.figure(draw_window(v, SvgUse::page), "");
  page.figure(draw_paths(v, SvgUse::page),
              fmt::format("The {} strongest chains; width is the norm of the chain's share of the weights.",
                          std::min(kDrawnPaths, v.paths.paths.size())));
  page.figure(draw_contributions(v, true, SvgUse::page), "Layer l holds the influence paths of l hops.");
  page.figure(draw_contributions(v, false, SvgUse::page), "Layer l holds the influence paths of l hops.");
  page.figure(draw_weights(v, SvgUse::page),
              "The exact weights seen through the output map on both sides, summed over heads, averaged to at most 16 "
              "cells a side. Main: the series itself. Exogenous: the mixture of all series.");
  page.close_figures();
  page.heading("Strongest paths");
  page.table(paths_table(v));
  if (!v.paths.complete)
    page.note("There are too many paths to look at all of them: these were found by a beam search.");
  page.note("All matrices, exact and by head, are in inspect.json.");
  return page.str();
}

}  // namespace longwave
