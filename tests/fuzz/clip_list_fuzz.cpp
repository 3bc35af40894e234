#include "longwave/data/clip_list.h"

#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"

/// Any text is names of a folder and a file or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  try {
    for (const auto& name : parse_clip_list({reinterpret_cast<const char*>(data), size}, "fuzz"))
      if (name.find('/') == std::string::npos || name.find('\n') != std::string::npos) __builtin_trap();
  } catch (const UserError&) {
  }
  return 0;
}
