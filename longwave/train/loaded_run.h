#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "longwave/nn/module.h"
#include "longwave/train/experiment.h"

namespace longwave {

class LanguageModel;

/// A finished or unfinished run directory: its recipe and its model with the best weights so far.
struct LoadedRun {
  std::filesystem::path path;
  Recipe recipe;
  std::shared_ptr<Module> model;  // in evaluation mode: see as_forecaster, as_classifier, as_language_model
  Json sizes;                     // that its data dictated: see forecast_sizes, sequence_sizes_from_json
  std::string content;            // hash of the data it was trained on; empty: not known
};
LoadedRun load_run(const std::filesystem::path& run);

/// A run of goal language: its model and the names of its tokens.
struct LanguageRun {
  std::shared_ptr<LanguageModel> model;
  std::vector<std::string> token_names;  // [vocabulary]; empty if the data set names none
};
/// UserError if the run is of another kind.
LanguageRun language_run(const LoadedRun& run);

/// The task of a loaded run, for scoring its model. UserError if the data are of other sizes by now.
std::shared_ptr<const Task> make_task(const LoadedRun& run, const RunOptions& options);

/// One line if the data of the task are not those that the run was trained on; else, or if that is not known, "".
std::string other_data(const LoadedRun& run, const Task& task);

/// Weights that a training starts from: those of another run where name and shape are the same.
struct StartWeights {
  TensorMap weights;               // complete: every name of the model
  std::string from;                // path of the run
  std::vector<std::string> fresh;  // names that keep the values of the model

  /// "12 of 14 tensors of runs/a; new: head.weight, head.bias".
  std::string text() const;
};
/// `sizes` are those of the data of `model`. UserError if less than half of the tensors fit (another model,
/// another width), or if the run has other names of tokens.
StartWeights start_weights(const LoadedRun& run, const Module& model, const Json& sizes);

/// Steps, seconds, tokens and FLOPs of a finished run on sequences, of its own pretraining too; null where unknown.
Json total_of_run(const std::filesystem::path& run);

}  // namespace longwave
