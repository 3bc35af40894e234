#include <cstddef>
#include <cstdint>
#include <string>

#include "longwave/base/check.h"
#include "longwave/io/cifar.h"
#include "longwave/io/idx.h"
#include "longwave/io/npy.h"
#include "longwave/io/pickle.h"
#include "longwave/io/png.h"

namespace {

template <class Read>
void try_reading(const Read& read) {
  try {
    read();
  } catch (const longwave::UserError&) {
  }
}

}  // namespace

/// Any bytes are images (or the metadata beside them) or a UserError, for each of the readers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try_reading([&] {
    const auto array = parse_idx(bytes, "fuzz");
    std::uint64_t count = 1;
    for (const auto extent : array.shape) count *= static_cast<std::uint64_t>(extent);
    if (count != array.values.size()) __builtin_trap();
  });
  try_reading([&] {
    CifarImages images;
    parse_cifar(bytes, "fuzz", images);
    if (images.pixels.size() != images.labels.size() * CifarImages::kBytes) __builtin_trap();
  });
  try_reading([&] { parse_pickle(bytes, "fuzz"); });
  try_reading([&] {
    const auto image = parse_png(bytes, "fuzz");
    if (static_cast<std::int64_t>(image.pixels.size()) != image.height * image.width) __builtin_trap();
  });
  try_reading([&] { parse_npy_text(bytes, "fuzz"); });
  return 0;
}
