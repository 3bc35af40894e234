#pragma once

#include <cstdint>

namespace longwave {

/// A random stream that is two numbers: a seed and how many values were taken. Cheap to save, to restore, and to give
/// to every consumer separately; the same on every machine. Values are the SplitMix64 sequence of the seed.
struct RandomStream {
  std::uint64_t seed = 0;
  std::uint64_t count = 0;

  /// 64 uniform bits.
  std::uint64_t next() {
    auto z = seed + ++count * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1) with 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// Uniform on 0 .. n-1 without bias (n > 0).
  std::uint64_t below(std::uint64_t n);
  /// Standard normal (Box-Muller; two uniforms a value, so that `count` alone is the state).
  double normal();

  /// An independent stream for a named purpose ("loader", "dropout", ...) or index.
  RandomStream split(std::uint64_t purpose) const;
};

}  // namespace longwave
