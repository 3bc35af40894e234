#include "longwave/data/maze.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <tuple>

namespace longwave {
namespace {

std::int64_t manhattan(const Maze& maze, std::int32_t a, std::int32_t b) {
  return std::abs(a / maze.side - b / maze.side) + std::abs(a % maze.side - b % maze.side);
}

}  // namespace

std::vector<std::int32_t> lattice_neighbours(std::int64_t side, std::int32_t cell) {
  const auto n = static_cast<std::int32_t>(side);
  std::vector<std::int32_t> list;
  if (cell >= n) list.push_back(cell - n);
  if (cell < n * n - n) list.push_back(cell + n);
  if (cell % n > 0) list.push_back(cell - 1);
  if (cell % n < n - 1) list.push_back(cell + 1);
  return list;
}

std::vector<std::int32_t> distances_from(const Maze& maze, std::int32_t from) {
  std::vector<std::int32_t> distance(maze.neighbours.size(), -1), queue{from};
  distance[static_cast<std::size_t>(from)] = 0;
  for (std::size_t i = 0; i < queue.size(); ++i)
    for (const auto next : maze.neighbours[static_cast<std::size_t>(queue[i])])
      if (distance[static_cast<std::size_t>(next)] < 0) {
        distance[static_cast<std::size_t>(next)] = distance[static_cast<std::size_t>(queue[i])] + 1;
        queue.push_back(next);
      }
  return distance;
}

std::vector<std::int32_t> shortest_path(const Maze& maze, std::int32_t start, std::int32_t goal) {
  const auto cells = maze.neighbours.size();
  std::vector<std::int64_t> cost(cells, -1);
  std::vector<std::int32_t> from(cells, -1);
  using Entry = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int32_t>;  // estimate, to go, -order, cell
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  std::int64_t order = 0;
  const auto add = [&](std::int32_t cell, std::int32_t before, std::int64_t steps) {
    auto& known = cost[static_cast<std::size_t>(cell)];
    if (known >= 0 && known <= steps) return;
    known = steps;
    from[static_cast<std::size_t>(cell)] = before;
    const auto rest = manhattan(maze, cell, goal);
    open.push({steps + rest, rest, -order++, cell});
  };
  add(start, -1, 0);
  while (!open.empty()) {
    const auto [estimate, rest, ignored, cell] = open.top();
    open.pop();
    if (cell == goal) break;
    for (const auto next : maze.neighbours[static_cast<std::size_t>(cell)]) add(next, cell, estimate - rest + 1);
  }
  std::vector<std::int32_t> path;
  if (cost[static_cast<std::size_t>(goal)] < 0) return path;
  for (auto cell = goal; cell >= 0; cell = from[static_cast<std::size_t>(cell)]) path.push_back(cell);
  std::reverse(path.begin(), path.end());
  return path;
}

double random_walk_chance(const Maze& maze, bool back) {
  double chance = 1;
  for (std::size_t i = 0; i + 1 < maze.path.size(); ++i) {
    const auto ways = maze.neighbours[static_cast<std::size_t>(maze.path[i])].size();
    chance /= static_cast<double>(ways - (i > 0 && !back));
  }
  return chance;
}

double greedy_walk_chance(const Maze& maze) {
  double chance = 1;
  const auto goal = maze.path.back();
  for (std::size_t i = 0; i + 1 < maze.path.size(); ++i) {
    const auto rest = manhattan(maze, maze.path[i], goal);
    if (manhattan(maze, maze.path[i + 1], goal) >= rest) return 0;
    const auto& ways = maze.neighbours[static_cast<std::size_t>(maze.path[i])];
    chance /= static_cast<double>(
        std::count_if(ways.begin(), ways.end(), [&](auto next) { return manhattan(maze, next, goal) < rest; }));
  }
  return chance;
}

void predict_from(std::size_t first, SequenceExample& sample) {
  const auto& tokens = sample.first.tokens;
  sample.targets.assign(tokens.size(), kIgnoredTarget);
  std::copy(tokens.begin() + static_cast<std::ptrdiff_t>(first) + 1, tokens.end(),
            sample.targets.begin() + static_cast<std::ptrdiff_t>(first));
}

}  // namespace longwave
