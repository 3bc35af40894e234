#include <cstddef>
#include <cstdint>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/data/listops_expression.h"

/// Any text is an expression with a value, which its own text stands for too, or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  try {
    const auto expression = parse_listops({reinterpret_cast<const char*>(data), size}, "fuzz");
    const auto value = listops_value(expression);
    if (!value || *value < 0 || *value > 9) __builtin_trap();
    if (parse_listops(listops_text(expression), "fuzz") != expression) __builtin_trap();
    for (int levels = 0; levels < 4; ++levels) listops_value(expression, levels);
  } catch (const UserError&) {
  }
  return 0;
}
