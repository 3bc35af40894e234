#pragma once

#include <string>

#include "longwave/tasks/task.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// Name of the sequence set and the settings that tell its variants apart: words ("difficulty hard"), and numbers that
/// are not the usual ones. "" of other recipes.
std::string data_variant(const Recipe& recipe);

/// task.about() with the variant of the data.
Json about_of(const Recipe& recipe, const Task& task);

}  // namespace longwave
