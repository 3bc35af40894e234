#include "longwave/data/dna_intervals.h"

#include <cstddef>

#include "longwave/base/check.h"

/// Any text is intervals that are not empty or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  try {
    for (const auto& interval : parse_intervals({reinterpret_cast<const char*>(data), size}, "fuzz"))
      if (interval.start < 0 || interval.start >= interval.end || interval.line < 2) __builtin_trap();
  } catch (const UserError&) {
  }
  return 0;
}
