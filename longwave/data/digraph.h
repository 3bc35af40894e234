#pragma once

#include <cstdint>
#include <vector>

namespace longwave {

/// A directed graph by its children and parents.
struct Digraph {
  std::vector<std::vector<std::int32_t>> children, parents;  // by vertex

  explicit Digraph(std::int64_t vertices)
      : children(static_cast<std::size_t>(vertices)), parents(static_cast<std::size_t>(vertices)) {}
  std::int64_t vertices() const { return static_cast<std::int64_t>(children.size()); }
  std::int64_t edges() const;
  void join(std::int32_t from, std::int32_t to);
};

/// Which vertices `from` leads to, itself included; `links` are the children (forwards) or the parents (backwards).
std::vector<bool> reached(const std::vector<std::vector<std::int32_t>>& links, std::int32_t from);

/// How many steps a search from `vertex` has to go until it knows that `next` leads to `goal`: until the goal is met or
/// only descendants of `next` are left.
std::int64_t lookahead_of(const Digraph& graph, std::int32_t vertex, std::int32_t next, std::int32_t goal);

}  // namespace longwave
