// Connectivity: does a way lead from one vertex of a random directed graph to another? Both answers are equally
// frequent at every number of edges, which would tell otherwise.

#include <algorithm>
#include <array>

#include "longwave/base/check.h"
#include "longwave/data/digraph.h"
#include "longwave/data/generated.h"

namespace longwave {
namespace {

constexpr int kTries = 100000;

class Connectivity final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::int64_t vertices = 24;
    double degree = 1;

    Config() {
      train_samples = 100000;
      val_samples = test_samples = 2000;
    }
    static const FieldTable<Config>& fields();
  };

  Connectivity(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    const auto pairs = config.vertices * (config.vertices - 1);
    check(config.degree < static_cast<double>(config.vertices - 1), "data.degree is ", config.degree,
          "; expected less than vertices - 1, ", config.vertices - 1);
    most_edges_ =
        std::min(pairs - 1, static_cast<std::int64_t>(3 * config.degree * static_cast<double>(config.vertices)));
    check(most_edges_ >= least_edges(), "data.degree is ", config.degree, " and data.vertices ", config.vertices,
          "; expected at least one edge a vertex");
    facts_.goal = SequenceGoal::classify;
    facts_.classes = 2;
    facts_.class_names = {"apart", "connected"};
    facts_.token_names = {"<pad>", "<mask>", "edge", "query"};
    for (const auto& name : numerals(config.vertices)) facts_.token_names.push_back(name);
    facts_.vocabulary = static_cast<std::int64_t>(facts_.token_names.size());
    facts_.mask = 1;
    facts_.max_length = 3 * most_edges_ + 3;
  }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    const auto edges = draw_edge_count(random);
    out.label = static_cast<std::int32_t>(random.below(2));
    auto& tokens = out.first.tokens;
    for (int tries = 0; tries < kTries; ++tries) {
      const auto graph = draw_edges(random, edges);
      const auto ends = draw_distinct(random, config_.vertices, 2);
      if (connected(graph, ends[0], ends[1]) != (out.label == 1)) continue;
      tokens.clear();
      for (const auto& [from, to] : graph) tokens.insert(tokens.end(), {kEdge, kVertices + from, kVertices + to});
      tokens.insert(tokens.end(), {kQuery, kVertices + ends[0], kVertices + ends[1]});
      auto content = graph;  // one question, whatever the order of its edges
      std::sort(content.begin(), content.end());
      content.push_back({ends[0], ends[1]});
      std::vector<std::int32_t> numbers;
      for (const auto& pair : content) numbers.insert(numbers.end(), pair.begin(), pair.end());
      if (belongs_to(split, hash_of(numbers))) return;
    }
    fail("data.degree is ", config_.degree, ": graphs of ", edges, " edges are hardly ever ",
         out.label == 1 ? "connected" : "apart", "; expected a number nearer to 1");
  }

  std::vector<Baseline> baselines() const override {
    const auto ways = [&](const std::function<bool(bool, bool, bool)>& answer) {
      return [&, answer](const SequenceExample& sample, Tally& tally) {
        const auto& x = sample.first.tokens;
        const auto from = x[x.size() - 2], to = x.back();
        bool leaves = false, enters = false, direct = false;
        for (std::size_t i = 1; i + 3 < x.size(); i += 3) {
          leaves |= x[i] == from;
          enters |= x[i + 1] == to;
          direct |= x[i] == from && x[i + 1] == to;
        }
        ++tally.scored;
        tally.right += answer(leaves, enters, direct) == (sample.label == 1);
      };
    };
    return {
        {"chance", 0.5, "labels are drawn with equal odds"},
        by_edge_count(),
        measured(*this, "an edge from start to goal", ways([](bool, bool, bool direct) { return direct; })),
        measured(*this, "edges at both ends", ways([](bool leaves, bool enters, bool) { return leaves && enters; }))};
  }

 private:
  static constexpr std::int32_t kEdge = 2, kQuery = 3, kVertices = 4;
  using Edges = std::vector<std::array<std::int32_t, 2>>;

  /// Fewer edges leave next to nothing connected.
  std::int64_t least_edges() const { return config_.vertices / 4 + 1; }

  /// As many as a random graph of that mean degree has, within limits.
  std::int64_t draw_edge_count(RandomStream& random) const {
    const auto pairs = config_.vertices * (config_.vertices - 1);
    const auto chance = config_.degree / static_cast<double>(config_.vertices - 1);
    for (;;) {
      std::int64_t count = 0;
      for (std::int64_t i = 0; i < pairs; ++i) count += random.uniform() < chance;
      if (count >= least_edges() && count <= most_edges_) return count;
    }
  }

  Edges draw_edges(RandomStream& random, std::int64_t count) const {
    Edges edges;
    for (const auto pair : draw_distinct(random, config_.vertices * (config_.vertices - 1), count)) {
      const auto others = static_cast<std::int32_t>(config_.vertices) - 1;
      const auto from = pair / others, to = pair % others;
      edges.push_back({from, to + (to >= from)});
    }
    return edges;
  }

  bool connected(const Edges& edges, std::int32_t from, std::int32_t to) const {
    Digraph graph(config_.vertices);
    for (const auto& edge : edges) graph.join(edge[0], edge[1]);
    return reached(graph.children, from)[static_cast<std::size_t>(to)];
  }

  /// The label that is more frequent at this number of edges in training samples.
  Baseline by_edge_count() const {
    std::vector<int> votes(static_cast<std::size_t>(facts_.max_length) + 1);
    visit_training(*this, 2000, [&](const SequenceExample& sample) {
      votes[sample.first.tokens.size()] += sample.label == 1 ? 1 : -1;
    });
    return measured(*this, "number of edges", [&](const SequenceExample& sample, Tally& tally) {
      ++tally.scored;
      tally.right += (votes[sample.first.tokens.size()] > 0) == (sample.label == 1);
    });
  }

  Config config_;
  std::int64_t most_edges_ = 0;
};

const FieldTable<Connectivity::Config>& Connectivity::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    t.add("vertices", &C::vertices, "of a graph", between<std::int64_t>(4, 1000))
        .add("degree", &C::degree, "mean number of edges that leave a vertex", between<double>(0.5, 4));
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<Connectivity> registered({.name = "connectivity",
                                                     .title = "Connectivity",
                                                     .family = "synthetic",
                                                     .summary = "does a way lead from one vertex to another? balanced",
                                                     .source = "random directed graphs of Erdos and Renyi",
                                                     .generated = true});

}  // namespace
}  // namespace longwave
