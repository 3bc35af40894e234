#include "longwave/io/wav.h"

#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"

/// Any bytes are sound or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    if (longwave::parse_wav(bytes, "fuzz", 8000).empty()) __builtin_trap();
  } catch (const longwave::UserError&) {
  }
  return 0;
}
