#pragma once

#include <functional>

namespace longwave {

/// Bytes of the tensors that some work makes on this thread. What a library takes for itself is not among them.
struct TensorMemory {
  double asked = 0;  // all of them together
  double peak = 0;   // the most that existed at once
};

/// Runs `work` and counts what it asks libtorch's allocator for: the same numbers on every call, unlike the resident
/// memory of the process. What existed before does not count, nor does its end.
TensorMemory count_tensor_memory(const std::function<void()>& work);

}  // namespace longwave
