#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>
#include <omp.h>

#include <functional>

namespace longwave::testing {

/// Numbers that the operators which `work` calls on this thread are given, element-wise ones and moves of data
/// included: what count_flops does not see. Operators inside others count again. On one thread: pieces of a parallel
/// operator that run on this thread would count beside it.
inline double numbers_touched(const std::function<void()>& work) {
  static thread_local double touched = 0;
  touched = 0;
  const auto enter = [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
    for (const auto& input : function.inputs())
      if (input.isTensor() && input.toTensor().defined()) touched += static_cast<double>(input.toTensor().numel());
    return nullptr;
  };
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(enter).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  const int threads = omp_get_max_threads();
  const auto end = [&] {
    at::removeCallback(handle);
    omp_set_num_threads(threads);
  };
  omp_set_num_threads(1);
  try {
    work();
  } catch (...) {
    end();
    throw;
  }
  end();
  return touched;
}

}  // namespace longwave::testing
