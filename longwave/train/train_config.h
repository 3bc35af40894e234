#pragma once

#include <cstdint>
#include <string>

#include "longwave/base/fields.h"

namespace longwave {

/// Section [train]: how a model is trained.
struct TrainConfig {
  std::int64_t epochs = 100, steps = 0, eval_steps = 0, batch = 32, accumulate = 1, eval_batch = 64;
  double flops = 0;
  double learning_rate = 1e-4, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.1;
  std::string decay = "all";
  double state_learning_rate = 0, state_weight_decay = 0;
  std::string rates;
  std::string protocol = "scratch", start_from;
  std::int64_t stuck_steps = 1000;
  std::string schedule = "onecycle";
  double warmup_epochs = 0;
  std::int64_t warmup_steps = 0;
  double warmup_fraction = 0.05, initial_division = 10, final_division = 1e4, min_learning_rate = 0;
  bool cycle_momentum = true;
  double plateau_factor = 0.5;
  std::int64_t plateau_patience = 3;
  double clip = 1, average = 0;
  std::int64_t patience = 12;
  std::int64_t seed = 2024, threads = 0;
  std::string random_channel_drop = "auto";
  bool extra_losses = true, test_every_epoch = false;
  double max_minutes = 0;
  std::int64_t checkpoint_steps = 0;
  double checkpoint_seconds = 60;
  std::int64_t log_steps = 100;
  static const FieldTable<TrainConfig>& fields();

  /// Optimiser steps between validations if the run is counted in steps; 0: it is counted in epochs.
  std::int64_t round_steps() const {
    if (steps == 0) return 0;
    return eval_steps > 0 ? eval_steps : (steps + 9) / 10;
  }
};

}  // namespace longwave
