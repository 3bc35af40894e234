// Learning curves of the minutes recipes as they were measured (scripts/golden_curve.py): every recipe has one that
// passed with three seeds and is still the one that did, and today's program begins the quick ones as it did then.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <sstream>

#include "longwave/base/atomic_file.h"
#include "longwave/io/checksum.h"
#include "longwave/io/toml.h"
#include "longwave/train/experiment.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = LONGWAVE_SOURCE_DIR;

fs::path recipe_file(const std::string& name) { return kSource / "recipes" / "sequence" / (name + ".toml"); }

Json golden(const std::string& name) {
  return Json::parse(read_file(kSource / "tests" / "golden" / "curves" / (name + ".json")));
}

/// Of what trains: all lines up to [pass] but comments and empty ones, as scripts/golden_curve.py takes it.
std::string checksum(const std::string& recipe) {
  Sha256 sum;
  std::istringstream lines(recipe.substr(0, recipe.find("\n[pass]")));
  for (std::string line; std::getline(lines, line);)
    if (!line.empty() && line[0] != '#') sum.update(line + "\n");
  return sum.hex();
}

TEST(GoldenCurves, EveryMinutesRecipePassedWithSeveralSeeds) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(recipe_file("x").parent_path())) {
    const auto sections = read_toml(entry.path());
    if (!sections.contains("pass")) continue;
    ++count;
    const auto name = entry.path().stem().string();
    SCOPED_TRACE(name);
    const auto curve = golden(name);
    EXPECT_EQ(curve.at("recipe"), checksum(read_file(entry.path())))
        << "the recipe is not the one whose curve is kept: train it with three seeds and keep theirs";
    EXPECT_GE(curve.at("curves").size(), 3u);
    for (const auto& [seed, scores] : curve.at("curves").items()) {
      EXPECT_EQ(scores.size(), curve.at("steps").size()) << "seed " << seed;
      EXPECT_EQ(curve.at("reached").at(seed).at("verdict"), "pass") << "seed " << seed;
    }
    const auto train = resolve_recipe(sections).train;
    if (train.steps > 0)
      EXPECT_EQ(curve.at("steps").back(), train.steps);
    else
      EXPECT_EQ(curve.at("steps").size(), train.epochs);
  }
  EXPECT_GE(count, 25u);
}

/// Runs a recipe up to its first validation and holds the score against the golden curve of that seed. Other machines
/// round differently, which shows in the third digit that early; a change of the data, the start or the optimiser shows
/// in the first.
void expect_same_beginning(const std::string& name, const std::string& seed) {
  SCOPED_TRACE(name);
  auto sections = read_toml(recipe_file(name));
  apply_override(sections, "train.seed=" + seed);
  const auto curve = golden(name);
  double score = std::nan("");
  RunOptions options;
  options.score = false;
  options.log = [&](const Json& entry) {
    if (entry.at("kind") == "epoch") score = entry.at("val").at(curve.at("score").get<std::string>()).get<double>();
  };
  options.should_stop = [&] { return std::isfinite(score); };
  run_experiment(resolve_recipe(sections), options);
  EXPECT_NEAR(score, curve.at("curves").at(seed).at(0).get<double>(), 0.05);
}

TEST(GoldenCurves, TheBeginningIsTheSame) {
  for (const auto* name : {"chirps", "listops_mini"}) expect_same_beginning(name, "2");
}

}  // namespace
}  // namespace longwave
