#pragma once

#include <torch/nn/module.h>

#include <initializer_list>
#include <mutex>
#include <utility>
#include <vector>

namespace longwave {

/// Tensors computed from parameters, kept from call to call while nothing asks for gradients: in evaluation mode with
/// gradients off. A parameter that was written or replaced makes them anew, and so does any use in training. Writing
/// through `parameter.data()` leaves no trace that could be seen. Several threads may evaluate at once.
class DerivedCache {
 public:
  /// What `compute` returns for the present `parameters` of the module. Undefined ones are those it does not have.
  template <class Compute>
  std::vector<at::Tensor> get(const torch::nn::Module& module, std::initializer_list<at::Tensor> parameters,
                              Compute compute) {
    if (module.is_training() || at::GradMode::is_enabled()) return forget(), compute();
    std::vector<Trace> now;
    for (const auto& parameter : parameters) {
      if (!parameter.defined()) continue;
      if (parameter.is_inference()) return compute();  // keeps no account of writing
      now.push_back({parameter.data_ptr(), parameter._version(), parameter.scalar_type()});
    }
    const std::lock_guard lock(mutex_);
    if (values_.empty() || now != seen_) {
      values_ = compute();
      seen_ = std::move(now);
    }
    return values_;
  }

  void forget() {
    const std::lock_guard lock(mutex_);
    values_.clear();
  }

 private:
  struct Trace {
    const void* memory;
    std::int64_t version;
    at::ScalarType type;
    bool operator==(const Trace&) const = default;
  };

  std::mutex mutex_;
  std::vector<Trace> seen_;
  std::vector<at::Tensor> values_;
};

}  // namespace longwave
