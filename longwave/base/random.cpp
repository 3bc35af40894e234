#include "longwave/base/random.h"

#include <cmath>
#include <numbers>

namespace longwave {

std::uint64_t RandomStream::below(std::uint64_t n) {
  const auto limit = -n % n;  // 2^64 mod n: values under it would favour the first residues
  for (;;)
    if (const auto bits = next(); bits >= limit) return bits % n;
}

double RandomStream::normal() {
  const auto radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

RandomStream RandomStream::split(std::uint64_t purpose) const {
  RandomStream mixed{seed ^ (purpose * 0xD6E8FEB86659FD93ull + 0x2545F4914F6CDD1Dull), 0};
  return {mixed.next(), 0};
}

}  // namespace longwave
