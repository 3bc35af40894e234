#include <algorithm>
#include <vector>

#include "longwave/kernels/scalar_functions.h"
#include "longwave/kernels/score_attention.h"

namespace longwave::kernels {
namespace {

using Row = std::vector<double>;

/// One query of one head: where it lies in q, and in the scores; where key j lies in k and v.
struct Query {
  const ScoreAttention& a;
  std::int64_t b, head, at, first_score;

  Query(const ScoreAttention& attention, std::int64_t row, std::int64_t h, std::int64_t t)
      : a(attention),
        b(row),
        head(h),
        at(((row * a.t + t) * a.h + h) * a.e),
        first_score(((row * a.h + h) * a.t + t) * a.s) {}
  std::int64_t key(std::int64_t j) const { return ((b * a.s + j) * a.h + head) * a.e; }

  Row scores() const {
    Row all(a.s);
    for (std::int64_t j = 0; j < a.s; ++j) {
      for (std::int64_t i = 0; i < a.e; ++i) all[j] += static_cast<double>(a.scale) * a.q[at + i] * a.k[key(j) + i];
      if (a.before) all[j] += a.before[first_score + j];
    }
    return all;
  }
  double dropout(std::int64_t j) const { return scalar_dropout(a.dropout, first_score + j); }
};

Row softmax(const Row& scores) {
  const double largest = *std::max_element(scores.begin(), scores.end());
  Row weights;
  double sum = 0;
  for (const double score : scores) sum += weights.emplace_back(std::exp(score - largest));
  for (auto& weight : weights) weight /= sum;
  return weights;
}

template <class Body>
void for_queries(const ScoreAttention& a, Body body) {
  for (std::int64_t b = 0; b < a.b; ++b)
    for (std::int64_t h = 0; h < a.h; ++h)
      for (std::int64_t t = 0; t < a.t; ++t) body(Query(a, b, h, t));
}

}  // namespace

void score_attention_reference(const ScoreAttention& a, float* y, float* scores) {
  for_queries(a, [&](const Query& query) {
    const auto own = query.scores(), weights = softmax(own);
    for (std::int64_t i = 0; i < a.e; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < a.s; ++j) sum += weights[j] * query.dropout(j) * a.v[query.key(j) + i];
      y[query.at + i] = static_cast<float>(sum);
    }
    if (scores) std::copy(own.begin(), own.end(), scores + query.first_score);
  });
}

/// With w the weights before dropout and dw their gradient, that of the scores is w (dw - sum of w dw).
void score_attention_grad_reference(const ScoreAttention& a, const ScoreAttentionGrad& g) {
  Row dq(a.b * a.t * a.h * a.e), dk(a.b * a.s * a.h * a.e), dv(dk);
  for_queries(a, [&](const Query& query) {
    const float* given = g.scores ? g.scores + query.first_score : nullptr;
    const auto weights = softmax(given ? Row(given, given + a.s) : query.scores());
    Row dweights(a.s);
    double centre = 0;
    for (std::int64_t j = 0; j < a.s; ++j) {
      for (std::int64_t i = 0; i < a.e; ++i) {
        const auto at = query.key(j) + i;
        dweights[j] += query.dropout(j) * g.dy[query.at + i] * a.v[at];
        dv[at] += query.dropout(j) * g.dy[query.at + i] * weights[j];
      }
      centre += weights[j] * dweights[j];
    }
    for (std::int64_t j = 0; j < a.s; ++j) {
      const auto score = query.first_score + j;
      const double d = weights[j] * (dweights[j] - centre) + (g.dscores ? g.dscores[score] : 0);
      if (g.dbefore) g.dbefore[score] = static_cast<float>(d);
      for (std::int64_t i = 0; i < a.e; ++i) {
        dq[query.at + i] += d * a.scale * a.k[query.key(j) + i];
        dk[query.key(j) + i] += d * a.scale * a.q[query.at + i];
      }
    }
  });
  std::copy(dq.begin(), dq.end(), g.dq);
  std::copy(dk.begin(), dk.end(), g.dk);
  std::copy(dv.begin(), dv.end(), g.dv);
}

}  // namespace longwave::kernels
