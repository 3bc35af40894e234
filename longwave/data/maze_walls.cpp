// Mazes of random walls with an optimal plan (Lehnert et al. 2024, "Beyond A*", Searchformer).

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/data/maze.h"

namespace longwave {
namespace {

constexpr int kMazes = 10000, kPairs = 100;

/// Token ids in front of those of the coordinates.
enum : std::int32_t { kPad, kMask, kStart, kGoal, kWall, kPlan, kEnd, kNumbers };
const std::vector<std::string> kNames{"<pad>", "<mask>", "start", "goal", "wall", "plan", "end"};

class MazeWalls final : public GeneratedData {
 public:
  struct Config : MazeConfig {
    static const FieldTable<Config>& fields();
  };

  MazeWalls(const Config& config, const SequenceSource&) : GeneratedData(config), side_(config.side) {
    auto names = kNames;
    for (const auto& number : numerals(side_)) names.push_back(number);
    // The longest: as few walls as possible and a plan through all that is free, or as many and the rest.
    predict_tokens(std::move(names), 3 * side_ * side_ + 7);
    facts_.padding = kPad;
    facts_.mask = kMask;
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto [maze, walls] = draw(split, random);
    auto& tokens = out.first.tokens;
    tokens.clear();
    const auto add = [&](std::int32_t word, std::int32_t cell) {
      const auto side = static_cast<std::int32_t>(side_);
      tokens.insert(tokens.end(), {word, kNumbers + cell / side, kNumbers + cell % side});
    };
    add(kStart, maze.path.front());
    add(kGoal, maze.path.back());
    for (const auto wall : walls) add(kWall, wall);
    const auto first = tokens.size();
    for (const auto cell : maze.path) add(kPlan, cell);
    tokens.push_back(kEnd);
    predict_from(first, out);
    out.label = -1;
  }

  /// A move is a cell of the plan behind another one. It is legal if a free cell beside that one lies in the row that
  /// is told, and one in the column that is told, behind the true row. Its numbers are right if the same holds of cells
  /// one step nearer to the goal.
  Moves moves(const SequenceExample& sample, const std::vector<std::int32_t>& predicted) const override {
    const auto& tokens = sample.first.tokens;
    const auto side = static_cast<std::int32_t>(side_);
    const auto cell = [&](std::size_t word) {
      return (tokens[word + 1] - kNumbers) * side + tokens[word + 2] - kNumbers;
    };
    const auto maze = open_cells(free_cells(tokens));
    const auto left = distances_from(maze, cell(3));  // steps to the goal
    Moves moves{.made = 0, .legal = 0, .right = 0};
    for (std::size_t i = 0; i < tokens.size(); ++i)
      moves.right += sample.targets[i] != kIgnoredTarget && predicted[i] == sample.targets[i];
    for (std::size_t word = 3; word + 2 < tokens.size(); word += 3) {
      if (tokens[word] != kPlan || tokens[word - 3] != kPlan) continue;
      const auto here = static_cast<std::size_t>(cell(word - 3));
      bool row = false, column = false, good_row = false, good_column = false;
      for (const auto next : maze.neighbours[here]) {
        const auto y = kNumbers + next / side, x = kNumbers + next % side;
        const bool nearer = left[static_cast<std::size_t>(next)] < left[here], true_row = y == tokens[word + 1];
        row = row || y == predicted[word];
        column = column || (true_row && x == predicted[word + 1]);
        good_row = good_row || (nearer && y == predicted[word]);
        good_column = good_column || (nearer && true_row && x == predicted[word + 1]);
      }
      ++moves.made;
      moves.legal += row && column;
      moves.right += (good_row && predicted[word] != sample.targets[word]) +
                     (good_column && predicted[word + 1] != sample.targets[word + 1]);
    }
    return moves;
  }

  std::vector<Baseline> baselines() const override {
    Tally walk, ahead, greedy;
    const auto comment = visit_scored(*this, [&](Split split, std::int64_t index) {
      auto random = stream(split, index);
      const auto maze = draw(split, random).maze;
      walk.right += random_walk_chance(maze, true);
      ahead.right += random_walk_chance(maze, false);
      greedy.right += greedy_walk_chance(maze);
      ++walk.scored;
    });
    const auto share = [&](const Tally& tally) { return tally.right / std::max(1.0, walk.scored); };
    return {{"random walk", share(walk), "whole plans, " + comment},
            {"random walk that never turns back", share(ahead), "whole plans, " + comment},
            {"random walk towards the goal", share(greedy), "whole plans, " + comment}};
  }

 private:
  struct Drawn {
    Maze maze;
    std::vector<std::int32_t> walls;  // by row, then column
  };

  /// Walls that belong to the split, and a start and goal that lie far enough apart.
  Drawn draw(Split split, RandomStream& random) const {
    const auto cells = side_ * side_, tenth = cells / 10;
    for (int tries = 0; tries < kMazes; ++tries) {
      const auto count = 3 * tenth + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(2 * tenth + 1)));
      auto drawn = draw_distinct(random, cells, cells);  // first the walls, then the free cells
      std::sort(drawn.begin(), drawn.begin() + count);
      const std::vector<std::int32_t> walls(drawn.begin(), drawn.begin() + count);
      if (!belongs_to(split, hash_of(walls))) continue;
      const std::vector<std::int32_t> free(drawn.begin() + count, drawn.end());
      auto maze = open_cells(free);
      for (int pair = 0; pair < kPairs; ++pair) {
        const auto ends = draw_distinct(random, static_cast<std::int64_t>(free.size()), 2);
        maze.path =
            shortest_path(maze, free[static_cast<std::size_t>(ends[0])], free[static_cast<std::size_t>(ends[1])]);
        if (static_cast<std::int64_t>(maze.path.size()) >= side_) return {std::move(maze), walls};
      }
    }
    fail("data.side is ", side_, ": no maze with a plan of that many cells; expected a larger side");
  }

  /// Those that a sample names no wall.
  std::vector<std::int32_t> free_cells(const std::vector<std::int32_t>& tokens) const {
    std::vector<bool> wall(static_cast<std::size_t>(side_ * side_));
    for (std::size_t word = 0; word + 2 < tokens.size(); word += 3)
      if (tokens[word] == kWall)
        wall[static_cast<std::size_t>((tokens[word + 1] - kNumbers) * side_ + tokens[word + 2] - kNumbers)] = true;
    std::vector<std::int32_t> free;
    for (std::size_t cell = 0; cell < wall.size(); ++cell)
      if (!wall[cell]) free.push_back(static_cast<std::int32_t>(cell));
    return free;
  }

  Maze open_cells(const std::vector<std::int32_t>& free) const {
    const auto cells = static_cast<std::size_t>(side_ * side_);
    Maze maze{side_, std::vector<std::vector<std::int32_t>>(cells), {}};
    std::vector<bool> is_free(cells);
    for (const auto cell : free) is_free[static_cast<std::size_t>(cell)] = true;
    for (const auto cell : free)
      for (const auto next : lattice_neighbours(side_, cell))
        if (is_free[static_cast<std::size_t>(next)]) maze.neighbours[static_cast<std::size_t>(cell)].push_back(next);
    return maze;
  }

  std::int64_t side_;
};

const FieldTable<MazeWalls::Config>& MazeWalls::Config::fields() {
  static const auto table = [] {
    FieldTable<Config> t;
    t.add<std::int64_t>("side", &Config::side, "cells a side; published: 10, 20, 30", between<std::int64_t>(4, 100));
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<MazeWalls> registered(
    {.name = "maze-walls",
     .title = "Mazes (random walls)",
     .family = "synthetic",
     .summary = "a shortest plan between two cells among random walls",
     .source = "Lehnert et al. 2024 (Searchformer); walls of the splits differ",
     .generated = true});

}  // namespace
}  // namespace longwave
