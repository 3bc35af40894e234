#include "longwave/nn/flow_attention.h"

#include <ATen/ATen.h>

#include "longwave/ops/gated_linear_attention.h"

namespace longwave {
namespace {

using at::Tensor;

/// x [b, t, h, e] with zeros where valid [b, t, 1] is false.
Tensor only_valid(const Tensor& x, const Tensor& valid) {
  return valid.defined() ? at::where(valid.unsqueeze(-1), x, at::zeros({}, x.options())) : x;
}

/// Number of real steps of each row, [b, 1, 1] or a scalar.
Tensor count(const Tensor& x, const Tensor& valid) {
  return valid.defined() ? valid.sum(1, true).to(x.scalar_type()).clamp_min(1) : at::full({}, x.size(1), x.options());
}

/// (x_i + eps) . (total + eps) for every step, [b, t, h].
Tensor flow(const Tensor& x, const Tensor& total, double eps) { return ((x + eps) * (total + eps)).sum(-1); }

/// (x_i + eps) . (sum over j <= i of y_j + eps), [b, t, h]; state[name] holds the sum.
Tensor causal_flow(const Tensor& x, const Tensor& y, double eps, TensorMap* state, const std::string& name) {
  if (state && x.size(1) == 1) {  // a step: the sum itself
    auto& sum = state->at(name);  // [b, h, e, 1]
    sum = sum + y.squeeze(1).unsqueeze(-1);
    return flow(x, sum.squeeze(-1).unsqueeze(1), eps);
  }
  const auto ones = at::ones({1, 1, 1, 1}, x.options()).expand({x.size(0), x.size(1), x.size(2), 1});
  const auto r = ops::gated_linear_attention(x + eps, y, ones, {}, {}, state ? state->at(name) : Tensor());
  if (state) state->at(name) = r.final_state;
  return r.o.squeeze(-1) + eps * (x + eps).sum(-1);
}

}  // namespace

Tensor flow_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& valid_q, const Tensor& valid_k,
                      double eps) {
  const auto sinks = [&](const Tensor& x) { return only_valid(x, valid_q).sum(1, true); };
  const auto sources = [&](const Tensor& x) { return only_valid(x, valid_k).sum(1, true); };
  const auto incoming = flow(q, sources(k), eps), outgoing = flow(k, sinks(q), eps);
  const auto conserved_in = flow(q, sources(k / outgoing.unsqueeze(-1)), eps);
  const auto conserved_out = flow(k, sinks(q / incoming.unsqueeze(-1)), eps).clamp(-1, 1);
  auto weight = at::exp(conserved_out);
  if (valid_k.defined()) weight = at::where(valid_k, weight, at::zeros({}, weight.options()));
  const auto t = count(q, valid_q), s = count(k, valid_k);
  const auto competition = s * weight / weight.sum(1, true).clamp_min(1e-30);
  const auto allocation = at::sigmoid(conserved_in * t / s);
  const auto weighted = v * competition.unsqueeze(-1);
  const auto sums = at::matmul(only_valid(k, valid_k).permute({0, 2, 3, 1}), weighted.transpose(1, 2));  // [b, h, e, v]
  const auto read = at::matmul((q / incoming.unsqueeze(-1)).transpose(1, 2), sums).transpose(1, 2);
  return allocation.unsqueeze(-1) * read;
}

TensorMap flow_state(std::int64_t b, std::int64_t heads, std::int64_t e, std::int64_t v, const Tensor& like) {
  const auto options = like.options().requires_grad(false);
  TensorMap state{{"competition", at::zeros({b, 1, heads}, options)},
                  {"position", at::zeros({b}, at::kLong)},
                  {"s", at::zeros({b, heads, e, v}, options)}};
  for (const char* name : {"keys", "queries", "keys_out", "queries_in"})
    state[name] = at::zeros({b, heads, e, 1}, options);
  return state;
}

Tensor causal_flow_attention(const Tensor& q_any, const Tensor& k_any, const Tensor& v, const Tensor& valid,
                             const Tensor& lengths, double eps, TensorMap* state) {
  const auto q = only_valid(q_any, valid), k = only_valid(k_any, valid);
  auto step = at::arange(1, q.size(1) + 1, at::kLong).unsqueeze(0);  // [b or 1, t]
  if (state) {
    auto& position = state->at("position");
    step = step + position.unsqueeze(1);
    position = position + (lengths.defined() ? lengths : at::full({}, q.size(1), at::kLong));
  }
  const auto n = step.to(q.scalar_type()).unsqueeze(-1);  // [b or 1, t, 1]
  const auto incoming = causal_flow(q, k, eps, state, "keys") / n;
  const auto outgoing = causal_flow(k, q, eps, state, "queries") / n;
  const auto conserved_in = causal_flow(q, k / outgoing.unsqueeze(-1), eps, state, "keys_out") / n;
  const auto conserved_out = (causal_flow(k, q / incoming.unsqueeze(-1), eps, state, "queries_in") / n).clamp(-1, 1);
  auto weight = at::exp(conserved_out);
  if (valid.defined()) weight = at::where(valid, weight, at::zeros({}, weight.options()));
  auto total = weight.cumsum(1);
  if (state) {
    total = total + state->at("competition");
    state->at("competition") = total.narrow(1, total.size(1) - 1, 1).clone();
  }
  const auto competition = weight / total.clamp_min(1e-30) * n;
  const auto r = ops::gated_linear_attention(q / incoming.unsqueeze(-1), k, v * competition.unsqueeze(-1), {}, {},
                                             state ? state->at("s") : Tensor());
  if (state) state->at("s") = r.final_state;
  return (at::sigmoid(conserved_in) / n).unsqueeze(-1) * r.o;
}

}  // namespace longwave
