#pragma once

#include <torch/nn/module.h>

#include <initializer_list>
#include <utility>
#include <vector>

namespace longwave {

/// Tensors computed from parameters, kept from call to call while nothing asks for gradients: in evaluation mode with
/// gradients off. A parameter that was written or replaced makes them anew, and so does any use in training.
class DerivedCache {
 public:
  /// What `compute` returns for the present `parameters` of the module.
  template <class Compute>
  std::vector<at::Tensor> get(const torch::nn::Module& module, std::initializer_list<at::Tensor> parameters,
                              Compute compute) {
    if (module.is_training() || at::GradMode::is_enabled()) {
      values_.clear();
      return compute();
    }
    std::vector<std::pair<const void*, std::uint64_t>> now;
    for (const auto& parameter : parameters) now.emplace_back(parameter.data_ptr(), parameter._version());
    if (values_.empty() || now != seen_) {
      values_ = compute();
      seen_ = std::move(now);
    }
    return values_;
  }

 private:
  std::vector<std::pair<const void*, std::uint64_t>> seen_;  // memory and version of the parameters
  std::vector<at::Tensor> values_;
};

}  // namespace longwave
