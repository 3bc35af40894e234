#pragma once

#include <ATen/Tensor.h>

#include <cstdint>

namespace longwave {

/// Lends torch's process-wide generator, from which initialisers draw, to a seed while this object lives.
class SeededInit {
 public:
  explicit SeededInit(std::uint64_t seed);
  ~SeededInit();
  SeededInit(const SeededInit&) = delete;
  SeededInit& operator=(const SeededInit&) = delete;

 private:
  at::Tensor before_;  // the generator's state
};

}  // namespace longwave
