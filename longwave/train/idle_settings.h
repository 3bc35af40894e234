#pragma once

#include "longwave/tasks/sequence_model.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// UserError naming a setting of [model] or [task] that differs from its default and that sets of this goal do not
/// take.
void check_no_idle_settings(const Recipe& recipe, SequenceGoal goal);

}  // namespace longwave
