#include "longwave/base/memory.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace longwave {
namespace {

TEST(Memory, WorksWithTheMallocOfTheCLibrary) {
  EXPECT_EQ(malloc_name(), "of the C library");
  release_memory();
}

TEST(Memory, ThePeakIsThatSinceTheReset) {
  constexpr std::size_t kBytes = 64 << 20;
  release_memory();
  reset_peak_memory();
  const auto before = peak_memory_bytes();
  {
    std::vector<char> block(kBytes, 1);
    EXPECT_EQ(block.back(), 1);
  }
  EXPECT_GT(peak_memory_bytes(), before + 0.9 * kBytes);
}

}  // namespace
}  // namespace longwave
