#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <torch/version.h>

#include <atomic>
#include <cstring>

namespace longwave::testing {

/// The byte that fresh memory of tensors consists of once fill_fresh_memory was called. All ones: floats are NaN,
/// integers -1, bools true.
inline std::atomic<int> fresh_byte{0xFF};

/// libtorch's allocator, but nothing that it gives was ever written: what an operator leaves out shows.
class FilledMemory final : public c10::Allocator {
 public:
  explicit FilledMemory(c10::Allocator* inner) : inner_(inner) {}
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(std::size_t bytes) override { return filled(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }
#else
  c10::DataPtr allocate(std::size_t bytes) const override { return filled(bytes); }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return inner_->raw_deleter(); }

 private:
  c10::DataPtr filled(std::size_t bytes) const {
    auto block = inner_->allocate(bytes);
    if (bytes > 0) std::memset(block.get(), fresh_byte, bytes);
    return block;
  }
  c10::Allocator* inner_;
};

/// For the rest of the process. Call it before tensors are made.
inline bool fill_fresh_memory() {
  static FilledMemory memory(c10::GetCPUAllocator());
  constexpr std::uint8_t kAboveTheDefault = 1;
  c10::SetCPUAllocator(&memory, kAboveTheDefault);
  return true;
}

}  // namespace longwave::testing
