// Draws what mixer_scaling printed: one picture for each mixer, time and memory per step over the length.
//
// usage: scaling_charts FOLDER FILE...        writes FOLDER/<mixer>.svg from the JSON lines of all files; later lines
//                                             replace earlier ones of the same mixer and length

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <sstream>

#include "longwave/base/atomic_file.h"
#include "longwave/base/fields.h"
#include "longwave/report/chart.h"
#include "longwave/report/stack.h"

namespace longwave::bench {
namespace {

constexpr double kWidth = 560, kHeight = 270;

using Series = std::map<std::int64_t, Json>;  // records of a mixer by length

std::string short_number(std::int64_t t) {
  if (t % (1 << 20) == 0) return fmt::format("{} Mi", t >> 20);
  return t % 1024 == 0 ? fmt::format("{} Ki", t >> 10) : fmt::format("{}", t);
}

/// An axis of bytes: ticks at powers of two, or of four where there would be many.
Axis bytes_axis(const std::vector<Line>& lines) {
  double low = 1e30, high = 0;
  for (const auto& line : lines)
    for (const double y : line.y) low = std::min(low, y), high = std::max(high, y);
  Axis axis{.logarithmic = true};
  if (high == 0) return axis;
  const int factor = high / low > 16 ? 2 : 1;
  const int first = static_cast<int>(std::floor(std::log2(low)));
  int last = first;
  while (std::exp2(last) < high) last += factor;
  for (int e = first; e <= std::max(last, first + 2); e += factor)
    axis.ticks.emplace_back(std::exp2(e), tick_labels({std::exp2(e)}, NumberStyle::bytes)[0]);
  axis.low = axis.ticks.front().first, axis.high = axis.ticks.back().first;
  return axis;
}

/// Field `what` of both passes per step. Lengths that a pass was not run at are not drawn.
std::string picture(const std::string& mixer, const Series& series, const std::string& what) {
  const bool time = what == "seconds";
  Chart chart;
  chart.width = kWidth, chart.height = kHeight;
  chart.title = fmt::format("{}: {} per step, one block of width 256", mixer, time ? "time" : "peak memory");
  chart.description =
      fmt::format("{} per step over the length of the sequence, both axes logarithmic", time ? "Time" : "Peak memory");
  chart.x = {.label = "steps of the sequence", .logarithmic = true};
  chart.y = {.logarithmic = true, .style = NumberStyle::seconds};
  for (const auto& [t, record] : series) chart.x.ticks.emplace_back(t, short_number(t));
  for (const auto* pass : {"forward", "both"}) {
    Line line{.name = std::string(pass) == "both" ? "training: forward and backward" : "evaluation",
              .color = chart.lines.size()};
    for (const auto& [t, record] : series)
      if (record[pass].contains(what)) {
        line.x.push_back(static_cast<double>(t));
        line.y.push_back(record[pass][what].get<double>() / static_cast<double>(t));
      }
    chart.lines.push_back(line);
  }
  if (!time) chart.y = bytes_axis(chart.lines);
  return draw(chart, SvgUse::page);
}

std::map<std::string, Series> read_records(int count, char** files) {
  std::map<std::string, Series> all;
  for (int i = 0; i < count; ++i) {
    std::istringstream text(read_file(files[i]));
    for (std::string line; std::getline(text, line);) {
      const auto record = Json::parse(line, nullptr, false);
      if (record.is_object() && record.contains("mixer") && record.contains("t"))
        all[record["mixer"]][record["t"]] = record;
    }
  }
  return all;
}

int run(int count, char** words) {
  check(count > 2, "usage: scaling_charts FOLDER FILE...");
  const std::filesystem::path folder = words[1];
  make_folder(folder);
  for (const auto& [mixer, series] : read_records(count - 2, words + 2))
    write_file(folder / (mixer + ".svg"),
               stack_pictures({picture(mixer, series, "seconds"), picture(mixer, series, "peak_bytes")}, kWidth,
                              kHeight, "Cost of " + mixer + " over the length"));
  return 0;
}

}  // namespace
}  // namespace longwave::bench

int main(int count, char** words) {
  try {
    return longwave::bench::run(count, words);
  } catch (const longwave::UserError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
