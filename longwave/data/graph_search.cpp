// Search in graphs (Saparov et al. 2025, "Transformers Struggle to Learn to Search"): the edges of a graph in random
// order, start and goal, and a path so far; the next vertex of a path to the goal is asked for.

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "longwave/base/check.h"
#include "longwave/data/digraph.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

constexpr std::int64_t kParents = 4;  // a vertex has fewer parents, or children of its own choice, than that
constexpr double kAttachment = 0.5;   // weight of a vertex without edges
constexpr int kTries = 100000;

/// A graph, what is asked about it, and the way gone so far, which ends at the vertex whose child is to be told.
struct Question {
  Digraph graph;
  std::int32_t start, goal;
  std::vector<std::int32_t> path;
  std::vector<std::int32_t> answers;  // children that lead to the goal
  std::int64_t lookahead = 0;         // of the next vertex of a shortest path
};

std::int64_t uniform(RandomStream& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

template <class T>
const T& pick(RandomStream& random, const std::vector<T>& list) {
  return list[random.below(list.size())];
}

/// `count` distinct positions, each drawn in proportion to its weight among those left; fewer if the others weigh
/// nothing.
std::vector<std::int32_t> draw_weighted(RandomStream& random, std::vector<double> weights, std::int64_t count) {
  std::vector<std::int32_t> drawn;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (sum <= 0) break;
    auto wanted = random.uniform() * sum;
    std::size_t at = 0;
    while (at + 1 < weights.size() && wanted >= weights[at]) wanted -= weights[at++];
    if (weights[at] <= 0) continue;
    drawn.push_back(static_cast<std::int32_t>(at));
    weights[at] = 0;
  }
  return drawn;
}

class GraphSearch final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::string form = "crafted";
    std::int64_t steps = 128, min_lookahead = 0, max_lookahead = 8, max_edges = 41;

    Config() {
      train_samples = 1000000;
      val_samples = test_samples = 2000;
    }
    static const FieldTable<Config>& fields();
  };

  GraphSearch(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    check(3 * config.max_edges + 4 < config.steps, "data.max_edges is ", config.max_edges,
          "; expected 3 max_edges + 4 < steps, ", config.steps);
    check(config.min_lookahead <= config.max_lookahead && 2 * config.max_lookahead < config.max_edges,
          "data.min_lookahead .. max_lookahead is ", config.min_lookahead, " .. ", config.max_lookahead,
          "; expected ascending numbers below half of max_edges, ", config.max_edges, ", for two branches");
    check(config.form != "naive" || most_vertices() >= 4, "data.steps is ", config.steps,
          "; expected at least 17 for data.form = naive");
    auto names = numerals(most_vertices() + 1);
    names[0] = "<unused>";
    names.insert(names.end(), {"path", "edge", "<pad>", "query"});
    predict_tokens(std::move(names), config.steps);
    facts_.padding = token(2);
    facts_.group = "look-ahead";
  }

  std::int64_t length(Split, std::int64_t) const override { return config_.steps; }

  std::int64_t group(Split split, std::int64_t index) const override {
    auto random = stream(split, index);
    return draw(split, random).lookahead;
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto question = draw(split, random);
    auto ids = draw_distinct(random, most_vertices(), question.graph.vertices());
    for (auto& id : ids) ++id;
    const auto id = [&](std::int32_t vertex) { return ids[static_cast<std::size_t>(vertex)]; };
    std::vector<std::array<std::int32_t, 2>> edges;
    for (std::size_t v = 0; v < question.graph.children.size(); ++v)
      for (const auto child : question.graph.children[v]) edges.push_back({static_cast<std::int32_t>(v), child});
    shuffle(random, edges);
    std::vector<std::int32_t> words;
    for (const auto& [from, to] : edges) words.insert(words.end(), {token(1), id(from), id(to)});
    words.insert(words.end(), {token(3), id(question.start), id(question.goal), token(0)});
    for (const auto vertex : question.path) words.push_back(id(vertex));
    auto& tokens = out.first.tokens;
    tokens.assign(static_cast<std::size_t>(config_.steps), facts_.padding);
    std::copy(words.begin(), words.end(), tokens.end() - static_cast<std::ptrdiff_t>(words.size()));
    out.targets.assign(tokens.size(), kIgnoredTarget);
    out.targets.back() = id(pick(random, question.answers));
  }

  /// The move is to a child of the last vertex; any child that leads to the goal is right.
  Moves moves(const SequenceExample& sample, const std::vector<std::int32_t>& predicted) const override {
    const auto& tokens = sample.first.tokens;
    Digraph graph(most_vertices() + 1);  // by vertex id
    auto at = static_cast<std::size_t>(std::find(tokens.begin(), tokens.end(), token(1)) - tokens.begin());
    for (; tokens[at] == token(1); at += 3) graph.join(tokens[at + 1], tokens[at + 2]);
    const auto& children = graph.children[static_cast<std::size_t>(tokens.back())];
    const bool legal = std::find(children.begin(), children.end(), predicted.back()) != children.end();
    const auto leads = reached(graph.parents, tokens[at + 2]);  // QUERY start goal
    return {.made = 1, .legal = legal, .right = legal && leads[static_cast<std::size_t>(predicted.back())]};
  }

  std::vector<Baseline> baselines() const override {
    Tally child, any;
    const auto comment = visit_scored(*this, [&](Split split, std::int64_t index) {
      auto random = stream(split, index);
      const auto question = draw(split, random);
      const auto& children = question.graph.children[static_cast<std::size_t>(question.path.back())];
      // The answer is one of the right ones at random: a guess among all children meets it with 1 / children.
      child.right += 1 / static_cast<double>(children.size());
      any.right += 1 / static_cast<double>(question.graph.vertices());
      ++child.scored;
    });
    const auto share = [&](const Tally& tally) { return tally.right / std::max(1.0, child.scored); };
    return {{"any vertex of the graph", share(any), comment}, {"any child of the last vertex", share(child), comment}};
  }

 private:
  std::int64_t most_vertices() const { return (config_.steps - 5) / 3; }
  /// The special tokens: path, edge, padding, query.
  std::int32_t token(std::int32_t which) const { return static_cast<std::int32_t>(most_vertices()) + 1 + which; }

  /// A question whose graph belongs to the split.
  Question draw(Split split, RandomStream& random) const {
    const auto lookahead = uniform(random, config_.min_lookahead, config_.max_lookahead);
    for (int tries = 0; tries < kTries; ++tries) {
      auto question = config_.form == "naive" ? draw_naive(random) : draw_crafted(random, lookahead);
      if (question && belongs_to(split, content(*question))) return *std::move(question);
    }
    fail("data: no graph of at most ", config_.max_edges, " edges asks for a look-ahead of ", lookahead,
         "; expected more edges or a smaller max_lookahead");
  }

  static std::uint64_t content(const Question& q) {
    std::vector<std::int32_t> numbers{q.start, q.goal, q.path.back()};
    for (std::size_t v = 0; v < q.graph.children.size(); ++v) {
      auto list = q.graph.children[v];
      std::sort(list.begin(), list.end());
      numbers.insert(numbers.end(), list.begin(), list.end());
      numbers.push_back(-1);
    }
    return hash_of(numbers);
  }

  /// A random acyclic graph; start and goal are any two vertices with a way from one to the other.
  std::optional<Question> draw_naive(RandomStream& random) const {
    const auto vertices = uniform(random, 3, most_vertices() - 1);
    Question q{Digraph(vertices), 0, 0, {}, {}};
    for (std::int64_t v = 1; v < vertices; ++v) {
      const auto wanted = random.below(2) == 0 ? 1 : uniform(random, 1, kParents - 1);
      for (const auto parent : draw_distinct(random, v, std::min(v, wanted)))
        q.graph.join(parent, static_cast<std::int32_t>(v));
    }
    const auto ends = draw_distinct(random, vertices, 2);
    q.start = ends[0];
    q.goal = ends[1];
    return ask(std::move(q), random, -1);
  }

  /// Branches that part at the start, of which only one leads to the goal, `lookahead` steps further; a chain in front
  /// of the start; and vertices that attach anywhere, preferably where many edges are.
  std::optional<Question> draw_crafted(RandomStream& random, std::int64_t lookahead) const {
    const auto branches =
        lookahead == 0 ? uniform(random, 1, 2) : uniform(random, 2, (config_.max_edges - 1) / lookahead);
    const auto wanted =
        std::min({lookahead * branches + 1 + uniform(random, 0, 5), most_vertices(), config_.max_edges + 1});
    const auto vertices = std::max({std::int64_t{2}, wanted, 1 + branches * lookahead});
    if (vertices > most_vertices()) return {};
    Question q{Digraph(vertices), 0, static_cast<std::int32_t>(std::max<std::int64_t>(1, lookahead)), {}, {}};
    std::int32_t next = 1;
    const auto grow = [&](std::int64_t length) {
      for (std::int64_t i = 0; i < length; ++i, ++next) q.graph.join(i == 0 ? 0 : next - 1, next);
    };
    grow(std::max<std::int64_t>(1, lookahead));
    for (std::int64_t b = 1; lookahead > 0 && b < branches; ++b) {
      const auto spare = vertices - (next + 1) - (branches - b) * lookahead + 2;
      grow(lookahead + uniform(random, 0, std::min<std::int64_t>(2, spare) - 1));
    }
    const auto chain = uniform(random, 0, vertices - next);
    for (std::int64_t i = 0; i < chain; ++i, ++next) q.graph.join(next, i == 0 ? 0 : next - 1);
    for (; next < vertices; ++next) attach(q.graph, next, random);
    return ask(std::move(q), random, lookahead);
  }

  /// Joins vertex `v` with vertices before it, without closing a circle.
  static void attach(Digraph& graph, std::int32_t v, RandomStream& random) {
    const auto children = uniform(random, 0, kParents - 1),
               parents = uniform(random, children == 0 ? 1 : 0, kParents - 1);
    const auto weights = [&](const auto& links) {
      std::vector<double> list;
      for (std::int32_t u = 0; u < v; ++u)
        list.push_back(kAttachment + static_cast<double>(links[static_cast<std::size_t>(u)].size()));
      return list;
    };
    for (const auto child : draw_weighted(random, weights(graph.parents), children)) graph.join(v, child);
    auto above = weights(graph.children);
    const auto below = reached(graph.children, v);
    for (std::int32_t u = 0; u < v; ++u)
      if (below[static_cast<std::size_t>(u)]) above[static_cast<std::size_t>(u)] = 0;
    for (const auto parent : draw_weighted(random, above, parents)) graph.join(parent, v);
  }

  /// Goes part of a shortest path, to a place that asks for the look-ahead wanted (-1: any). None if that cannot be, or
  /// if the graph is too large.
  std::optional<Question> ask(Question q, RandomStream& random, std::int64_t lookahead) const {
    if (q.graph.edges() > config_.max_edges) return {};
    const auto useful = reached(q.graph.parents, q.goal);
    if (!useful[static_cast<std::size_t>(q.start)]) return {};
    const auto path = shortest(q, random);
    std::vector<std::size_t> places;  // number of vertices gone
    for (std::size_t gone = 1; gone < path.size(); ++gone)
      if (lookahead < 0 || lookahead_of(q.graph, path[gone - 1], path[gone], q.goal) == lookahead)
        places.push_back(gone);
    if (places.empty()) return {};
    const auto gone = pick(random, places);
    q.path.assign(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(gone));
    q.lookahead = lookahead_of(q.graph, path[gone - 1], path[gone], q.goal);
    if (3 * q.graph.edges() + 4 + static_cast<std::int64_t>(q.path.size()) > config_.steps) return {};
    for (const auto child : q.graph.children[static_cast<std::size_t>(q.path.back())])
      if (useful[static_cast<std::size_t>(child)]) q.answers.push_back(child);
    return q;
  }

  /// A shortest path from start to goal, at every vertex a random one of the children on such a path.
  static std::vector<std::int32_t> shortest(const Question& q, RandomStream& random) {
    std::vector<std::int64_t> left(q.graph.children.size(), -1);  // steps to the goal
    std::vector<std::int32_t> queue{q.goal};
    left[static_cast<std::size_t>(q.goal)] = 0;
    for (std::size_t i = 0; i < queue.size(); ++i)
      for (const auto parent : q.graph.parents[static_cast<std::size_t>(queue[i])])
        if (left[static_cast<std::size_t>(parent)] < 0) {
          left[static_cast<std::size_t>(parent)] = left[static_cast<std::size_t>(queue[i])] + 1;
          queue.push_back(parent);
        }
    std::vector<std::int32_t> path{q.start}, ways;
    while (path.back() != q.goal) {
      ways.clear();
      for (const auto child : q.graph.children[static_cast<std::size_t>(path.back())])
        if (left[static_cast<std::size_t>(child)] == left[static_cast<std::size_t>(path.back())] - 1)
          ways.push_back(child);
      path.push_back(pick(random, ways));
    }
    return path;
  }

  Config config_;
};

const FieldTable<GraphSearch::Config>& GraphSearch::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    const auto count = at_least<std::int64_t>(0);
    t.add("form", &C::form, "crafted: branches of one length, so that it takes search; naive: random acyclic graphs",
          one_of({"crafted", "naive"}))
        .add("steps", &C::steps, "of a sample, padded on the left; (steps - 5) / 3 vertex ids",
             at_least<std::int64_t>(16))
        .add("min_lookahead", &C::min_lookahead, "crafted: the least look-ahead; test one value at a time with it",
             count)
        .add("max_lookahead", &C::max_lookahead, "crafted: the greatest; every value is equally frequent", count)
        .add("max_edges", &C::max_edges, "of a graph", at_least<std::int64_t>(1));
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<GraphSearch> registered({.name = "graph-search",
                                                    .title = "Graph search",
                                                    .family = "synthetic",
                                                    .summary = "the next vertex of a path to the goal, by look-ahead",
                                                    .source = "Saparov et al. 2025",
                                                    .generated = true});

}  // namespace
}  // namespace longwave
