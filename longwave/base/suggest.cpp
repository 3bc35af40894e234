#include "longwave/base/suggest.h"

#include <algorithm>
#include <numeric>

namespace longwave {
namespace {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  std::string best;
  auto limit = std::max<std::size_t>(2, name.size() / 3) + 1;  // two slips, or every third letter wrong
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
