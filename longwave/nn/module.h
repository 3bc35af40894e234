#pragma once

#include <torch/nn/module.h>

#include <filesystem>
#include <map>
#include <string>

#include "longwave/base/random.h"

namespace longwave {

/// Tensors by name: weights, states, traces. Sorted, so that files and messages are stable.
using TensorMap = std::map<std::string, at::Tensor>;

/// Base of every module with weights: torch's own plus strict loading by name.
class Module : public torch::nn::Module {
 public:
  /// All parameters and buffers by dotted name. They share memory with the module.
  TensorMap state() const;

  /// Copies `weights` into the module. Every name must exist on both sides with the same shape; otherwise one UserError
  /// lists all missing, unexpected and mismatched names, `where` (a path) says whose they are, and nothing is changed.
  /// Element types are converted, but complex numbers do not become real ones.
  void load(const TensorMap& weights, const std::string& where);

  /// Number of trainable numbers (a complex one counts once).
  std::int64_t parameter_count() const;
};

/// Checks that x has the element type of `weight` and is on its device. `what` begins the message.
void check_like_weight(const char* what, const at::Tensor& x, const at::Tensor& weight);

}  // namespace longwave
