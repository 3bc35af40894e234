#include "longwave/nn/seeded_init.h"

#include <ATen/CPUGeneratorImpl.h>

#include <mutex>

namespace longwave {

SeededInit::SeededInit(std::uint64_t seed) {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  before_ = generator.get_state();
  generator.set_current_seed(seed);
}

SeededInit::~SeededInit() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator.set_state(before_);
}

}  // namespace longwave
