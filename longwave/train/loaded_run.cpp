#include "longwave/train/loaded_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/models/language_model.h"
#include "longwave/tasks/sequence_model.h"
#include "longwave/train/checkpoint.h"
#include "longwave/train/subject.h"

namespace longwave {
namespace {

/// The weights of a run directory, or the file of weights itself. UserError where `run` is neither.
std::filesystem::path weights_of(const std::filesystem::path& run) {
  const char* expected = "expected a run directory, as `longwave train` makes it, or its best.safetensors";
  check(std::filesystem::exists(run), run.string(), ": there is no such folder; ", expected);
  if (run.extension() == ".safetensors") return run;
  const auto path = run / "best.safetensors";
  if (std::filesystem::exists(path)) return path;
  check(!std::filesystem::exists(run / "environment.json"), run.string(), ": holds a run without a finished epoch, so ",
        "there are no weights yet; go on with `longwave train --resume --run ", run.string(), "`");
  fail(run.string(), ": is no run directory; ", expected);
}

}  // namespace

LoadedRun load_run(const std::filesystem::path& run) {
  const auto path = weights_of(run);
  const auto weights = read_weights(path);
  LoadedRun loaded;
  loaded.path = run;
  loaded.recipe = recipe_from_json(weights.recipe, path.string());
  loaded.sizes = weights.sizes;
  loaded.content = weights.content;
  const auto kept = run / "recipe.toml";  // weights that were copied into the folder of another run
  if (std::filesystem::is_directory(run) && std::filesystem::exists(kept)) {
    const auto here = recipe_json(resolve_recipe(read_toml(kept))), theirs = recipe_json(loaded.recipe);
    for (const auto* section : {"task", "model"})
      check(here.at(section) == theirs.at(section), path.string(), ": is of another run: its ", section, " is ",
            theirs.at(section).dump(), ", but ", kept.string(), " says ", here.at(section).dump());
  }
  try {
    loaded.model = build_model(loaded.recipe, loaded.sizes).module;
  } catch (const Json::exception& error) {
    fail(path.string(), ": damaged: its sizes are not complete (", error.what(), ")");
  }
  loaded.model->load(weights.tensors, path.string());
  loaded.model->eval();
  return loaded;
}

std::shared_ptr<const Task> make_task(const LoadedRun& run, const RunOptions& options) {
  const auto subject = open_subject(run.recipe, options);
  subject.check_fits(run);
  return subject.make_task(*run.model);
}

std::string other_data(const LoadedRun& run, const Task& task) {
  const auto now = task.about().value("content", "");
  if (now.empty() || run.content.empty() || now == run.content) return {};
  return fmt::format("these are not the data that {} was trained on: their hash was {}, is {}", run.path.string(),
                     run.content.substr(0, 12), now.substr(0, 12));
}

LanguageRun language_run(const LoadedRun& run) {
  auto model = std::dynamic_pointer_cast<LanguageModel>(run.model);
  check(model != nullptr, run.path.string(), ": is a run of ", run.recipe.task.data, " with ", run.recipe.model,
        ", not of a language model; expected a run on a set of text");
  return {model, sequence_sizes_from_json(run.sizes).token_names};
}

std::string StartWeights::text() const {
  constexpr std::size_t kShown = 6;
  const auto all = weights.size(), shown = std::min(fresh.size(), kShown);
  auto text = fmt::format("weights: {} of {} tensors of {}", all - fresh.size(), all, from);
  if (shown > 0) text += "; new: " + join({fresh.begin(), fresh.begin() + static_cast<std::ptrdiff_t>(shown)}, ", ");
  if (shown < fresh.size()) text += fmt::format(" and {} more", fresh.size() - shown);
  return text;
}

StartWeights start_weights(const LoadedRun& run, const Module& model, const Json& sizes) {
  const auto names_of = [](const Json& of) { return of.is_object() ? of.value("token_names", Json()) : Json(); };
  const auto mine = names_of(sizes), theirs = names_of(run.sizes);
  check(mine.empty() || theirs.empty() || mine == theirs, "train.start_from: ", run.path.string(),
        " was trained with another vocabulary; expected the same files and [data] settings");
  StartWeights start{model.state(), run.path.string(), {}};
  const auto trained = run.model->state();
  for (auto& [name, tensor] : start.weights) {
    const auto found = trained.find(name);
    if (found != trained.end() && found->second.sizes() == tensor.sizes())
      tensor = found->second;
    else
      start.fresh.push_back(name);
  }
  check(2 * start.fresh.size() <= start.weights.size(), "train.start_from: ", start.text(), "; expected a run of ",
        "the same model and sizes (it is of ", run.recipe.model, "), at least half of whose tensors fit");
  return start;
}

Json total_of_run(const std::filesystem::path& run) {
  const auto file = (run.extension() == ".safetensors" ? run.parent_path() : run) / "result.json";
  if (!std::filesystem::exists(file)) return {};
  const auto result = Json::parse(read_file(file), nullptr, false);
  if (!result.is_object() || !result.contains("about")) return {};
  return result["about"].value("total", Json());
}

}  // namespace longwave
