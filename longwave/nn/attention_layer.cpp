#include "longwave/nn/attention_layer.h"

#include <cmath>
#include <limits>

#include "longwave/base/check.h"
#include "longwave/nn/dropout_draw.h"
#include "longwave/ops/score_attention.h"

namespace longwave {

at::Tensor full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal,
                          const Dropout& dropout, bool training) {
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
  if (!causal) {
    const DropoutDraw draw(dropout, training);
    const auto steps = [](const at::Tensor& x) { return x.transpose(1, 2); };  // [b, l, h, e]
    return ops::score_attention(steps(q), steps(k), steps(v), {}, {.scale = scale, .p = draw.p, .key = draw.key})
        .first.flatten(2);
  }
  const auto future = at::ones({q.size(2), k.size(2)}, q.options().dtype(at::kBool)).triu(1);
  const auto scores = at::matmul(q * scale, k.transpose(-2, -1))
                          .masked_fill(future, -std::numeric_limits<double>::infinity());  // [b, h, lq, lk]
  const auto mixed = at::matmul(dropout(scores.softmax(-1), training), v);                 // [b, h, lq, e]
  return mixed.transpose(1, 2).flatten(2);
}

AttentionLayer::AttentionLayer(std::int64_t d_model, std::int64_t n_heads, Inner inner)
    : n_heads_(n_heads), inner_(std::move(inner)) {
  check(d_model % n_heads == 0, "model: d_model is ", d_model, "; expected a multiple of n_heads (", n_heads, ")");
  query_ = register_module("query_projection", torch::nn::Linear(d_model, d_model));
  key_ = register_module("key_projection", torch::nn::Linear(d_model, d_model));
  value_ = register_module("value_projection", torch::nn::Linear(d_model, d_model));
  out_ = register_module("out_projection", torch::nn::Linear(d_model, d_model));
}

at::Tensor AttentionLayer::forward(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values) {
  return out_(
      inner_(split_heads(query_(queries)), split_heads(key_(keys)), split_heads(value_(values)), is_training()));
}

at::Tensor AttentionLayer::split_heads(const at::Tensor& x) const {
  return x.unflatten(-1, {n_heads_, x.size(-1) / n_heads_}).transpose(1, 2);
}

AttentionLayer::Inner full_attention_inner(bool causal, Dropout dropout) {
  return [causal, dropout](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool training) {
    return full_attention(q, k, v, causal, dropout, training);
  };
}

}  // namespace longwave
