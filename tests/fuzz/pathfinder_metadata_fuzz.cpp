#include "longwave/data/pathfinder_metadata.h"

#include <cstddef>

#include "longwave/base/check.h"

/// Any bytes are records with a label or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  try {
    for (const auto& record : parse_pathfinder_metadata({reinterpret_cast<const char*>(data), size}, "fuzz"))
      if (record.label < 0 || record.label > 1 || record.line < 1) __builtin_trap();
  } catch (const UserError&) {
  }
  return 0;
}
