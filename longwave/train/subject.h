#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "longwave/train/experiment.h"

namespace longwave {

struct LoadedRun;

/// What a recipe and its data give: the sizes that the data dictate, and the task. One small interface for every kind
/// of model; the loop, the run directory and the commands know nothing else of it.
struct Subject {
  std::string data;  // where they come from, for messages
  Json sizes;        // all that a model needs to know of the data; saved with its weights
  std::function<std::shared_ptr<const Task>(const Module& model)> make_task;
  /// What whoever trains on them must know, one line each; may take seconds. Empty: nothing to tell.
  std::function<std::vector<std::string>()> cautions;
  /// UserError if the sizes that a run was trained with do not fit these data.
  std::function<void(const LoadedRun& run)> check_fits;
};

/// Opens the data. UserError where they are missing or damaged.
Subject open_subject(const Recipe& recipe, const RunOptions& options);

/// To score a run on other [data] than it was trained on: UserError if more of that split's samples were trained on
/// than of its own. Sets from files alone; the splits of generated ones are apart by themselves.
void check_unseen(const Recipe& trained, const Recipe& scored, Split split, const RunOptions& options);

/// A model with fresh weights drawn from train.seed.
struct BuiltModel {
  std::shared_ptr<Module> module;
  RandomStream* random = nullptr;  // of its dropout; a member of the module
  bool augments = false;           // its training batches are changed at random (Task::augment)
};

/// Throws Json::exception where `sizes` are not complete.
BuiltModel build_model(const Recipe& recipe, const Json& sizes);

}  // namespace longwave
