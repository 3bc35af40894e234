#pragma once

#include <string>
#include <vector>

namespace longwave {

/// A module with parameters of a state-space system (A, B, dt and the like), which are trained with a learning rate of
/// their own and without weight decay (Gu et al. 2022; see TrainConfig::state_learning_rate).
class HasStateParameters {
 public:
  virtual ~HasStateParameters() = default;

  /// Their names below the module ("A_log", "kernel.log_dt").
  virtual std::vector<std::string> state_parameters() const = 0;
};

}  // namespace longwave
