#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "longwave/data/forecast_data.h"
#include "longwave/tasks/task.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// One epoch (with train.steps: one round of train.eval_steps) as the trainer saw it.
struct EpochRecord {
  std::int64_t epoch = 0;  // 1, 2, ...
  std::int64_t step = 0;   // optimiser steps so far
  double learning_rate = 0;
  Scores train;  // means over the epoch's samples: "loss" and its parts ("mse", "next_step", ...)
  Scores val;
  Scores test;         // only with train.test_every_epoch
  double seconds = 0;  // training alone
};

/// What became of a run.
struct RunResult {
  Scores val, test;  // with the best weights; test is empty where the task has no test split
  Json about;        // what a reader of the scores must know: see Task::about
  std::int64_t parameters = 0;
  std::int64_t epochs = 0, best_epoch = 0, steps = 0;  // best_epoch 0: before any training
  double seconds_per_step = 0;                         // median over the optimiser steps; 0 if none
  double train_seconds = 0;                            // training and evaluation, all processes of the run
  double tokens = 0;                                   // real steps of sequences trained on; 0: not counted
  double peak_memory_bytes = 0;                        // of the process while the run went on
  std::int64_t test_touches = 0;                       // how often the test split was scored: see add_test_touches
  bool capped = false;                                 // train.max_minutes ended it
  std::string stopped;                                 // "finished", "early stop", "time cap", "no parameters"
  std::string verdict;                                 // "pass" or "fail" by the recipe's [pass]; "" without
  std::vector<EpochRecord> history;

  /// With the seconds of self-pretraining.
  double total_seconds() const;

  std::shared_ptr<Module> model;  // with the best weights, in evaluation mode: see as_forecaster, as_classifier, ...
  std::shared_ptr<const Task> task;
};

/// Everything but model and task.
Json result_json(const RunResult& result);

struct RunOptions {
  std::filesystem::path run;   // run directory; empty: nothing is written
  std::filesystem::path data;  // --data; empty: LONGWAVE_DATA, ./data
  bool resume = false;         // continue from the last checkpoint of `run` (from the start if there is none yet)
  bool overwrite = false;      // replace a finished run
  bool score = true;           // false: no last scoring of the splits; val is of the kept epoch, test stays empty
  bool keep_last = false;      // the weights of the last epoch instead of the best; validation then ends nothing
  bool progress = false;       // progress on stderr: a live line on a terminal, one line an epoch otherwise
  bool show_test = true;       // false: progress does not tell the scores of the test split
  bool cautions = true;        // false: progress does not tell what is odd about the data
  bool strict = false;         // refuse settings that the set does not take; comparisons share them among sets

  /// Data already in memory (a user's own file, several runs on one set); task.data is not opened then.
  std::shared_ptr<const ForecastData> forecast_data;
  std::shared_ptr<const SequenceData> sequence_data;

  /// Called for every log entry that metrics.jsonl gets: {"kind": "step" | "epoch" | "result", ...}.
  std::function<void(const Json&)> log;

  /// Asked after every step besides Ctrl-C and SIGTERM; true ends the run like train.max_minutes does.
  std::function<bool()> should_stop;
};

/// Trains by the recipe, keeps the weights of the best validation epoch and scores them. A model without parameters is
/// only scored. Sets the number of threads if the recipe asks for one.
/// Throws UserError (bad recipe, data or checkpoint; a loss that is not finite; run directory finished or in use) and
/// Interrupted (Ctrl-C, SIGTERM: after the step in progress, or the batch of an evaluation, and a checkpoint).
RunResult run_experiment(const Recipe& recipe, const RunOptions& options = {});

/// Opens the data and builds the model as run_experiment does, and runs nothing. Throws its UserError where that fails.
void check_experiment(const Recipe& recipe, const RunOptions& options);

/// The run directory when none is given: runs/<data>-<lookback>-<horizon>-<model>-<seed>; for sequences
/// runs/<data>-<model>-<seed>, with <protocol> before the seed if it is not "scratch";
/// runs/synthetic-var-<model>-<seed>.
std::filesystem::path default_run_directory(const Recipe& recipe);

}  // namespace longwave
