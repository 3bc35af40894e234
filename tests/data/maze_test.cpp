#include "longwave/data/maze.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

using Tokens = std::vector<std::int32_t>;

std::string words(const SequenceData& data, const Tokens& tokens) {
  std::string text;
  for (const auto token : tokens) text += data.facts().token_names[static_cast<std::size_t>(token)] + " ";
  return text;
}

/// The cells of a maze as its tokens tell it.
struct Read {
  Maze maze;
  std::int32_t start = -1, goal = -1;
  Tokens path;
};

void join(Maze& maze, std::int32_t a, std::int32_t b) {
  maze.neighbours[static_cast<std::size_t>(a)].push_back(b);
  maze.neighbours[static_cast<std::size_t>(b)].push_back(a);
}

Read read_tree(const SequenceData& data, const SequenceExample& sample, int side) {
  const auto& x = sample.first.tokens;
  const auto& names = data.facts().token_names;
  const auto find = [&](const std::string& name) {
    const auto id = static_cast<std::int32_t>(std::find(names.begin(), names.end(), name) - names.begin());
    return std::find(x.begin(), x.end(), id) - x.begin();
  };
  const auto cell = [&](std::ptrdiff_t i) { return x[static_cast<std::size_t>(i)] - 14; };
  Read read{{side, std::vector<Tokens>(static_cast<std::size_t>(side * side)), {}}, -1, -1, {}};
  for (std::ptrdiff_t i = 1; i < find("<ADJLIST_END>"); i += 3) {
    EXPECT_EQ(names[static_cast<std::size_t>(x[static_cast<std::size_t>(i) + 2])], ";");
    join(read.maze, cell(i), cell(i + 1));
  }
  read.start = cell(find("<ORIGIN_START>") + 1);
  read.goal = cell(find("<TARGET_START>") + 1);
  for (auto i = find("<PATH_START>") + 1; i < find("<PATH_END>"); ++i) read.path.push_back(cell(i));
  return read;
}

void expect_shortest(const Read& read) {
  ASSERT_GE(read.path.size(), 2u);
  EXPECT_EQ(read.path.front(), read.start);
  EXPECT_EQ(read.path.back(), read.goal);
  for (std::size_t i = 1; i < read.path.size(); ++i) {
    const auto& ways = read.maze.neighbours[static_cast<std::size_t>(read.path[i - 1])];
    EXPECT_EQ(std::count(ways.begin(), ways.end(), read.path[i]), 1);
  }
  EXPECT_EQ(distances_from(read.maze, read.start)[static_cast<std::size_t>(read.goal)],
            static_cast<std::int32_t>(read.path.size()) - 1);
}

TEST(MazeDfs, EdgesAreASpanningTreeAndThePathIsTheOnlyOne) {
  const auto data = make_set("maze-dfs", {{"side", 4}});
  EXPECT_EQ(data->facts().vocabulary, 16 + 9 + 5);
  SequenceExample sample;
  std::set<Tokens> beginnings;
  double forward = 0, edges = 0;
  for (int i = 0; i < 300; ++i) {
    data->example(Split::train, i, sample);
    const auto read = read_tree(*data, sample, 4);
    std::size_t joined = 0;
    for (std::size_t a = 0; a < 16; ++a) {
      joined += read.maze.neighbours[a].size();
      for (const auto b : read.maze.neighbours[a]) {
        const auto near = lattice_neighbours(4, static_cast<std::int32_t>(a));
        EXPECT_TRUE(std::find(near.begin(), near.end(), b) != near.end());
      }
    }
    EXPECT_EQ(joined, 30u);
    const auto far = distances_from(read.maze, 0);
    EXPECT_EQ(std::count(far.begin(), far.end(), -1), 0) << "a tree that reaches every cell";
    expect_shortest(read);
    beginnings.emplace(sample.first.tokens.begin() + 1, sample.first.tokens.begin() + 3);
    for (std::size_t k = 1; k < 46; k += 3) forward += sample.first.tokens[k] < sample.first.tokens[k + 1], ++edges;
  }
  EXPECT_GT(beginnings.size(), 40u);  // of 48 directed edges: order and direction are random
  EXPECT_NEAR(forward / edges, 0.5, 0.05);
}

TEST(MazeDfs, TargetsAreThePathOneStepAhead) {
  const auto data = make_set("maze-dfs", {{"side", 3}});
  SequenceExample sample;
  data->example(Split::test, 0, sample);
  const auto& x = sample.first.tokens;
  const auto text = words(*data, x);
  EXPECT_TRUE(text.starts_with("<ADJLIST_START> (")) << text;
  EXPECT_TRUE(text.ends_with(") <PATH_END> ")) << text;
  const auto first = std::find(x.begin(), x.end(), 11) - x.begin();  // <PATH_START>
  for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(x.size()); ++i) {
    const bool scored = i >= first && i + 1 < static_cast<std::ptrdiff_t>(x.size());
    EXPECT_EQ(sample.targets[static_cast<std::size_t>(i)],
              scored ? x[static_cast<std::size_t>(i) + 1] : kIgnoredTarget);
  }
}

TEST(MazeDfs, WallsOfTheSplitsDiffer) {
  const auto data = make_set("maze-dfs", {{"side", 3}});  // of 192 trees, depth-first search makes some
  std::set<std::set<std::pair<std::int32_t, std::int32_t>>> seen[3];
  SequenceExample sample;
  for (const auto split : {Split::train, Split::val, Split::test})
    for (int i = 0; i < 500; ++i) {
      data->example(split, i, sample);
      const auto read = read_tree(*data, sample, 3);
      std::set<std::pair<std::int32_t, std::int32_t>> edges;
      for (std::size_t a = 0; a < 9; ++a)
        for (const auto b : read.maze.neighbours[a]) edges.insert({static_cast<std::int32_t>(a), b});
      seen[static_cast<int>(split)].insert(edges);
    }
  EXPECT_GT(seen[0].size(), 50u);
  for (const auto& maze : seen[2]) EXPECT_TRUE(!seen[0].contains(maze) && !seen[1].contains(maze));
}

TEST(MazeWalls, PlanIsAsShortAsCanBeAndLongEnough) {
  const auto data = make_set("maze-walls", {{"side", 10}});
  SequenceExample sample;
  std::vector<int> walls(21);
  for (int i = 0; i < 1000; ++i) {
    data->example(Split::train, i, sample);
    const auto& x = sample.first.tokens;
    std::vector<bool> wall(100);
    Read read{{10, std::vector<Tokens>(100), {}}, -1, -1, {}};
    for (std::size_t k = 0; k + 2 < x.size(); k += 3) {
      const auto& word = data->facts().token_names[static_cast<std::size_t>(x[k])];
      const auto cell = (x[k + 1] - 7) * 10 + x[k + 2] - 7;
      if (word == "start") read.start = cell;
      if (word == "goal") read.goal = cell;
      if (word == "wall") wall[static_cast<std::size_t>(cell)] = true;
      if (word == "plan") read.path.push_back(cell);
    }
    for (std::int32_t a = 0; a < 100; ++a)
      for (const auto b : lattice_neighbours(10, a))
        if (a < b && !wall[static_cast<std::size_t>(a)] && !wall[static_cast<std::size_t>(b)]) join(read.maze, a, b);
    expect_shortest(read);
    EXPECT_GE(read.path.size(), 10u);
    const auto count = std::count(wall.begin(), wall.end(), true);
    ASSERT_TRUE(count >= 30 && count <= 50);
    ++walls[static_cast<std::size_t>(count - 30)];
    EXPECT_EQ(data->facts().token_names[static_cast<std::size_t>(x.back())], "end");
  }
  EXPECT_GT(walls[0], 20);  // the fewest walls are drawn as often as any number; dense mazes are rejected more
  EXPECT_LT(walls[20], walls[0]);
}

TEST(MazeDfs, MovesAreLegalBetweenJoinedCells) {
  const auto data = make_set("maze-dfs", {{"side", 4}});
  for (int i = 0; i < 50; ++i) {
    const auto sample = example_of(*data, Split::test, i);
    const auto read = read_tree(*data, sample, 4);
    const auto moves = std::ssize(read.path) - 1;
    const auto told = data->moves(sample, sample.targets);
    EXPECT_EQ(told.made, moves);
    EXPECT_EQ(told.legal, moves);
    // The first cell after the start is replaced: any joined one will do, all others and words will not.
    const auto place = static_cast<std::size_t>(std::find(sample.first.tokens.begin(), sample.first.tokens.end(), 11) -
                                                sample.first.tokens.begin()) +
                       1;
    const auto& ways = read.maze.neighbours[static_cast<std::size_t>(read.start)];
    for (std::int32_t token = 0; token < data->facts().vocabulary; ++token) {
      auto other = sample.targets;
      other[place] = token;
      const bool joined = std::count(ways.begin(), ways.end(), token - 14) > 0;
      EXPECT_EQ(data->moves(sample, other).legal, moves - !joined) << token;
    }
  }
}

TEST(MazeWalls, MovesAreLegalBetweenFreeCellsSideBySide) {
  const auto data = make_set("maze-walls", {{"side", 10}});
  std::int64_t detours = 0;  // legal moves off the plan
  for (int i = 0; i < 50; ++i) {
    const auto sample = example_of(*data, Split::test, i);
    const auto& x = sample.first.tokens;
    const auto moves = std::count(x.begin(), x.end(), 5) - 1;  // words "plan"
    EXPECT_EQ(data->moves(sample, sample.targets).made, moves);
    EXPECT_EQ(data->moves(sample, sample.targets).legal, moves);
    const auto second = static_cast<std::size_t>(std::find(x.begin(), x.end(), 5) - x.begin()) + 3;
    const auto row = x[second - 2], column = x[second - 1];
    const auto is_free = [&](std::int32_t y, std::int32_t z) {
      const Tokens wall{4, y, z};
      return y >= 7 && z >= 7 && y < 17 && z < 17 &&
             std::search(x.begin(), x.end(), wall.begin(), wall.end()) == x.end();
    };
    for (std::int32_t token = 0; token < data->facts().vocabulary; ++token) {
      auto other = sample.targets;
      other[second] = token;  // the row
      const bool beside = token == row ? is_free(row, column - 1) || is_free(row, column + 1)
                                       : std::abs(token - row) == 1 && is_free(token, column);
      EXPECT_EQ(data->moves(sample, other).legal, moves - !beside) << token;
      detours += beside && token != x[second + 1];
      other = sample.targets;
      other[second + 1] = token;  // the column, behind the true row
      const auto away = std::abs(x[second + 1] - row) + std::abs(token - column);
      EXPECT_EQ(data->moves(sample, other).legal, moves - !(away == 1 && is_free(x[second + 1], token))) << token;
    }
  }
  EXPECT_GT(detours, 0);
}

TEST(MazeWalls, EveryShortestPlanIsRight) {
  const auto data = make_set("maze-walls", {{"side", 10}});
  std::int64_t others = 0;
  for (int i = 0; i < 50; ++i) {
    const auto sample = example_of(*data, Split::test, i);
    const auto& x = sample.first.tokens;
    const auto scored = std::ssize(x) - std::count(sample.targets.begin(), sample.targets.end(), kIgnoredTarget);
    EXPECT_EQ(data->moves(sample, sample.targets).right, scored);
    Maze maze{10, std::vector<Tokens>(100), {}};
    std::vector<bool> wall(100);
    const auto cell = [&](std::size_t word) { return (x[word + 1] - 7) * 10 + x[word + 2] - 7; };
    for (std::size_t word = 0; word + 2 < x.size(); word += 3)
      if (x[word] == 4) wall[static_cast<std::size_t>(cell(word))] = true;
    for (std::int32_t a = 0; a < 100; ++a)
      for (const auto b : lattice_neighbours(10, a))
        if (a < b && !wall[static_cast<std::size_t>(a)] && !wall[static_cast<std::size_t>(b)]) join(maze, a, b);
    const auto left = distances_from(maze, cell(3));
    const auto second = static_cast<std::size_t>(std::find(x.begin(), x.end(), 5) - x.begin()) + 3;
    const auto here = cell(second - 3);
    for (std::int32_t token = 0; token < data->facts().vocabulary; ++token) {
      auto other = sample.targets;
      other[second] = token;  // the row
      bool nearer = false;
      for (const auto next : maze.neighbours[static_cast<std::size_t>(here)])
        nearer = nearer || (next / 10 + 7 == token &&
                            left[static_cast<std::size_t>(next)] < left[static_cast<std::size_t>(here)]);
      EXPECT_EQ(data->moves(sample, other).right, scored - !nearer) << token;
      others += nearer && token != x[second + 1];
    }
    auto wrong = sample.targets;
    wrong[wrong.size() - 2] = 0;  // what ends the plan
    EXPECT_EQ(data->moves(sample, wrong).right, scored - 1);
  }
  EXPECT_GT(others, 0);
}

TEST(ShortestPath, IsAsLongAsBreadthFirstSearchFindsAndEmptyWithoutAWay) {
  RandomStream random{3};
  for (int i = 0; i < 200; ++i) {
    Maze maze{7, std::vector<Tokens>(49), {}};
    for (std::int32_t a = 0; a < 49; ++a)
      for (const auto b : lattice_neighbours(7, a))
        if (a < b && random.uniform() < 0.6) join(maze, a, b);
    const auto ends = draw_distinct(random, 49, 2);
    const auto steps = distances_from(maze, ends[0])[static_cast<std::size_t>(ends[1])];
    EXPECT_EQ(static_cast<std::int32_t>(shortest_path(maze, ends[0], ends[1]).size()), steps < 0 ? 0 : steps + 1);
  }
}

TEST(WalkChances, AreThoseOfCountingWays) {
  // A corridor of three cells with a dead end beside the middle one: 0 - 1 - 2, 1 - 4.
  Maze maze{3, std::vector<Tokens>(9), {0, 1, 2}};
  join(maze, 0, 1);
  join(maze, 1, 2);
  join(maze, 1, 4);
  EXPECT_DOUBLE_EQ(random_walk_chance(maze, true), 1 / 3.0);
  EXPECT_DOUBLE_EQ(random_walk_chance(maze, false), 1 / 2.0);
  EXPECT_DOUBLE_EQ(greedy_walk_chance(maze), 1);
}

}  // namespace
}  // namespace longwave
