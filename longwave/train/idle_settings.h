#pragma once

#include <map>
#include <string>

#include "longwave/tasks/sequence_model.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// Settings by name ("model.pool"), each with a message that says what would take it.
using IdleSettings = std::map<std::string, std::string>;

/// Those of [model] and [task] that differ from their defaults and that sets of this goal do not take.
IdleSettings idle_settings(const Recipe& recipe, SequenceGoal goal);

}  // namespace longwave
