#include "longwave/nn/prob_attention.h"

#include <cmath>
#include <limits>

namespace longwave {
namespace {

/// Positions [b, h, keep] of the queries whose largest sampled score exceeds the mean most.
at::Tensor outstanding_queries(const at::Tensor& q, const at::Tensor& k, const at::Tensor& sample, std::int64_t keep) {
  const at::NoGradGuard no_grad;  // a choice has no gradient
  // The whole product is smaller than the sampled keys of every query laid out for one.
  const auto all = at::matmul(q, k.transpose(2, 3));  // [b, h, lq, lk]
  const auto scores = all.gather(3, sample.expand({q.size(0), q.size(1), -1, -1}));
  const auto sparsity = scores.amax(3) - scores.sum(3) / static_cast<double>(k.size(2));
  return std::get<1>(sparsity.topk(keep, -1, /*largest=*/true, /*sorted=*/false));
}

}  // namespace

at::Tensor prob_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& sample,
                          std::int64_t keep, bool causal, const Dropout& dropout, bool training) {
  const auto b = q.size(0), h = q.size(1), lq = q.size(2), lk = k.size(2), e = q.size(3);
  const auto top = outstanding_queries(q, k, sample, keep);    // [b, h, u]
  const auto rows = top.unsqueeze(3).expand({-1, -1, -1, e});  // [b, h, u, e]
  const auto scaled = q.gather(2, rows) / std::sqrt(static_cast<double>(e));
  auto scores = at::matmul(scaled, k.transpose(2, 3));  // [b, h, u, lk]
  if (causal)
    scores =
        scores.masked_fill(at::arange(lk, top.options()) > top.unsqueeze(3), -std::numeric_limits<double>::infinity());
  const auto attended = at::matmul(dropout(scores.softmax(-1), training), v);
  const auto others = causal ? v.cumsum(2) : v.mean(2, /*keepdim=*/true).expand({b, h, lq, e});
  return others.scatter(2, rows, attended).reshape({b, lq, h * e});
}

std::int64_t prob_count(std::int64_t factor, std::int64_t length) {
  const auto wanted = factor * static_cast<std::int64_t>(std::ceil(std::log(static_cast<double>(length))));
  return std::clamp<std::int64_t>(wanted, 1, length);
}

at::Tensor draw_key_sample(std::int64_t queries, std::int64_t n, std::int64_t keys, RandomStream& stream) {
  auto sample = at::empty({queries, n}, at::kLong);
  auto* out = sample.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < sample.numel(); ++i)
    out[i] = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(keys)));
  return sample;
}

}  // namespace longwave
