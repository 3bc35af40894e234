#pragma once

#include <sstream>
#include <string>

#include "longwave/train/recipe.h"

namespace longwave::testing {

/// A run of seconds on a set in memory, which replaces the one of the recipe; overrides are separated by spaces.
inline Recipe small_sequence_recipe(const std::string& overrides = "") {
  auto sections = parse_toml(
      "[task]\ntype = \"sequence\"\ndata = \"copying\"\ncontext = 16\n"
      "[model]\nname = \"mingru\"\nd_model = 16\nlayers = 1\nchannel = \"mlp\"\ndropout = 0.1\n"
      "[train]\nepochs = 2\nbatch = 8\nseed = 5\nlearning_rate = 0.01\nthreads = 1\npatience = 0\nweight_decay = 0.0\n",
      "test");
  std::istringstream words(overrides);
  for (std::string word; words >> word;) apply_override(sections, word);
  return resolve_recipe(sections);
}

}  // namespace longwave::testing
