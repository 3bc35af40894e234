#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "longwave/base/check.h"

namespace longwave::ops {

/// Checks that `lengths` is int64 [b], within 0 .. t and where x [b, t, ...] is: kernels write as many steps as it
/// says. `what` begins the message. Meta tensors have no numbers to look at.
inline void check_lengths(const char* what, const at::Tensor& lengths, const at::Tensor& x) {
  const auto b = x.size(0), t = x.size(1);
  check(lengths.dim() == 1 && lengths.size(0) == b && lengths.scalar_type() == at::kLong, what, ": lengths is ",
        lengths.scalar_type(), " ", lengths.sizes(), "; expected int64 [b] = [", b, "]");
  check(lengths.device() == x.device(), what, ": lengths is on ", lengths.device().str(), "; expected ",
        x.device().str(), " like the sequences");
  if (lengths.is_meta()) return;
  const auto on_cpu = lengths.cpu().contiguous();
  const auto* steps = on_cpu.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < b; ++i)
    check(steps[i] >= 0 && steps[i] <= t, what, ": lengths[", i, "] is ", steps[i], "; expected 0 .. t = ", t);
}

}  // namespace longwave::ops
