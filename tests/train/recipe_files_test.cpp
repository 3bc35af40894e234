// Every recipe in recipes/ resolves, and docs/recipes.md lists it.

#include <gtest/gtest.h>

#include <filesystem>

#include "longwave/base/atomic_file.h"
#include "longwave/train/comparison.h"

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
      if (sections.contains("compare"))
        EXPECT_FALSE(plan_comparison(sections).cells.empty()) << file;
      else
        resolve_recipe(sections);
    } catch (const UserError& error) {
      ADD_FAILURE() << error.what();
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
