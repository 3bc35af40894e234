#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/models/var_weights.h"

namespace longwave {
namespace {

/// Numbers of one series that path weights are made of, as plain arrays.
struct Links {
  explicit Links(const VarTrace& trace) : layers(trace.layers()), tokens(trace.tokens()), heads(trace.s.size(0)) {
    const auto q = trace.q.select(1, 0).transpose(1, 2), v = trace.v.select(1, 0).transpose(1, 2);  // [m, h, t, e]
    const auto plain = [](const at::Tensor& x) { return x.contiguous(); };
    value_norm = plain(at::matmul(v, trace.s).norm(2, -1).transpose(1, 2));  // |S^T v|, [m, t, h]
    query_norm = plain(q.norm(2, -1).transpose(1, 2));
    if (layers > 1)
      dots = plain(at::matmul(q.narrow(0, 1, layers - 1), v.narrow(0, 0, layers - 1).transpose(-1, -2))
                       .permute({0, 2, 3, 1}));  // q^(l+1)_a . v^(l)_b: [m - 1, a, b, h]
  }
  const double* value(std::int64_t layer, std::int64_t i) const { return row(value_norm, layer * tokens + i); }
  const double* query(std::int64_t layer, std::int64_t i) const { return row(query_norm, layer * tokens + i); }
  const double* dot(std::int64_t layer, std::int64_t a, std::int64_t b) const {
    return row(dots, ((layer - 1) * tokens + a) * tokens + b);
  }
  const double* row(const at::Tensor& x, std::int64_t index) const { return x.data_ptr<double>() + index * heads; }

  std::int64_t layers, tokens, heads;
  at::Tensor value_norm, query_norm, dots;
};

double norm_of(const std::vector<double>& chain, const double* left, const double* right = nullptr) {
  double sum = 0;
  for (std::size_t h = 0; h < chain.size(); ++h) sum += std::pow(chain[h] * left[h] * (right ? right[h] : 1), 2);
  return std::sqrt(sum);
}

void keep_strongest(std::vector<InfluencePath>& paths, std::int64_t count) {
  const auto stronger = [](const auto& a, const auto& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.tokens < b.tokens;
  };
  const auto kept = std::min<std::size_t>(paths.size(), count);
  std::partial_sort(paths.begin(), paths.begin() + kept, paths.end(), stronger);
  paths.resize(kept);
}

/// All paths of that many hops from t, or the strongest prefixes of them where there are more than `limit`.
std::vector<InfluencePath> paths_of(const Links& links, std::int64_t t, std::int64_t hops, std::int64_t limit,
                                    bool& complete) {
  const auto top = hops - 1;  // layer of the first hop
  std::vector<InfluencePath> paths{{{t}, 0, std::vector<double>(links.heads, 1.0)}};
  for (std::int64_t hop = 1; hop <= hops; ++hop) {
    std::vector<InfluencePath> longer;
    for (const auto& path : paths)
      for (std::int64_t i = 0; i <= path.tokens.back(); ++i) {
        auto next = path;
        next.tokens.push_back(i);
        if (hop >= 2) {
          const auto* dot = links.dot(top - hop + 2, next.tokens[hop - 2], i);
          for (std::int64_t h = 0; h < links.heads; ++h) next.chain[h] *= dot[h];
        }
        const auto* right = hop == hops ? links.query(0, next.tokens[hop - 1]) : nullptr;
        next.weight = norm_of(next.chain, links.value(top, next.tokens[1]), right);
        longer.push_back(std::move(next));
      }
    if (static_cast<std::int64_t>(longer.size()) > limit && hop < hops) {
      complete = false;
      keep_strongest(longer, limit);
    }
    paths = std::move(longer);
  }
  return paths;
}

}  // namespace

InfluencePaths influence_paths(const VarTrace& trace, std::int64_t t, std::int64_t count, std::int64_t limit) {
  check(trace.series() == 1, "influence paths are of one series");
  check(t >= 0 && t < trace.tokens(), "token is ", t, "; expected 0 .. ", trace.tokens() - 1);
  const Links links(trace);
  InfluencePaths out{{}, true};
  for (std::int64_t hops = 1; hops <= links.layers; ++hops) {
    auto paths = paths_of(links, t, hops, limit, out.complete);
    out.paths.insert(out.paths.end(), std::make_move_iterator(paths.begin()), std::make_move_iterator(paths.end()));
    keep_strongest(out.paths, count);
  }
  return out;
}

}  // namespace longwave
