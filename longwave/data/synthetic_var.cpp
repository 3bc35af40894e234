#include "longwave/data/synthetic_var.h"

#include <algorithm>
#include <cmath>

namespace longwave {
namespace {

constexpr float kLimit = 15;
constexpr std::uint64_t kTrainStream = 1, kValStream = 2;

std::vector<double> normals(RandomStream& random, std::int64_t count, double scale) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = scale * random.normal();
  return values;
}

}  // namespace

void run_var(const double* init, const double* matrices, const double* noise, std::int64_t order, std::int64_t steps,
             std::int64_t channels, float* series) {
  for (std::int64_t i = 0; i < order * channels; ++i) series[i] = static_cast<float>(init[i]);
  for (auto t = order; t < steps; ++t)
    for (std::int64_t to = 0; to < channels; ++to) {
      auto sum = noise[(t - order) * channels + to];
      for (std::int64_t lag = 1; lag <= order; ++lag)
        for (std::int64_t from = 0; from < channels; ++from)
          sum += matrices[((lag - 1) * channels + to) * channels + from] * series[(t - lag) * channels + from];
      series[t * channels + to] = static_cast<float>(sum);
    }
  for (std::int64_t i = 0; i < steps * channels; ++i)
    series[i] = std::isnan(series[i]) ? 0 : std::clamp(series[i], -kLimit, kLimit);
}

SyntheticVarSet make_synthetic_var(const SyntheticVarFamily& family, std::int64_t count, RandomStream random) {
  SyntheticVarSet set{{}, count, family.steps, family.channels};
  const auto length = family.steps * family.channels;
  set.series.resize(static_cast<std::size_t>(count * length));
  for (std::int64_t i = 0; i < count; ++i) {
    auto own = random.split(static_cast<std::uint64_t>(i));  // a smaller set is the beginning of a larger one
    const auto choices = static_cast<std::uint64_t>(family.highest_order - family.lowest_order + 1);
    const auto order = family.lowest_order + static_cast<std::int64_t>(own.below(choices));
    const auto init = normals(own, order * family.channels, 1);
    std::vector<double> matrices(static_cast<std::size_t>(order * family.channels * family.channels));
    for (auto& entry : matrices) entry = family.entry * (2 * own.uniform() - 1);
    const auto noise = normals(own, (family.steps - order) * family.channels, family.noise);
    run_var(init.data(), matrices.data(), noise.data(), order, family.steps, family.channels,
            set.series.data() + i * length);
  }
  return set;
}

SyntheticVarSet make_synthetic_var_train(std::uint64_t seed, std::int64_t count) {
  return make_synthetic_var(kSyntheticVarTrain, count, RandomStream{seed, 0}.split(kTrainStream));
}

SyntheticVarSet make_synthetic_var_val(std::uint64_t seed, std::int64_t count) {
  return make_synthetic_var(kSyntheticVarVal, count, RandomStream{seed, 0}.split(kValStream));
}

}  // namespace longwave
