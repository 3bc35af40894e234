#include <algorithm>
#include <array>

#include "longwave/data/listops.h"

namespace longwave {
namespace {

using Counts = std::array<std::int64_t, 10>;

int best_guess(const Counts& counts) {
  return static_cast<int>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

/// The most frequent value of all expressions and of those with the same first symbol.
struct Guesses {
  int majority = 0;
  std::array<int, 15> by_root{};

  Guesses(const ListOpsTrees& trees, const std::vector<std::int64_t>& fit) {
    Counts all{};
    std::array<Counts, 15> roots{};
    for (const auto i : fit) {
      ++all[trees.values[i]];
      ++roots[trees.at(i)[0]][trees.values[i]];
    }
    majority = best_guess(all);
    for (std::size_t root = 0; root < roots.size(); ++root) by_root[root] = best_guess(roots[root]);
  }
};

}  // namespace

ListOpsLadder listops_ladder(const ListOpsTrees& trees, const std::vector<std::int64_t>& fit,
                             const std::vector<std::int64_t>& score) {
  const Guesses guesses(trees, fit);
  const auto share = [&](const auto& predict) {
    const auto right =
        std::count_if(score.begin(), score.end(), [&](std::int64_t i) { return predict(i) == trees.values[i]; });
    return static_cast<double>(right) / static_cast<double>(std::max<std::size_t>(1, score.size()));
  };
  ListOpsLadder ladder;
  ladder.majority = share([&](std::int64_t) { return guesses.majority; });
  ladder.root = share([&](std::int64_t i) { return guesses.by_root[trees.at(i)[0]]; });
  while (!score.empty() && (ladder.levels.empty() || ladder.levels.back() < 1)) {
    const int levels = static_cast<int>(ladder.levels.size()) + 1;
    ladder.levels.push_back(share(
        [&](std::int64_t i) { return listops_value(trees.at(i), levels).value_or(guesses.by_root[trees.at(i)[0]]); }));
  }
  return ladder;
}

}  // namespace longwave
