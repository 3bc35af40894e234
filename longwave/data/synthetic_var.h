#pragma once

#include <cstdint>
#include <vector>

#include "longwave/base/random.h"

namespace longwave {

/// Series that each follow their own vector autoregression, so that a model must infer the process from the series
/// itself. x_t = sum_{j=1..N} A_j x_{t-j} + noise; the finished series is clipped to [-15, 15].
struct SyntheticVarSet {
  std::vector<float> series;  // [count, steps, channels] row-major
  std::int64_t count = 0, steps = 0, channels = 0;
};

/// A family of processes: the order N is uniform on [lowest_order, highest_order], matrix entries on (-entry, entry),
/// the first N rows are standard normal, the noise is normal.
struct SyntheticVarFamily {
  std::int64_t lowest_order, highest_order;
  double entry;
  double noise = 0.05;
  std::int64_t steps = 65, channels = 2;
};

/// The variance of the noise: no one-step forecast of these families does better on average.
inline constexpr double kSyntheticVarFloor = 0.0025;

/// The published experiment trains on orders 1 and 2 and validates on another family, orders 3 and 4.
inline constexpr SyntheticVarFamily kSyntheticVarTrain{1, 2, 0.5};
inline constexpr SyntheticVarFamily kSyntheticVarVal{3, 4, 0.25};

/// Draws `count` series; the same stream gives the same series on every machine.
SyntheticVarSet make_synthetic_var(const SyntheticVarFamily& family, std::int64_t count, RandomStream random);

/// The published sizes: 20000 series to train on and 2000 to validate on, from independent streams of one seed.
SyntheticVarSet make_synthetic_var_train(std::uint64_t seed, std::int64_t count = 20000);
SyntheticVarSet make_synthetic_var_val(std::uint64_t seed, std::int64_t count = 2000);

/// One series from its parts: init [order, channels], matrices [order, channels, channels] (A_1 first), noise
/// [steps - order, channels]; writes [steps, channels] to `series`. Sums are in double; what is no
/// number is 0.
void run_var(const double* init, const double* matrices, const double* noise, std::int64_t order, std::int64_t steps,
             std::int64_t channels, float* series);

}  // namespace longwave
