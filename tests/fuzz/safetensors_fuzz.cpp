#include "longwave/io/safetensors.h"

#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"
#include "longwave/io/npy.h"

/// Any bytes are a file of tensors or a UserError, and every tensor lies within them. The same bytes go to the NumPy
/// reader, the other reader of binary files.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    const longwave::SafetensorsFile file(bytes, "fuzz");
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.tensors())
      for (std::size_t i = 0; i < tensor.bytes; ++i) sum += static_cast<unsigned>(tensor.data[i]);
    if (sum == ~0u) return 0;  // so that the reading is not removed
  } catch (const longwave::UserError&) {
  }
  try {
    longwave::parse_npy(bytes, "fuzz", "data");
  } catch (const longwave::UserError&) {
  }
  return 0;
}
