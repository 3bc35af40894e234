#include "longwave/data/pixel_text.h"

#include <cstddef>

#include "longwave/base/check.h"

/// Any text is square images of one size, or labels, or a UserError; the first byte chooses the reader.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] % 2 == 0) {
      std::int64_t side = 0;
      std::string pixels;
      const auto images = parse_pixel_text(text, "fuzz", side, pixels);
      if (images < 1 || side < 1 || static_cast<std::int64_t>(pixels.size()) != images * side * side) __builtin_trap();
    } else {
      for (const auto label : parse_label_text(text, "fuzz"))
        if (label < 0) __builtin_trap();
    }
  } catch (const UserError&) {
  }
  return 0;
}
