#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/version.h>

#include <atomic>
#include <cstdint>

namespace longwave::testing {

/// Bytes that libtorch asks its allocator for.
struct AllocationCounter final : c10::MemoryReportingInfoBase {
  std::atomic<std::int64_t> bytes{0};
#if TORCH_VERSION_MAJOR >= 2
  using Total = std::size_t;
#else
  using Total = std::int64_t;
#endif
  void reportMemoryUsage(void*, std::int64_t size, Total, Total, c10::Device) override {
    if (size > 0) bytes += size;
  }
  bool memoryProfilingEnabled() const override { return true; }
};

}  // namespace longwave::testing
