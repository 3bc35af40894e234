#include "longwave/stream/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "longwave/base/check.h"

namespace longwave {
namespace {

std::vector<double> penalised(std::span<const float> logits, std::span<const std::int32_t> history, double penalty) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (penalty == 1) return scores;
  for (const auto token : history) {
    const double logit = logits[token];  // not scores: a token counts once, however often it occurred
    scores[token] = logit > 0 ? logit / penalty : logit * penalty;
  }
  return scores;
}

/// The `count` best tokens, best first.
std::vector<std::int32_t> best_tokens(const std::vector<double>& scores, std::int64_t count) {
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [&](auto a, auto b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  order.resize(static_cast<std::size_t>(count));
  return order;
}

}  // namespace

void check_sampling(const SamplingOptions& o) {
  check(o.temperature >= 0 && std::isfinite(o.temperature), "temperature is ", o.temperature, "; expected >= 0");
  check(o.top_k >= 0, "top-k is ", o.top_k, "; expected >= 1, or 0 for all tokens");
  check(o.top_p > 0 && o.top_p <= 1, "top-p is ", o.top_p, "; expected in (0, 1]");
  check(o.repetition_penalty > 0 && std::isfinite(o.repetition_penalty), "repetition penalty is ", o.repetition_penalty,
        "; expected > 0 (1: none)");
}

std::vector<double> next_distribution(std::span<const float> logits, std::span<const std::int32_t> history,
                                      const SamplingOptions& o) {
  const auto vocabulary = static_cast<std::int64_t>(logits.size());
  const auto scores = penalised(logits, history, o.repetition_penalty);
  const auto count = o.temperature == 0 ? 1 : o.top_k > 0 ? std::min(o.top_k, vocabulary) : vocabulary;
  const auto order = best_tokens(scores, count);
  std::vector<double> distribution(logits.size());
  if (o.temperature == 0) {
    distribution[order.front()] = 1;
    return distribution;
  }
  double total = 0;
  for (const auto token : order) total += std::exp((scores[token] - scores[order.front()]) / o.temperature);
  double kept = 0;  // of the probability that top-k left
  for (const auto token : order) {
    if (kept >= o.top_p) break;
    distribution[token] = std::exp((scores[token] - scores[order.front()]) / o.temperature) / total;
    kept += distribution[token];
  }
  for (auto& probability : distribution) probability /= kept;
  return distribution;
}

std::int32_t draw(std::span<const double> distribution, RandomStream& random) {
  const double u = random.uniform();
  double sum = 0;
  std::int32_t last = 0;  // with a probability at all: rounding may leave the sum below u
  for (std::size_t token = 0; token < distribution.size(); ++token) {
    if (distribution[token] <= 0) continue;
    sum += distribution[token];
    last = static_cast<std::int32_t>(token);
    if (u < sum) break;
  }
  return last;
}

}  // namespace longwave
