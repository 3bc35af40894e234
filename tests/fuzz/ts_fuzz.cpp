#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"
#include "longwave/io/ts_file.h"

/// Any text is a set of labelled series of so many channels or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  try {
    const auto file = parse_ts({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const auto& series : file.series) {
      if (series.label < 0 || series.label >= static_cast<std::int32_t>(file.classes.size())) __builtin_trap();
      if (series.values.empty() || series.values.size() % static_cast<std::size_t>(file.channels)) __builtin_trap();
    }
  } catch (const UserError&) {
  }
  return 0;
}
