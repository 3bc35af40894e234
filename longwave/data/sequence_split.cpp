#include "longwave/data/sequence_split.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <utility>

#include "longwave/base/random.h"

namespace longwave {
namespace {

/// Positions by class, each class in random order.
std::map<std::int32_t, std::vector<std::int64_t>> by_class(const std::vector<std::int32_t>& labels,
                                                           std::uint64_t seed) {
  std::map<std::int32_t, std::vector<std::int64_t>> classes;
  for (const auto i : shuffled(static_cast<std::int64_t>(labels.size()), seed)) classes[labels[i]].push_back(i);
  return classes;
}

}  // namespace

std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  RandomStream random{seed};
  for (auto left = n; left > 1; --left)
    std::swap(order[left - 1], order[random.below(static_cast<std::uint64_t>(left))]);
  return order;
}

std::vector<std::int64_t> torch_permutation(std::int64_t n, std::uint32_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(seed);
  for (std::int64_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + random() % (n - i)]);
  return order;
}

std::vector<std::int64_t> numpy_permutation(std::int64_t n, std::uint32_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(seed);
  for (auto i = n - 1; i > 0; --i) {
    const auto mask = std::bit_ceil(static_cast<std::uint64_t>(i) + 1) - 1;
    std::uint64_t j = random() & mask;
    while (j > static_cast<std::uint64_t>(i)) j = random() & mask;
    std::swap(order[i], order[j]);
  }
  return order;
}

Parts hold_out(const std::vector<std::int32_t>& labels, double share, std::uint64_t seed) {
  std::vector<char> out(labels.size(), 0);
  for (const auto& [label, positions] : by_class(labels, seed)) {
    const auto all = std::ssize(positions);
    auto count = std::llround(share * static_cast<double>(all));
    if (share > 0 && share < 1 && all > 1) count = std::clamp<long long>(count, 1, all - 1);
    for (std::int64_t i = 0; i < count; ++i) out[positions[i]] = 1;
  }
  Parts parts;
  for (std::size_t i = 0; i < labels.size(); ++i)
    (out[i] ? parts.held_out : parts.kept).push_back(static_cast<std::int64_t>(i));
  return parts;
}

std::vector<std::int64_t> balanced_subset(const std::vector<std::int32_t>& labels, std::int64_t count,
                                          std::uint64_t seed) {
  const auto all = static_cast<std::int64_t>(labels.size());
  const auto wanted = count == 0 ? all : std::min(count, all);
  const auto classes = by_class(labels, seed);
  std::vector<std::int64_t> chosen;
  for (std::size_t round = 0; static_cast<std::int64_t>(chosen.size()) < wanted; ++round)
    for (const auto& [label, positions] : classes)
      if (round < positions.size() && static_cast<std::int64_t>(chosen.size()) < wanted)
        chosen.push_back(positions[round]);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace longwave
