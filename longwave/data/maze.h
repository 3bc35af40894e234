#pragma once

#include <cstdint>
#include <vector>

#include "longwave/base/random.h"
#include "longwave/data/generated.h"

namespace longwave {

/// Cells of a lattice, row by row, and which neighbours are joined.
struct Maze {
  std::int64_t side = 0;
  std::vector<std::vector<std::int32_t>> neighbours;  // [side * side]
  std::vector<std::int32_t> path;                     // a shortest one, from start to goal
};

/// What all mazes have; their tables of fields differ in the sides that make sense.
struct MazeConfig : GeneratedConfig {
  std::int64_t side = 10;

  MazeConfig() {
    train_samples = 100000;
    val_samples = test_samples = 2000;
  }
};

/// Cells beside one another in the lattice: up, down, left, right as far as they exist.
std::vector<std::int32_t> lattice_neighbours(std::int64_t side, std::int32_t cell);

/// Steps from `from` to every cell; -1 where there is no way.
std::vector<std::int32_t> distances_from(const Maze& maze, std::int32_t from);

/// A shortest way by A* with the Manhattan distance; empty if there is none. Of equally good cells, the one nearer to
/// the goal, then the one found later, comes first.
std::vector<std::int32_t> shortest_path(const Maze& maze, std::int32_t start, std::int32_t goal);

/// Chance that somebody who picks a joined neighbour at random walks the whole path; `back`: also back where he came
/// from.
double random_walk_chance(const Maze& maze, bool back);

/// Chance of the same if he picks among the joined neighbours that are nearer to the goal as the crow flies.
double greedy_walk_chance(const Maze& maze);

/// Targets of a sample whose path begins at `first`: every token from there on but the last foretells the next one.
void predict_from(std::size_t first, SequenceExample& sample);

}  // namespace longwave
