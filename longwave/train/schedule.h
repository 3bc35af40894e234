#pragma once

#include <cstdint>
#include <memory>

#include "longwave/base/fields.h"
#include "longwave/train/train_config.h"

namespace longwave {

/// What the schedule sets for one optimiser step.
struct StepSize {
  double learning_rate, beta1;
};

/// One cycle of `total` steps in two straight lines, with t1 = fraction * total - 1: the rate goes from
/// rate / initial_division at step 0 to rate at t1 and on to rate / initial_division / final_division at total - 1;
/// beta1 goes 0.95, 0.85, 0.95. (Smith and Topin 2018, arXiv 1708.07120; two phases, linear.)
StepSize one_cycle(std::int64_t step, std::int64_t total, const TrainConfig& config);

/// The course of learning rate and beta1 over the optimiser steps of a run. Behind the warm-up of w steps, inverse_sqrt
/// is rate * sqrt(w / step) (Vaswani et al. 2017); where a program writes base / sqrt(max(step, w)), the rate is
/// base / sqrt(w).
class Schedule {
 public:
  /// Runs counted in steps have an end, config.steps, without epochs.
  Schedule(const TrainConfig& config, std::int64_t steps_per_epoch) : config_(config), per_epoch_(steps_per_epoch) {}

  /// For optimiser step 0, 1, ...
  StepSize at(std::int64_t step) const;

  /// The validation score of an epoch: a plateau lowers the rate.
  void report(double score);

  /// All that `report` has changed.
  Json state() const;
  void load(const Json& state);

 private:
  double warmup() const;
  double rate(double step) const;

  TrainConfig config_;
  std::int64_t per_epoch_;
  double plateau_scale_ = 1, plateau_best_ = 0;
  std::int64_t plateau_bad_ = -1;  // epochs without improvement; -1: no score yet
};

}  // namespace longwave
