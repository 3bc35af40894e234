#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"
#include "longwave/io/toml.h"

/// Any bytes are a recipe or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    longwave::parse_toml({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const longwave::UserError&) {
  }
  return 0;
}
