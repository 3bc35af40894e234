#include "longwave/io/columnar.h"

#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"

/// Any bytes are a table in Parquet or Arrow or a UserError, and so is every column of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto table = longwave::parse_columnar(bytes, "fuzz");
    const auto columns = table->columns();
    for (std::size_t i = 0; i < columns.size(); ++i) try {
        table->cells(i);
      } catch (const longwave::UserError&) {
      }
  } catch (const longwave::UserError&) {
  }
  return 0;
}
