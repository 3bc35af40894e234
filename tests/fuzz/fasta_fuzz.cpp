#include "longwave/io/fasta.h"

#include <cstddef>
#include <cstdint>

#include "longwave/base/check.h"

/// Any text is DNA of five letters or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longwave;
  try {
    for_each_fasta({reinterpret_cast<const char*>(data), size}, "fuzz", [](std::string_view, std::string& bases) {
      if (bases.empty() || bases.find_first_not_of("ACGTN") != std::string::npos) __builtin_trap();
      if (reverse_complement(reverse_complement(bases)) != bases) __builtin_trap();
    });
  } catch (const UserError&) {
  }
  return 0;
}
