// `longwave forecast FILE.csv --horizon N`: the future of a user's own series, without a recipe.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "longwave/base/atomic_file.h"
#include "longwave/cli/command.h"
#include "longwave/cli/forecast_output.h"
#include "longwave/cli/validators.h"
#include "longwave/models/forecaster.h"

namespace longwave {
namespace {

struct Options {
  std::string file, missing = "error", out, svg;
  std::vector<std::string> targets;
  AutoForecastOptions forecast;
  bool json = false, quiet = false;
};

std::string output_path(const Options& options, const std::string& given, const char* ending) {
  if (!given.empty()) return given;
  auto stem = std::filesystem::path(options.file).filename();
  for (const char* packed : {".gz", ".xz"})
    if (stem.extension() == packed) stem = stem.stem();
  return stem.stem().string() + ending;
}

/// Refuses, before any work, a path that cannot be written or that is the input itself.
void check_output(const std::string& path, const std::string& input) {
  const auto to = destination_of(path);
  if (to.directly) return;
  const auto folder = to.path.has_parent_path() ? to.path.parent_path() : std::filesystem::path(".");
  std::error_code error;
  check(std::filesystem::is_directory(folder, error), path, ": there is no folder ", folder.string());
  check(::access(folder.c_str(), W_OK) == 0, path, ": the folder ", folder.string(), " cannot be written");
  check(!std::filesystem::is_directory(to.path, error), path, ": is a folder; expected a file name");
  check(!std::filesystem::equivalent(to.path, input, error), path, ": is the input; choose another name");
}

void run(Options options) {
  for (const auto& model : options.forecast.candidates) find_forecaster(model);  // a typing error shows at once
  check(options.forecast.budget_seconds > 0, "--budget is ", options.forecast.budget_seconds,
        "; expected more than 0 seconds");
  check(options.missing == "error" || options.missing == "interpolate" || options.missing == "forward", "--missing is ",
        options.missing, "; expected error, interpolate or forward");
  check(options.forecast.horizon >= 1, "--horizon is ", options.forecast.horizon, "; expected at least 1");
  const auto csv = output_path(options, options.out, ".forecast.csv"),
             svg = output_path(options, options.svg, ".forecast.svg");
  std::error_code unknown;
  check(std::filesystem::weakly_canonical(csv, unknown) != std::filesystem::weakly_canonical(svg, unknown) ||
            destination_of(csv).directly,
        "--out and --svg are both ", csv, "; expected two names");
  for (const auto& path : {csv, svg}) check_output(path, options.file);
  const auto file = read_user_file(options.file, options.targets, options.missing, options.forecast.horizon);
  if (!options.quiet && !options.json)
    options.forecast.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  check_forecast_names(file);
  const auto result = auto_forecast(file.series, options.forecast);
  write_file(csv, forecast_csv(file, result));
  write_file(svg, forecast_svg(file, result));
  if (options.json) {
    auto json = forecast_json(file, result);
    json["files"] = {csv, svg};
    fmt::print("{}\n", json.dump(2));
  } else {
    fmt::print("{}wrote {} and {} in {:.1f} s\n", forecast_summary(file, result, options.file), csv, svg,
               result.seconds);
  }
}

void define(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "CSV file (.gz, .xz): a header, dates in one column, numbers in others")
      ->required();
  app.add_option("--horizon", options->forecast.horizon, "steps to forecast")->required();
  app.add_option("--targets", options->targets, "columns to forecast, joined by commas (default: all numeric ones)");
  app.add_option("--lookback", options->forecast.lookback, "observed steps a forecast is made from (default: chosen)")
      ->check(not_below(1));
  app.add_option("--model", options->forecast.candidates,
                 "candidates beside the naive ones, such as dlinear,patchtst (docs/models)")
      ->delimiter(',');
  app.add_option("--budget", options->forecast.budget_seconds, "seconds for everything")->capture_default_str();
  app.add_option("--missing", options->missing, "missing values: error, interpolate or forward")->capture_default_str();
  app.add_option("--seed", options->forecast.seed, "of all randomness")->check(seed_number())->capture_default_str();
  app.add_option("--out", options->out, "where the CSV goes (default: FILE.forecast.csv here)");
  app.add_option("--svg", options->svg, "where the picture goes (default: FILE.forecast.svg here)");
  app.add_flag("--json", options->json, "print everything as JSON instead of the summary");
  app.add_flag("--quiet", options->quiet, "no progress lines");
  app.callback([options] { run(*options); });
}

const RegisterCommand registered("forecast", "forecast your own CSV file", define);

}  // namespace
}  // namespace longwave
