#pragma once

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace longwave {

/// Where tests look for real data sets: LONGWAVE_DATA, else shared/data beside the sources.
inline std::vector<std::filesystem::path> test_data_roots() {
  const char* set = std::getenv("LONGWAVE_DATA");
  if (set && *set) return {set};
  return {std::filesystem::path(LONGWAVE_SOURCE_DIR) / "../shared/data"};
}

}  // namespace longwave
