#pragma once

#include <cstdint>
#include <vector>

namespace longwave {

/// 0 .. n-1 in an order that the seed decides, the same on every machine.
std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed);

/// The permutation `torch.randperm(n)` of a CPU generator seeded with `seed`: the order that `random_split` cuts.
std::vector<std::int64_t> torch_permutation(std::int64_t n, std::uint32_t seed);

/// The permutation `numpy.random.RandomState(seed).permutation(n)`.
std::vector<std::int64_t> numpy_permutation(std::int64_t n, std::uint32_t seed);

/// Positions of a list in two parts, each ascending.
struct Parts {
  std::vector<std::int64_t> kept, held_out;
};

/// Holds out the share `share` (in [0, 1]) of every class, rounded to the nearest whole number class by class; of a
/// class of several samples at least one is held out and one kept, unless the share is 0 or 1. Which ones, the seed
/// decides. Labels are >= 0.
Parts hold_out(const std::vector<std::int32_t>& labels, double share, std::uint64_t seed);

/// `count` positions, ascending, with equally many of every class that occurs (the first classes get one more where
/// `count` does not divide; a class with too few gives all it has and the others give more); which ones, the seed
/// decides. All positions if count is 0 or not below the number of labels. Labels are >= 0.
std::vector<std::int64_t> balanced_subset(const std::vector<std::int32_t>& labels, std::int64_t count,
                                          std::uint64_t seed);

}  // namespace longwave
