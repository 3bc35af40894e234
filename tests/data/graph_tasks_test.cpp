// The laws of graph search and connectivity; answers are found again by walking the edges that the tokens tell.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "longwave/data/digraph.h"
#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

/// A question of graph search, read from its tokens.
struct Question {
  Digraph graph{0};
  std::int32_t start = 0, goal = 0, answer = 0;
  std::vector<std::int32_t> path;
  std::size_t padding = 0;
};

Question read(const SequenceData& data, std::int64_t index, Split split = Split::train) {
  SequenceExample sample;
  data.example(split, index, sample);
  const auto& x = sample.first.tokens;
  const auto& names = data.facts().token_names;
  const auto is = [&](std::size_t i, const char* name) { return names[static_cast<std::size_t>(x[i])] == name; };
  Question q;
  q.graph = Digraph(data.facts().vocabulary);
  std::size_t i = 0;
  while (is(i, "<pad>")) ++i;
  q.padding = i;
  for (; is(i, "edge"); i += 3) q.graph.join(x[i + 1], x[i + 2]);
  EXPECT_TRUE(is(i, "query") && is(i + 3, "path"));
  q.start = x[i + 1];
  q.goal = x[i + 2];
  q.path.assign(x.begin() + static_cast<std::ptrdiff_t>(i) + 4, x.end());
  for (std::size_t k = 0; k + 1 < x.size(); ++k) EXPECT_EQ(sample.targets[k], kIgnoredTarget);
  q.answer = sample.targets.back();
  return q;
}

void expect_sound(const Question& q) {
  ASSERT_FALSE(q.path.empty());
  EXPECT_EQ(q.path.front(), q.start);
  const auto useful = reached(q.graph.parents, q.goal);
  auto way = q.path;
  way.push_back(q.answer);
  for (std::size_t i = 1; i < way.size(); ++i) {
    const auto& children = q.graph.children[static_cast<std::size_t>(way[i - 1])];
    EXPECT_EQ(std::count(children.begin(), children.end(), way[i]), 1) << "an edge of the path";
    EXPECT_TRUE(useful[static_cast<std::size_t>(way[i])]) << "it still leads to the goal";
  }
  for (std::size_t v = 0; v < q.graph.children.size(); ++v)
    for (const auto child : q.graph.children[v]) EXPECT_FALSE(reached(q.graph.children, child)[v]) << "no circles";
}

TEST(GraphSearch, AnswersLeadToTheGoalInBothForms) {
  for (const char* form : {"crafted", "naive"}) {
    const auto data =
        make_set("graph-search", {{"form", form}, {"steps", 64}, {"max_edges", 19}, {"max_lookahead", 4}});
    EXPECT_EQ(data->facts().vocabulary, 19 + 5);
    std::set<std::size_t> paddings;
    for (int i = 0; i < 300; ++i) {
      const auto q = read(*data, i);
      expect_sound(q);
      EXPECT_LE(q.graph.edges(), 19);
      paddings.insert(q.padding);
    }
    EXPECT_GT(paddings.size(), 5u);
  }
}

TEST(GraphSearch, EveryChildThatLeadsToTheGoalIsRight) {
  const auto data = make_set("graph-search", {{"form", "naive"}, {"steps", 64}, {"max_edges", 19}});
  std::int64_t others = 0, legal = 0;
  for (int i = 0; i < 200; ++i) {
    const auto q = read(*data, i, Split::test);
    const auto sample = example_of(*data, Split::test, i);
    const auto& children = q.graph.children[static_cast<std::size_t>(q.path.back())];
    const auto useful = reached(q.graph.parents, q.goal);
    for (std::int32_t token = 0; token < data->facts().vocabulary; ++token) {
      auto answer = sample.targets;
      answer.back() = token;
      const auto told = data->moves(sample, answer);
      const bool child = std::count(children.begin(), children.end(), token) > 0;
      EXPECT_EQ(told.made, 1);
      EXPECT_EQ(told.legal, child);
      EXPECT_EQ(told.right, child && useful[static_cast<std::size_t>(token)]);
      others += told.right == 1 && token != q.answer;
      legal += told.legal == 1 && told.right == 0;
    }
  }
  EXPECT_GT(others, 0);
  EXPECT_GT(legal, 0);
}

TEST(GraphSearch, LookAheadIsTheOneWantedAndEquallyFrequent) {
  const auto data = make_set("graph-search", {{"steps", 64}, {"max_edges", 19}, {"max_lookahead", 3}});
  std::map<std::int64_t, int> counts;
  for (int i = 0; i < 2000; ++i) {
    const auto q = read(*data, i);
    const auto useful = reached(q.graph.parents, q.goal);
    std::set<std::int64_t> found;  // through whichever useful child
    for (const auto child : q.graph.children[static_cast<std::size_t>(q.path.back())])
      if (useful[static_cast<std::size_t>(child)]) found.insert(lookahead_of(q.graph, q.path.back(), child, q.goal));
    ++counts[*found.begin()];
    EXPECT_TRUE(found.contains(data->group(Split::train, i)));
  }
  EXPECT_EQ(data->facts().group, "look-ahead");
  for (int lookahead = 0; lookahead <= 3; ++lookahead) EXPECT_NEAR(counts[lookahead], 500, 120) << lookahead;
  const auto three =
      make_set("graph-search", {{"steps", 64}, {"max_edges", 19}, {"min_lookahead", 3}, {"max_lookahead", 3}});
  for (int i = 0; i < 100; ++i) {
    const auto q = read(*three, i);
    EXPECT_GE(q.graph.children[static_cast<std::size_t>(q.path.back())].size(), 2u) << "branches to choose from";
    EXPECT_EQ(three->group(Split::train, i), 3);
  }
}

TEST(GraphSearch, VerticesHaveRandomNames) {
  const auto data = make_set("graph-search", {{"steps", 48}, {"max_edges", 12}, {"max_lookahead", 2}});
  std::vector<double> goals(16);
  for (int i = 0; i < 3000; ++i) ++goals[static_cast<std::size_t>(read(*data, i).goal)];
  for (std::size_t id = 1; id <= 14; ++id) EXPECT_NEAR(goals[id], 3000 / 14.0, 5 * std::sqrt(3000 / 14.0));
}

TEST(GraphSearch, GuessingAChildScoresOneOverBranches) {
  const auto none = make_set("graph-search", {{"steps", 48}, {"max_edges", 12}, {"max_lookahead", 0}});
  const auto two =
      make_set("graph-search", {{"steps", 48}, {"max_edges", 12}, {"min_lookahead", 2}, {"max_lookahead", 2}});
  EXPECT_GT(score_of(*none, "any child of the last vertex"), 0.9);
  const auto score = score_of(*two, "any child of the last vertex");
  EXPECT_TRUE(score > 0.2 && score < 0.5) << score;
  EXPECT_THROW(make_set("graph-search", {{"steps", 48}, {"max_edges", 15}}), UserError);
  EXPECT_THROW(make_set("graph-search", {{"max_lookahead", 21}}), UserError);
  EXPECT_THROW(make_set("graph-search", {{"form", "naive"}, {"steps", 16}, {"max_edges", 3}, {"max_lookahead", 1}}),
               UserError);
  EXPECT_THROW(make_set("connectivity", {{"vertices", 5}, {"degree", 4}}), UserError);
}

TEST(LookAhead, CountsStepsUntilOneBranchIsLeftOrTheGoalIsMet) {
  Digraph graph(8);  // 0 -> 1 -> 2 -> 3 and 0 -> 4 -> 5
  for (const auto& [from, to] : {std::pair{0, 1}, {1, 2}, {2, 3}, {0, 4}, {4, 5}}) graph.join(from, to);
  EXPECT_EQ(lookahead_of(graph, 0, 1, 3), 2);  // after two steps the other branch has ended
  EXPECT_EQ(lookahead_of(graph, 0, 1, 2), 2);  // met in the second step
  EXPECT_EQ(lookahead_of(graph, 1, 2, 3), 0);  // no choice
}

TEST(Connectivity, LabelSaysWhetherAWayLeadsAndEdgesDoNotTell) {
  const auto data = make_set("connectivity", {{"vertices", 12}});
  SequenceExample sample;
  std::map<std::size_t, std::array<int, 2>> by_edges;
  int connected = 0;
  for (int i = 0; i < 4000; ++i) {
    data->example(Split::train, i, sample);
    const auto& x = sample.first.tokens;
    ASSERT_EQ(x.size() % 3, 0u);
    Digraph graph(data->facts().vocabulary);
    std::set<std::pair<std::int32_t, std::int32_t>> distinct;
    for (std::size_t k = 0; k + 3 < x.size(); k += 3) {
      EXPECT_NE(x[k + 1], x[k + 2]);
      EXPECT_TRUE(distinct.insert({x[k + 1], x[k + 2]}).second);
      graph.join(x[k + 1], x[k + 2]);
    }
    const auto from = x[x.size() - 2], to = x.back();
    EXPECT_EQ(reached(graph.children, from)[static_cast<std::size_t>(to)], sample.label == 1);
    ++by_edges[distinct.size()][static_cast<std::size_t>(sample.label)];
    connected += sample.label;
  }
  EXPECT_NEAR(connected, 2000, 5 * std::sqrt(1000));
  for (const auto& [edges, counts] : by_edges) {
    const auto all = counts[0] + counts[1];
    EXPECT_NEAR(counts[1], all / 2.0, 5 * std::sqrt(all / 4.0) + 1) << edges;
  }
  EXPECT_NEAR(score_of(*data, "number of edges"), 0.5, 0.08);
  EXPECT_GT(score_of(*data, "edges at both ends"), 0.6);
}

}  // namespace
}  // namespace longwave
