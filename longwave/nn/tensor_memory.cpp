#include "longwave/nn/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace longwave {
namespace {

class Counter final : public c10::MemoryReportingInfoBase {
 public:
#if TORCH_VERSION_MAJOR >= 2
  using Total = std::size_t;
#else
  using Total = std::int64_t;
#endif
  void reportMemoryUsage(void* block, std::int64_t size, Total, Total, c10::Device) override {
    const std::lock_guard lock(mutex_);  // gradients may be computed on another thread
    if (size > 0) {
      blocks_[block] = size;
      held_ += size;
      memory_.asked += static_cast<double>(size);
      memory_.peak = std::max(memory_.peak, static_cast<double>(held_));
    } else if (const auto found = blocks_.find(block); found != blocks_.end()) {
      held_ -= found->second;
      blocks_.erase(found);
    }
  }
  bool memoryProfilingEnabled() const override { return true; }
  const TensorMemory& memory() const { return memory_; }

 private:
  std::mutex mutex_;
  std::unordered_map<void*, std::int64_t> blocks_;
  std::int64_t held_ = 0;
  TensorMemory memory_;
};

}  // namespace

TensorMemory count_tensor_memory(const std::function<void()>& work) {
  const auto counter = std::make_shared<Counter>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counter);
  work();
  return counter->memory();
}

}  // namespace longwave
