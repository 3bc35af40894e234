#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "longwave/tasks/task.h"
#include "longwave/train/checkpoint.h"
#include "longwave/train/experiment.h"
#include "longwave/train/loader.h"
#include "longwave/train/optimizer.h"
#include "longwave/train/recipe.h"
#include "longwave/train/schedule.h"
#include "longwave/train/weight_average.h"

namespace longwave {

/// How the message of a run begins whose weights, loss or gradient stopped being finite numbers.
inline constexpr const char* kDiverged = "diverged in ";

/// The training loop: one task, one model, one recipe. It knows no files; what is to be kept goes to the hooks.
class Trainer {
 public:
  struct Hooks {
    std::function<void(const Json&)> log;                            // entries of metrics.jsonl
    std::function<void(const Checkpoint&, bool best_changed)> save;  // a checkpoint is due; recipe is empty
    std::function<void(std::int64_t epoch, std::int64_t batch, double loss)> step;  // after every batch
    std::function<bool()> should_stop;
  };

  /// `model_random`: the stream that the model draws from. `augments`: random changes to training batches.
  /// `keep_last`: every epoch counts as the best so far.
  Trainer(Module& model, RandomStream& model_random, const Task& task, const TrainConfig& config, bool augments,
          Hooks hooks, bool keep_last = false);

  /// Goes on from a checkpoint. UserError naming `where` if it does not fit.
  void restore(const Checkpoint& checkpoint, const std::string& where);

  /// Trains to the end; the model then has the best weights. Fills stopped, capped, history and the counts of `result`.
  /// Interrupted after Ctrl-C, after the step or the batch of an evaluation in progress, when the checkpoint is saved;
  /// UserError when a loss is not finite.
  void run(RunResult& result);

  std::int64_t batches_per_epoch() const { return loader_.batches(); }
  /// Epochs, or rounds of a run counted in steps.
  std::int64_t epochs() const;
  std::int64_t step() const { return step_; }
  std::int64_t finished_epochs() const { return epoch_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Ending { none, capped, interrupted };

  Ending train_epoch();
  double train_batch(Batch& batch);
  void optimizer_step();
  std::int64_t first_look() const;
  void say_if_stuck();
  void finish_epoch();
  bool score_epoch(EpochRecord& record);
  Ending after_step();
  bool exhausted() const;
  bool out_of_time() const;
  std::int64_t batches_of_epoch() const;
  void check_finite(const Loss& loss, const Batch& batch) const;
  std::string first_bad_tensor(const Loss& loss) const;
  const char* kept() const;
  std::pair<double, std::int64_t> step_time() const;
  void save(bool best_changed);
  Checkpoint checkpoint() const;
  Scores epoch_means() const;
  double elapsed() const;

  Module& model_;
  RandomStream& model_random_;
  const Task& task_;
  TrainConfig config_;
  bool augments_;
  Hooks hooks_;
  bool keep_last_;

  RandomStream loader_random_, augment_random_;
  Loader loader_;
  AdamW optimizer_;
  WeightAverage average_;
  Schedule schedule_;

  // Position and account: all of this is in a checkpoint.
  std::int64_t epoch_ = 0, batch_ = 0, step_ = 0;  // epoch in progress, its next batch, optimiser steps done
  std::int64_t best_epoch_ = 0, bad_epochs_ = 0;
  double best_cost_ = 0, earlier_seconds_ = 0, epoch_seconds_ = 0;
  double earlier_step_seconds_ = 0;     // median of a step in earlier processes
  std::int64_t earlier_steps_ = 0;      // that it is of
  std::map<std::string, double> sums_;  // over the terms of the epoch in progress, see Loss
  double recent_loss_ = 0;              // running mean of the training loss
  bool told_stuck_ = false;
  double sum_terms_ = 0, tokens_ = 0;  // of the epoch in progress; of the whole run
  std::vector<EpochRecord> history_;
  TensorMap best_;

  Clock::time_point begin_, last_save_;
  std::vector<double> step_seconds_;        // of this process
  double pending_seconds_ = 0, terms_ = 0;  // of the optimiser step in progress; terms: see Loss
  std::int64_t saved_step_ = 0;
  bool saved_ = false;            // there is a checkpoint
  std::optional<double> chance_;  // of the task, once it was asked for
};

Json epoch_json(const EpochRecord& record);
EpochRecord epoch_from_json(const Json& json);

}  // namespace longwave
