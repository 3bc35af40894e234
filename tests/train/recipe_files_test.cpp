// Every recipe in recipes/ resolves, published ones build their model, and docs/recipes.md lists all.

#include <gtest/gtest.h>

#include <filesystem>

#include "longwave/base/atomic_file.h"
#include "longwave/tasks/pretrain.h"
#include "longwave/tasks/sequence_model.h"
#include "longwave/train/comparison.h"
#include "longwave/train/subject.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = LONGWAVE_SOURCE_DIR;

std::vector<fs::path> recipe_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "recipes"))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  return files;
}

TEST(RecipeFiles, AllResolve) {
  const auto files = recipe_files();
  EXPECT_GE(files.size(), 50u);
  for (const auto& file : files) {
    try {
      const auto sections = read_toml(file);
      if (sections.contains("compare")) {
        const auto plan = plan_comparison(sections);
        EXPECT_FALSE(plan.cells.empty() && plan.searches.empty()) << file;
      } else {
        resolve_recipe(sections);
      }
    } catch (const UserError& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

/// What a set of files dictates to its model, without the files.
SequenceFacts facts_without_files(const Recipe& recipe) {
  SequenceFacts facts;
  const auto& data = recipe.task.data;
  const bool old = recipe.data.value("protocol", "") == "lra-2020";
  const bool pixels = data == "image" || data == "pathfinder-files" || data == "smnist" || data == "pmnist";
  facts.classes = 10;
  facts.max_length = 512;
  if (data == "retrieval") facts.goal = SequenceGoal::classify_pair;
  if (data == "wikitext") facts.goal = SequenceGoal::language, facts.vocabulary = 267735, facts.classes = 0;
  if (data == "scifar") facts.channels = 3;
  if (data == "sc10" || data == "sc35" || (pixels && !old)) facts.channels = 1;
  if (facts.channels == 0 && facts.vocabulary == 0) facts.vocabulary = 300;
  return facts;
}

TEST(RecipeFiles, PublishedModelsCanBeBuilt) {
  for (const auto& entry : fs::directory_iterator(kSource / "recipes" / "published")) {
    auto sections = read_toml(entry.path());
    if (sections.contains("compare")) continue;
    apply_override(sections, "model.layers=1");
    try {
      const auto recipe = resolve_recipe(sections);
      auto phases = std::vector{recipe};
      if (recipe.pretrain) phases.push_back(pretrain_recipe(recipe));
      const auto& set = find_sequence_data(recipe.task.data);
      const auto facts = set.layouts.empty() ? set.make(recipe.data, {})->facts() : facts_without_files(recipe);
      for (const auto& phase : phases) {
        const auto& s = phase.sequence;
        const auto sizes =
            s.objective == "task"
                ? sequence_sizes(facts)
                : pretrain_sizes(facts, {.objective = s.objective, .mask_ratio = s.mask_ratio, .loss = s.mask_loss});
        EXPECT_GT(build_model(phase, sizes_json(sizes)).module->parameter_count(), 0) << entry.path();
      }
    } catch (const UserError& error) {
      ADD_FAILURE() << entry.path() << ": " << error.what();
    }
  }
}

TEST(RecipeFiles, ThePageListsThem) {
  const auto page = read_file(kSource / "docs" / "recipes.md");
  for (const auto& file : recipe_files())
    EXPECT_NE(page.find("`" + file.lexically_relative(kSource / "recipes").replace_extension().string() + "`"),
              std::string::npos)
        << file << " is not in docs/recipes.md";
}

}  // namespace
}  // namespace longwave
