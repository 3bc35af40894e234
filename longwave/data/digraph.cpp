#include "longwave/data/digraph.h"

#include <algorithm>
#include <utility>

namespace longwave {

std::int64_t Digraph::edges() const {
  std::int64_t count = 0;
  for (const auto& list : children) count += static_cast<std::int64_t>(list.size());
  return count;
}

void Digraph::join(std::int32_t from, std::int32_t to) {
  children[static_cast<std::size_t>(from)].push_back(to);
  parents[static_cast<std::size_t>(to)].push_back(from);
}

std::vector<bool> reached(const std::vector<std::vector<std::int32_t>>& links, std::int32_t from) {
  std::vector<bool> seen(links.size());
  std::vector<std::int32_t> stack{from};
  seen[static_cast<std::size_t>(from)] = true;
  while (!stack.empty()) {
    const auto vertex = stack.back();
    stack.pop_back();
    for (const auto next : links[static_cast<std::size_t>(vertex)])
      if (!seen[static_cast<std::size_t>(next)]) {
        seen[static_cast<std::size_t>(next)] = true;
        stack.push_back(next);
      }
  }
  return seen;
}

std::int64_t lookahead_of(const Digraph& graph, std::int32_t vertex, std::int32_t next, std::int32_t goal) {
  std::vector<std::pair<std::int32_t, std::int32_t>> front, further;  // vertex, child through which it was found
  std::vector<bool> seen(graph.children.size());
  for (const auto child : graph.children[static_cast<std::size_t>(vertex)]) {
    front.push_back({child, child});
    seen[static_cast<std::size_t>(child)] = true;
  }
  for (std::int64_t steps = 0; !front.empty(); front.swap(further)) {
    if (std::all_of(front.begin(), front.end(), [&](const auto& entry) { return entry.second == next; })) return steps;
    ++steps;
    further.clear();
    for (const auto& [at, branch] : front) {
      if (at == goal) return steps;
      for (const auto child : graph.children[static_cast<std::size_t>(at)])
        if (!seen[static_cast<std::size_t>(child)]) {
          seen[static_cast<std::size_t>(child)] = true;
          further.push_back({child, branch});
        }
    }
  }
  return -1;
}

}  // namespace longwave
