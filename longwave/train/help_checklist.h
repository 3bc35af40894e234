#pragma once

#include "longwave/models/backbone.h"
#include "longwave/tasks/sequence_model.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// What may have helped a sequence model beside its mixer, for a reader who compares scores: {"input", "positions",
/// "augmentation", "extra_data", "pretraining", "auxiliary_losses", "pooling", "directions", "parameters"}, in words.
/// `about`: of the task (Task::about).
Json help_checklist(const Recipe& recipe, SequenceGoal goal, SequenceModel& model, const Json& about);

}  // namespace longwave
