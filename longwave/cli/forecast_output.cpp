#include "longwave/cli/forecast_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "longwave/base/check.h"
#include "longwave/models/forecaster.h"
#include "longwave/report/chart.h"
#include "longwave/report/stack.h"
#include "longwave/train/forecast_plan.h"

namespace longwave {
namespace {

constexpr std::size_t kMaxPictures = 8;
constexpr double kWidth = 760, kHeight = 280;

struct Value {
  double middle, low80, high80, low95, high95;
};

/// The series that one model forecasts.
struct Group {
  std::string model;
  std::vector<std::size_t> series;
};

/// The model of most series first; constant series have none.
std::vector<Group> groups_of(const AutoForecast& r) {
  std::vector<Group> groups;
  for (const auto& candidate : r.candidates) {
    Group group{candidate.model, {}};
    for (std::size_t j = 0; j < r.series.size(); ++j)
      if (!r.series[j].constant() && r.series[j].model == candidate.model) group.series.push_back(j);
    if (!group.series.empty()) groups.push_back(std::move(group));
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.series.size() > b.series.size(); });
  return groups;
}

std::string title_of(const std::string& model) { return find_forecaster(model).title; }

Value value_at(const AutoForecast& r, std::size_t channels, std::size_t step, std::size_t channel) {
  const auto i = step * channels + channel;
  const auto y = r.forecast[i];
  return {y, y + r.interval80.low[i], y + r.interval80.high[i], y + r.interval95.low[i], y + r.interval95.high[i]};
}

/// A cell that any CSV reader takes back as it was.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n;\t") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// Dates without a clock that always says midnight.
std::string without_midnight(const std::string& date) {
  for (const std::string_view midnight : {" 00:00:00", " 00:00", " 0:00", "T00:00:00"})
    if (date.ends_with(midnight)) return date.substr(0, date.size() - midnight.size());
  return date;
}

std::vector<std::pair<double, std::string>> date_ticks(const UserFile& file, std::int64_t from) {
  const auto rows = file.series.rows, span = rows + std::ssize(file.future) - from;
  constexpr int kTicks = 4;  // in the middle of each quarter, so that no label sticks out
  std::vector<std::pair<double, std::string>> ticks;
  for (int i = 0; i < kTicks; ++i) {
    const auto t = from + span * (2 * i + 1) / (2 * kTicks);
    ticks.emplace_back(static_cast<double>(t), without_midnight(t < rows ? file.past[t] : file.future[t - rows]));
  }
  return ticks;
}

std::string draw_series(const UserFile& file, const AutoForecast& result, std::size_t channel) {
  const auto channels = file.series.names.size();
  const auto rows = file.series.rows, horizon = std::ssize(file.future);
  const auto from = std::max<std::int64_t>(0, rows - std::max<std::int64_t>(3 * horizon, 48));
  Line past{"observed", {}, {}, 7, false}, future{"forecast", {}, {}, 0, false};
  Band wide{"95 %", {}, {}, {}, 0, 0.15}, narrow{"80 %", {}, {}, {}, 0, 0.25};
  for (auto t = from; t < rows; ++t) {
    past.x.push_back(static_cast<double>(t));
    past.y.push_back(file.series.values[t * channels + channel]);
  }
  for (std::int64_t step = -1; step < horizon; ++step) {  // from the last known value, which is certain
    const auto known = past.y.back();
    const auto v = step < 0 ? Value{known, known, known, known, known} : value_at(result, channels, step, channel);
    const auto x = static_cast<double>(rows + step);
    future.x.push_back(x);
    future.y.push_back(v.middle);
    for (auto& [band, low, high] : {std::tuple{&wide, v.low95, v.high95}, std::tuple{&narrow, v.low80, v.high80}}) {
      band->x.push_back(x);
      band->low.push_back(low);
      band->high.push_back(high);
    }
  }
  Chart chart;
  const auto title = title_of(result.series[channel].model);
  chart.title = file.series.names[channel] + (channels > 1 ? ", by " + title : "");
  chart.description = fmt::format("The last {} observed values of {} and the next {}, forecast by {}", rows - from,
                                  file.series.names[channel], horizon, title);
  chart.width = kWidth;
  chart.height = kHeight;
  chart.x.ticks = date_ticks(file, from);
  chart.bands = {wide, narrow};
  chart.lines = {past, future};
  chart.references = {{"", static_cast<double>(rows) - 1, true}};
  return draw(chart, SvgUse::page);
}

/// Names of the columns of these kinds that are no series.
std::vector<std::string> left_out(const UserFile& file, const std::set<TextColumn::Kind>& kinds) {
  std::vector<std::string> names;
  for (const auto& column : file.left_out)
    if (kinds.contains(column.kind)) names.push_back(column.name);
  return names;
}

std::string left_out_lines(const UserFile& file) {
  using enum TextColumn::Kind;
  std::string lines;
  if (const auto words = left_out(file, {text, stray}); !words.empty())
    lines += "left out, not numeric: " + join(words) + "\n";
  if (const auto numbers = left_out(file, {dressed}); !numbers.empty())
    lines += "left out, not plain numbers: " + join(numbers) +
             "; write them without currency, percent and thousands signs, like -1200.5, to include them\n";
  return lines;
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

/// "5 series (a, b, c)", with as many names as fit into half a line.
std::string series_words(const std::vector<std::size_t>& series, const std::vector<std::string>& names) {
  constexpr std::size_t kWidth = 50;
  std::string shown;
  std::size_t count = 0;
  for (; count < series.size(); ++count) {
    const auto& name = names[series[count]];
    if (count > 0 && shown.size() + name.size() > kWidth) break;
    shown += (count > 0 ? ", " : "") + name;
  }
  if (count < series.size()) shown += fmt::format(" and {} more", series.size() - count);
  return fmt::format("{} series ({})", series.size(), shown);
}

/// By how much the backtest error of these series is below that of their best naive forecasts.
std::string gain(const AutoForecast& r, const std::vector<std::size_t>& series) {
  double mae = 0, naive = 0;
  for (const auto j : series) mae += r.series[j].mae, naive += r.series[j].naive_mae;
  return fmt::format("{:.1f} % lower backtest error than the best naive forecast", 100 * (1 - mae / naive));
}

bool trained_any(const AutoForecast& r) {
  return std::any_of(r.candidates.begin(), r.candidates.end(),
                     [](const auto& c) { return !c.naive && c.left_out.empty(); });
}

/// Only where no trained model was tried.
std::string why_untrained(const AutoForecast& r) {
  const bool named = std::any_of(r.candidates.begin(), r.candidates.end(), [](const auto& c) { return !c.naive; });
  return named ? "No trained model could be tried, see above" : "No trained model is among the candidates (--model)";
}

/// Where there is one series that varies.
std::string verdict_of_one(const AutoForecast& r, const Group& group) {
  const auto& choice = r.series[group.series.front()];
  if (!trained_any(r))
    return fmt::format("{}; this is the best naive forecast, '{}'.\n", why_untrained(r), title_of(choice.model));
  if (!choice.beats_naive)
    return fmt::format("Nothing beats the naive forecast: no trained model is better than '{}' by more than chance.\n",
                       title_of(choice.model));
  return fmt::format("{} has a {} ({}).\n", title_of(choice.model), gain(r, group.series), title_of(choice.naive));
}

std::string verdict(const AutoForecast& r, const std::vector<std::string>& names) {
  const auto groups = groups_of(r);
  if (groups.empty()) return "Every series is constant and is forecast as itself.\n";
  if (groups.size() == 1 && groups.front().series.size() == 1) return verdict_of_one(r, groups.front());
  std::string text;
  if (!trained_any(r)) text = why_untrained(r) + ".\n";
  for (const auto& group : groups) {
    text += title_of(group.model) + ": " + series_words(group.series, names);
    if (r.series[group.series.front()].beats_naive)
      text += ", " + gain(r, group.series) + (group.series.size() > 1 ? " of each\n" : "\n");
    else
      text += trained_any(r) ? ", where nothing beats this naive forecast by more than chance\n" : "\n";
  }
  std::vector<std::size_t> constant;
  for (std::size_t j = 0; j < r.series.size(); ++j)
    if (r.series[j].constant()) constant.push_back(j);
  if (!constant.empty()) text += "constant: " + series_words(constant, names) + ", forecast as itself\n";
  return text;
}

/// With several series, a last column says for how many each candidate was chosen.
std::string candidate_lines(const AutoForecast& r) {
  const bool several = r.series.size() > 1;
  auto text = fmt::format("  {:<18} {:>8} {:>8} {:>7} {:>8}{}\n", "candidate", "MAE", "RMSE", "epochs", "seconds",
                          several ? "  series" : "");
  for (const auto& c : r.candidates) {
    if (!c.left_out.empty()) {
      text += fmt::format("  {:<18} left out: {}\n", title_of(c.model), c.left_out);
      continue;
    }
    const auto series = std::count_if(r.series.begin(), r.series.end(),
                                      [&](const auto& s) { return !s.constant() && s.model == c.model; });
    text += fmt::format("{} {:<18} {:>8.4g} {:>8.4g} {:>7} {:>8.1f}{}\n", series > 0 ? ">" : " ", title_of(c.model),
                        c.mae, c.rmse, c.epochs, c.seconds, several ? fmt::format("{:>8}", series) : "");
  }
  return text;
}

/// The columns of the forecast's CSV, in this order.
std::vector<std::string> forecast_columns(const UserFile& file) {
  std::vector<std::string> columns{file.date_name};
  for (const auto& name : file.series.names)
    for (const char* end : {"", "_lo80", "_hi80", "_lo95", "_hi95"}) columns.push_back(name + end);
  if (file.series.names.size() > 1)
    for (const auto& name : file.series.names) columns.push_back(name + "_model");
  return columns;
}

double deviation_of(const UserSeries& series, std::size_t channel) {
  return moments_of(series, static_cast<std::int64_t>(channel), 0, series.rows).deviation;
}

/// Models compute in units of a series' deviation, to about seven digits: what lies further down, both there and in
/// the value itself, is noise.
std::string number_text(double value, double deviation) {
  const auto decimals_of = [](double x) { return 5 - static_cast<int>(std::floor(std::log10(std::abs(x)))); };
  if (deviation == 0 || value == 0) return fmt::format("{}", value + 0.0);
  const auto decimals = std::max({0, decimals_of(deviation), decimals_of(value)});
  if (decimals > 15 || std::abs(value) >= 1e17) return fmt::format("{}", value);
  auto text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

void check_forecast_names(const UserFile& file) {
  std::set<std::string> seen;
  for (const auto& name : forecast_columns(file))
    check(seen.insert(name).second, "the forecast would have two columns '", name,
          "', which stand for different things; rename one of the file's columns, or choose some with --targets");
}

std::string forecast_csv(const UserFile& file, const AutoForecast& result) {
  const auto channels = file.series.names.size();
  std::vector<double> deviations;
  for (std::size_t c = 0; c < channels; ++c) deviations.push_back(deviation_of(file.series, c));
  std::string text;
  for (const auto& name : forecast_columns(file)) text += (text.empty() ? "" : ",") + quoted(name);
  for (std::size_t step = 0; step < file.future.size(); ++step) {
    text += "\n" + quoted(file.future[step]);
    for (std::size_t c = 0; c < channels; ++c) {
      const auto v = value_at(result, channels, step, c);
      for (const auto number : {v.middle, v.low80, v.high80, v.low95, v.high95})
        text += "," + number_text(number, deviations[c]);
    }
    if (channels > 1)
      for (const auto& series : result.series) text += "," + series.model;
  }
  return text + "\n";
}

Json forecast_json(const UserFile& file, const AutoForecast& r) {
  const auto rounded = [](double v) {
    return std::isnan(v) ? Json(nullptr) : Json(std::stod(fmt::format("{:.6g}", v)));
  };
  const auto groups = groups_of(r);
  Json json{
      {"rows", file.series.rows},
      {"frequency", file.frequency},
      {"filled_cells", file.filled},
      {"gaps", file.gaps},
      {"remark", file.remark},
      {"inserted_rows", file.inserted},
      {"ignored_columns", left_out(file, {TextColumn::Kind::text, TextColumn::Kind::dressed, TextColumn::Kind::stray})},
      {"season", r.season},
      {"lookback", r.lookback},
      {"horizon", file.future.size()},
      {"chosen", groups.empty() ? r.series.front().model : groups.front().model},
      {"beats_naive", std::any_of(r.series.begin(), r.series.end(), [](const auto& s) { return s.beats_naive; })},
      {"backtest", {{"rows", r.backtest_rows}, {"origins", r.origins}, {"train_rows", r.train_rows}}},
      {"coverage", {{"80", rounded(r.coverage80)}, {"95", rounded(r.coverage95)}}},
      {"seconds", rounded(r.seconds)}};
  json["candidates"] = Json::array();
  for (const auto& c : r.candidates)
    json["candidates"].push_back(c.left_out.empty() ? Json{{"model", c.model},
                                                           {"mae", rounded(c.mae)},
                                                           {"rmse", rounded(c.rmse)},
                                                           {"epochs", c.epochs},
                                                           {"seconds", rounded(c.seconds)},
                                                           {"naive", c.naive}}
                                                    : Json{{"model", c.model}, {"left_out", c.left_out}});
  const auto channels = file.series.names.size();
  json["dates"] = file.future;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto& choice = r.series[c];
    Json series{{"model", choice.model}, {"beats_naive", choice.beats_naive}};
    if (!choice.constant()) series["mae"] = rounded(choice.mae), series["naive_mae"] = rounded(choice.naive_mae);
    const auto deviation = deviation_of(file.series, c);
    for (std::size_t step = 0; step < file.future.size(); ++step) {
      const auto v = value_at(r, channels, step, c);
      for (const auto& [name, value] :
           {std::pair{"forecast", v.middle}, std::pair{"lo80", v.low80}, std::pair{"hi80", v.high80},
            std::pair{"lo95", v.low95}, std::pair{"hi95", v.high95}})
        series[name].push_back(std::stod(number_text(value, deviation)));
    }
    json["series"][file.series.names[c]] = std::move(series);
  }
  return json;
}

std::string forecast_svg(const UserFile& file, const AutoForecast& result) {
  std::vector<std::string> pictures;
  for (std::size_t c = 0; c < std::min(file.series.names.size(), kMaxPictures); ++c)
    pictures.push_back(draw_series(file, result, c));
  std::vector<std::string> titles;
  for (const auto& group : groups_of(result)) titles.push_back(title_of(group.model));
  if (titles.empty()) titles.push_back(title_of(result.series.front().model));  // all constant
  return stack_pictures(pictures, kWidth, kHeight, "Forecast by " + join(titles, ", "));
}

std::string forecast_summary(const UserFile& file, const AutoForecast& r, const std::string& name) {
  auto text = fmt::format("{}: {} rows, {} series{}{}\n", name, file.series.rows, file.series.names.size(),
                          file.frequency.empty() ? ", no dates" : ", " + file.frequency,
                          r.season > 1 ? fmt::format(", season of {} steps", r.season) : ", no season found");
  text += left_out_lines(file);
  if (file.filled) text += fmt::format("missing cells filled: {}\n", file.filled);
  if (file.inserted) text += fmt::format("absent rows inserted: {}\n", file.inserted);
  if (!file.remark.empty()) text += file.remark + "\n";
  if (r.origins)
    text += fmt::format(
        "backtest: {} origins in the newest {} rows, trained on {} rows before; errors in units of each series' "
        "standard deviation\n\n{}\n",
        r.origins, r.backtest_rows, r.train_rows, candidate_lines(r));
  text += verdict(r, file.series.names);
  if (r.origins && std::isnan(r.coverage80))
    text += "Intervals: too few origins to check them.\n";
  else if (r.origins)
    text += fmt::format("Intervals: the 80 % ones held {} and the 95 % ones {} of the newer half of the backtest.\n",
                        percent(r.coverage80), percent(r.coverage95));
  return text;
}

}  // namespace longwave
