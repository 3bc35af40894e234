// Mazes that are trees, by randomised depth-first search (Nolte et al. 2024, "Transformers Can Navigate Mazes With
// Multi-Step Prediction"): edges in random order, start and goal, then the only path.

#include <algorithm>
#include <set>

#include "longwave/base/check.h"
#include "longwave/data/maze.h"

namespace longwave {
namespace {

constexpr int kTries = 10000;

/// Token ids in front of those of the cells.
enum : std::int32_t {
  kPad,
  kMask,
  kBegin,
  kEnd,
  kUnknown,
  kEdges,
  kEdgesEnd,
  kOrigin,
  kOriginEnd,
  kTarget,
  kTargetEnd,
  kPath,
  kPathEnd,
  kSemicolon,
  kCells
};
const std::vector<std::string> kNames{"<pad>",         "<mask>",
                                      "<bos>",         "<eos>",
                                      "<unk>",         "<ADJLIST_START>",
                                      "<ADJLIST_END>", "<ORIGIN_START>",
                                      "<ORIGIN_END>",  "<TARGET_START>",
                                      "<TARGET_END>",  "<PATH_START>",
                                      "<PATH_END>",    ";"};

class MazeDfs final : public GeneratedData {
 public:
  struct Config : MazeConfig {
    static const FieldTable<Config>& fields();
  };

  MazeDfs(const Config& config, const SequenceSource&) : GeneratedData(config), side_(config.side) {
    auto names = kNames;
    for (std::int64_t y = 0; y < side_; ++y)
      for (std::int64_t x = 0; x < side_; ++x) names.push_back("(" + std::to_string(y) + "," + std::to_string(x) + ")");
    const auto cells = side_ * side_;
    predict_tokens(std::move(names), 3 * (cells - 1) + 10 + cells);
    facts_.padding = kPad;
    facts_.mask = kMask;
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto maze = draw(split, random);
    auto& tokens = out.first.tokens;
    tokens.assign(1, kEdges);
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    for (std::size_t a = 0; a < maze.neighbours.size(); ++a)
      for (const auto b : maze.neighbours[a])
        if (static_cast<std::int32_t>(a) < b) edges.push_back({static_cast<std::int32_t>(a), b});
    shuffle(random, edges);
    for (auto [a, b] : edges) {
      if (random.below(2) == 1) std::swap(a, b);
      tokens.insert(tokens.end(), {kCells + a, kCells + b, kSemicolon});
    }
    tokens.insert(tokens.end(), {kEdgesEnd, kOrigin, kCells + maze.path.front(), kOriginEnd, kTarget,
                                 kCells + maze.path.back(), kTargetEnd, kPath});
    const auto first = tokens.size() - 1;
    for (const auto cell : maze.path) tokens.push_back(kCells + cell);
    tokens.push_back(kPathEnd);
    predict_from(first, out);
    out.label = -1;
  }

  /// A move goes from a cell of the path to the next one; it is legal if the two are joined.
  Moves moves(const SequenceExample& sample, const std::vector<std::int32_t>& predicted) const override {
    const auto& tokens = sample.first.tokens;
    std::set<std::pair<std::int32_t, std::int32_t>> joined;
    for (std::size_t i = 1; tokens[i] != kEdgesEnd; i += 3) {
      joined.insert({tokens[i], tokens[i + 1]});
      joined.insert({tokens[i + 1], tokens[i]});
    }
    Moves moves;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < kCells || sample.targets[i] < kCells) continue;  // the start is told, the end no move
      ++moves.made;
      moves.legal += joined.contains({tokens[i], predicted[i]});
    }
    return moves;
  }

  std::vector<Baseline> baselines() const override {
    Tally walk, ahead;
    const auto comment = visit_scored(*this, [&](Split split, std::int64_t index) {
      auto random = stream(split, index);
      const auto maze = draw(split, random);
      walk.right += random_walk_chance(maze, true);
      ahead.right += random_walk_chance(maze, false);
      ++walk.scored;
    });
    return {{"random walk", walk.right / std::max(1.0, walk.scored), "whole paths, " + comment},
            {"random walk that never turns back", ahead.right / std::max(1.0, walk.scored), "whole paths, " + comment}};
  }

 private:
  /// A spanning tree whose walls belong to the split, and two of its cells.
  Maze draw(Split split, RandomStream& random) const {
    for (int tries = 0; tries < kTries; ++tries) {
      auto maze = draw_tree(random);
      if (!belongs_to(split, hash_of(walls(maze)))) continue;
      const auto ends = draw_distinct(random, side_ * side_, 2);
      maze.path = shortest_path(maze, ends[0], ends[1]);
      return maze;
    }
    fail("data.side is ", side_, ": there are too few mazes to share out among the splits; expected at least 3");
  }

  Maze draw_tree(RandomStream& random) const {
    const auto cells = static_cast<std::size_t>(side_ * side_);
    Maze maze{side_, std::vector<std::vector<std::int32_t>>(cells), {}};
    std::vector<bool> seen(cells);
    std::vector<std::int32_t> stack{static_cast<std::int32_t>(random.below(cells))}, fresh;
    seen[static_cast<std::size_t>(stack[0])] = true;
    while (!stack.empty()) {
      const auto cell = stack.back();
      fresh.clear();
      for (const auto next : lattice_neighbours(side_, cell))
        if (!seen[static_cast<std::size_t>(next)]) fresh.push_back(next);
      if (fresh.empty()) {
        stack.pop_back();
        continue;
      }
      const auto next = fresh[random.below(fresh.size())];
      seen[static_cast<std::size_t>(next)] = true;
      maze.neighbours[static_cast<std::size_t>(cell)].push_back(next);
      maze.neighbours[static_cast<std::size_t>(next)].push_back(cell);
      stack.push_back(next);
    }
    return maze;
  }

  /// The joined cells, in an order that does not depend on how they were joined.
  static std::vector<std::int32_t> walls(const Maze& maze) {
    std::vector<std::int32_t> list;
    for (std::size_t a = 0; a < maze.neighbours.size(); ++a) {
      auto joined = maze.neighbours[a];
      std::sort(joined.begin(), joined.end());
      list.insert(list.end(), joined.begin(), joined.end());
      list.push_back(-1);
    }
    return list;
  }

  std::int64_t side_;
};

const FieldTable<MazeDfs::Config>& MazeDfs::Config::fields() {
  static const auto table = [] {
    FieldTable<Config> t;
    t.add<std::int64_t>("side", &Config::side, "cells a side", between<std::int64_t>(3, 100));
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<MazeDfs> registered({.name = "maze-dfs",
                                                .title = "Mazes (depth-first)",
                                                .family = "synthetic",
                                                .summary = "the only path between two cells of a tree of cells",
                                                .source = "Nolte et al. 2024 (MLM-U); mazes of the splits differ",
                                                .generated = true});

}  // namespace
}  // namespace longwave
