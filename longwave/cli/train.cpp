// `longwave train`: one experiment from a recipe.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "longwave/base/check.h"
#include "longwave/cli/command.h"
#include "longwave/cli/terminal.h"
#include "longwave/cli/validators.h"
#include "longwave/train/experiment.h"
#include "longwave/train/run_directory.h"

namespace longwave {
namespace {

struct Arguments {
  std::string recipe, run, data;
  std::vector<std::string> overrides;
  bool resume = false, overwrite = false, fields = false;
};

std::string fields_text(bool with_models) {
  std::string text;
  for (const auto& section : describe_recipe(with_models)) {
    text += fmt::format("[{}]\n", section.name);
    for (const auto& f : section.fields)
      text += fmt::format("  {:<20} {} (default {}{}{})\n", f.name, f.help, f.fallback, f.range.empty() ? "" : "; ",
                          f.range);
    text += "\n";
  }
  return text;
}

Recipe read_recipe(const Arguments& arguments) {
  auto sections = read_toml(arguments.recipe);
  check(!sections.contains("compare"), arguments.recipe,
        ": is the recipe of a comparison; run it with longwave compare ", arguments.recipe);
  for (const auto& assignment : arguments.overrides) apply_override(sections, assignment);
  return resolve_recipe(sections);
}

bool is_folder(const std::string& path) {
  std::error_code unknown;  // a name too long, a folder closed to us: no folder for us
  return std::filesystem::is_directory(path, unknown);
}

/// Without a recipe, a run goes on with the one that its directory keeps. The first word may be that directory, or an
/// override.
void take_recipe_of_run(Arguments& arguments) {
  const auto word = arguments.recipe;
  std::error_code unknown;
  const bool is_override = word.find('=') != std::string::npos && !std::filesystem::exists(word, unknown);
  if (is_override) arguments.overrides.insert(arguments.overrides.begin(), word);
  if (is_folder(word)) {
    check(arguments.run.empty(), word, ": is a run directory, and so is --run ", arguments.run,
          "; expected one of them, or a recipe");
    arguments.run = word;
  } else if (!word.empty() && !is_override) {
    return;
  }
  check(!arguments.run.empty(), "--resume without a recipe: expected the run directory to go on with, ",
        "longwave train --resume DIR [section.key=value ...]");
  const auto kept = std::filesystem::path(arguments.run) / "recipe.toml";
  check(std::filesystem::exists(kept), kept.string(),
        ": no such file; expected the directory of a run that has begun, ",
        "or its recipe: longwave train RECIPE.toml --resume --run ", arguments.run);
  arguments.recipe = kept.string();
}

void train(Arguments arguments) {
  if (arguments.fields) return fmt::print("{}", help_for_terminal(fields_text(true)));
  check(!arguments.resume || !arguments.overwrite, "--resume goes on with a run, which --overwrite would throw away; ",
        "expected one of them");
  if (arguments.resume) take_recipe_of_run(arguments);
  check(!arguments.recipe.empty(),
        "train: no recipe given; expected longwave train RECIPE.toml [section.key=value ...]");
  check(!is_folder(arguments.recipe), arguments.recipe, ": is a folder; expected a recipe, or ",
        "longwave train --resume ", arguments.recipe, " to go on with the run in it");
  const auto recipe = read_recipe(arguments);
  const auto run = arguments.run.empty() ? default_run_directory(recipe) : std::filesystem::path(arguments.run);
  check(!arguments.resume || std::filesystem::exists(run), run.string(),
        ": no such run directory; leave out --resume to begin a run there");
  if (arguments.resume && arguments.data.empty()) arguments.data = data_of_run(run).string();
  fmt::print(stderr, "run directory: {}\n", run.string());
  const auto result = run_experiment(recipe, {.run = run,
                                              .data = arguments.data,
                                              .resume = arguments.resume,
                                              .overwrite = arguments.overwrite,
                                              .score = true,
                                              .keep_last = false,
                                              .progress = true,
                                              .strict = !arguments.resume,
                                              .forecast_data = {},
                                              .sequence_data = {},
                                              .log = {},
                                              .should_stop = {}});
  auto summary = result_json(result);
  summary.erase("history");
  fmt::print("{}\n", summary.dump(2));
  if (result.verdict == "fail") throw CLI::RuntimeError(1);
}

void define(CLI::App& app) {
  const auto a = std::make_shared<Arguments>();
  app.add_option("recipe", a->recipe,
                 "TOML file with sections [task], [model], [train] and what the task asks for; "
                 "with --resume by default that of the run directory, which may stand here instead");
  app.add_option("overrides", a->overrides, "section.key=value, for example train.seed=2");
  app.add_option("--run", a->run,
                 "run directory; default runs/<data>-<lookback>-<horizon>-<model>-<seed>, of sequences "
                 "runs/<data>-<model>-<seed>, with <protocol> before the seed if it is not scratch");
  app.add_option("--data", a->data,
                 "folder with the data sets; default LONGWAVE_DATA, else ./data; with --resume that of the run")
      ->check(existing_folder());
  app.add_flag("--resume", a->resume, "continue from the last checkpoint of the run directory");
  app.add_flag("--overwrite", a->overwrite, "replace a run that lies there");
  app.add_flag("--fields", a->fields, "print every field of a recipe with default and range");
  app.footer([] {
    return "Fields of a recipe:\n\n" + fields_text(false) +
           "[model] has name and the fields of that model: see longwave train --fields\n";
  });
  app.callback([a] { train(*a); });
}

const RegisterCommand registered("train", "train one model from a recipe", define);

}  // namespace
}  // namespace longwave
