#include "longwave/base/suggest.h"

#include <algorithm>
#include <numeric>

namespace longwave {
namespace {

/// Letters to add, leave out or replace, and neighbours to swap (each part of a word is changed once).
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  std::iota(d[0].begin(), d[0].end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    d[i][0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  std::string best;
  // One slip in a short word, two in a longer one, or every third letter wrong; one letter may mean anything.
  auto limit = name.size() < 2 ? 0 : std::max<std::size_t>(name.size() < 5 ? 1 : 2, name.size() / 3) + 1;
  for (const auto& candidate : known)
    if (const auto distance = edit_distance(name, candidate); distance < limit) {
      limit = distance;
      best = candidate;
    }
  return best;
}

std::string join(const std::vector<std::string>& parts, const std::string& separator) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string suggestion(const std::string& name, const std::vector<std::string>& known) {
  const auto near = nearest_name(name, known);
  return near.empty() ? "; known: " + join(known) : "; did you mean '" + near + "'?";
}

}  // namespace longwave
