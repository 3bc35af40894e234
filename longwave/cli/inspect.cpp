// `longwave inspect`: the vector autoregression that a trained SAMoVAR is for one window.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/cli/command.h"
#include "longwave/cli/var_pictures.h"
#include "longwave/cli/validators.h"
#include "longwave/tasks/forecast.h"
#include "longwave/train/loaded_run.h"
#include "longwave/train/run_directory.h"

namespace longwave {
namespace {

struct Arguments {
  std::string run, data, split = "test", channel, out;
  std::int64_t window = 0, paths = 100;
  bool json = false;
};

std::shared_ptr<const ForecastData> data_of(const Recipe& recipe, const std::string& folder) {
  const auto& t = recipe.task;
  ForecastDataOptions options{t.data, t.features, t.target, t.freq, t.lookback, t.horizon};
  return std::make_shared<const ForecastData>(load_forecast_data(options, data_roots(folder)));
}

/// Index of a target channel by name or number; the last one if not given.
std::int64_t target_of(const std::vector<std::string>& names, const std::string& wanted) {
  if (wanted.empty()) return static_cast<std::int64_t>(names.size()) - 1;
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found != names.end()) return found - names.begin();
  const bool number = wanted.find_first_not_of("0123456789") == std::string::npos && wanted.size() < 10;
  check(number && std::stoul(wanted) < names.size(), "--channel ", wanted,
        ": no such forecast series (expected a name or 0 .. ", names.size() - 1, ")", suggestion(wanted, names));
  return std::stol(wanted);
}

VarInspection inspect_run(const Arguments& a) {
  const auto run = load_run(a.run);
  check(run.recipe.model == "samovar" || run.recipe.model == "fixedvar", a.run, ": inspect reads the VAR weights of ",
        "samovar and fixedvar; this run is of ", run.recipe.model);
  RunOptions options;
  if (run.recipe.task.type == "forecast")
    options.forecast_data = data_of(run.recipe, a.data.empty() ? data_of_run(a.run).string() : a.data);
  const auto task = make_task(run, options);
  if (const auto caution = other_data(run, *task); !caution.empty()) fmt::print(stderr, "note: {}\n", caution);
  const auto sizes = forecast_sizes(run.sizes);
  std::vector<std::string> names;
  if (run.recipe.task.type == "forecast") {
    const auto& columns = options.forecast_data->columns;
    names.assign(columns.end() - sizes.targets, columns.end());
  } else {
    for (std::int64_t i = 0; i < sizes.targets; ++i) names.push_back(std::to_string(i));
  }
  const auto split = split_of(a.split);
  const auto count = task->samples(split);
  check(a.window >= -count && a.window < count, "--window ", a.window, ": the ", a.split, " split has ", count,
        " windows; expected 0 .. ", count - 1, ", or ", -count, " .. -1 from the end");
  const auto window = a.window < 0 ? a.window + count : a.window;
  const auto target = target_of(names, a.channel);

  Batch batch;
  batch.size = 1;
  task->gather(split, {window}, batch);
  auto result = inspect_window(as_forecaster(*run.model), forecast_input(batch), target, sizes.horizon, a.paths);
  result.truth = batch.tensors.at("y")[0].select(1, target);
  result.run = a.run;
  result.model = find_forecaster(run.recipe.model).title;
  result.split = a.split;
  result.channel = names[target];
  result.window = window;
  return result;
}

void inspect(const Arguments& a) {
  const auto result = inspect_run(a);
  const auto json = to_json(result).dump();
  if (a.json) {
    fmt::print("{}\n", json);
    if (a.out.empty()) return;
  }
  const auto folder = std::filesystem::path(a.out.empty() ? a.run + "/inspect" : a.out);
  make_folder(folder);
  write_file(folder / "inspect.json", json);
  write_file(folder / "inspect.svg", draw_weights(result, SvgUse::file));
  write_file(folder / "paths.svg", draw_paths(result, SvgUse::file));
  write_file(folder / "inspect.html", inspection_page(result));
  if (a.json) return;
  fmt::print("{}, window {} of {}, series {}: {} segments of {} steps\n", result.model, result.window, result.split,
             result.channel, result.segments, result.horizon);
  fmt::print("strongest influence paths (weight: norm of the share in the VAR weights):\n");
  for (std::size_t i = 0; i < std::min<std::size_t>(5, result.paths.paths.size()); ++i)
    fmt::print("  {:8.4g}  {}\n", result.paths.paths[i].weight, path_words(result, result.paths.paths[i]));
  fmt::print("wrote inspect.html, inspect.svg, paths.svg and inspect.json to {}\n", folder.string());
}

void define(CLI::App& app) {
  const auto a = std::make_shared<Arguments>();
  app.add_option("run", a->run, "run directory of a samovar or fixedvar model")->required();
  app.add_option("--window", a->window, "window of the split; negative: from the end")->capture_default_str();
  app.add_option("--split", a->split, "train, val or test")
      ->check(CLI::IsMember({"train", "val", "test"}))
      ->capture_default_str();
  app.add_option("--channel", a->channel, "forecast series, by name or number; default the last");
  app.add_option("--paths", a->paths, "influence paths to list")->check(not_below(1))->capture_default_str();
  app.add_option("--out", a->out, "folder to write to; default RUN/inspect");
  app.add_flag("--json", a->json, "print the JSON; files are written only with --out");
  app.add_option("--data", a->data, "folder with the data sets; default that of the training, LONGWAVE_DATA, ./data")
      ->check(existing_folder());
  app.callback([a] { inspect(*a); });
}

const RegisterCommand registered("inspect", "show the VAR weights of a trained samovar", define);

}  // namespace
}  // namespace longwave
