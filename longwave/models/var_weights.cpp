#include "longwave/models/var_weights.h"

#include "longwave/base/check.h"

namespace longwave {
namespace {

/// Row t of B^(l) from B^(l-1) [g, t(i), t(j), e, e], g the heads of all series: [g, t(j), e, e]. q, v: [g, t, e].
at::Tensor next_row(const at::Tensor& before, const at::Tensor& q, const at::Tensor& v, std::int64_t t) {
  const auto g = q.size(0), tokens = q.size(1), e = q.size(2), count = t + 1;
  const auto query = q.select(1, t).view({g, 1, 1, 1, e});
  const auto rows = at::matmul(query, before.narrow(1, 0, count)).reshape({g, count, tokens * e});  // q_t^T B_{i,j}
  const auto sum = at::matmul(v.narrow(1, 0, count).transpose(1, 2), rows);                         // [g, e, t(j) e]
  return sum.view({g, e, tokens, e}).transpose(1, 2);
}

/// B^(1..m)_{t,.} of some series: [m, n, t + 1, h, e, e].
at::Tensor layers_of(const VarTrace& some, std::int64_t t) {
  const auto m = some.layers(), n = some.series(), h = some.s.size(0), e = some.s.size(1), tokens = t + 1;
  const auto fold = [&](const at::Tensor& x) {
    return x.narrow(2, 0, tokens).transpose(2, 3).reshape({m, n * h, tokens, e});
  };
  const auto q = fold(some.q), v = fold(some.v);
  auto b = at::einsum("ij,ab->ijab", {at::eye(tokens, q.options()), at::eye(e, q.options())})
               .expand({n * h, tokens, tokens, e, e});
  std::vector<at::Tensor> layers;
  for (std::int64_t layer = 0; layer < m; ++layer) {
    std::vector<at::Tensor> rows;  // the last layer is wanted at t alone
    for (auto i = layer + 1 < m ? 0 : t; i < tokens; ++i) rows.push_back(next_row(b, q[layer], v[layer], i));
    layers.push_back(rows.back().reshape({n, h, tokens, e, e}).transpose(1, 2));
    b = at::stack(rows, 1);
  }
  return at::stack(layers);
}

/// Series that are computed together, so that the table of one layer stays within 64 MB or is of one series.
std::int64_t series_at_once(const VarTrace& trace, std::int64_t t) {
  const auto one = trace.s.numel() * (t + 1) * (t + 1);
  return std::max<std::int64_t>(1, (8 << 20) / one);
}

}  // namespace

VarTrace VarTrace::narrow(std::int64_t first, std::int64_t count) const {
  return {q.narrow(1, first, count), v.narrow(1, first, count), s};
}

VarTrace var_trace(const TensorMap& notes) {
  for (const char* name : {"q", "v", "S"})
    check(notes.count(name), "the model notes no '", name, "': it is not a mixture of VAR models");
  return {notes.at("q").to(at::kDouble), notes.at("v").to(at::kDouble), notes.at("S").to(at::kDouble)};
}

VarWeights var_weights(const VarTrace& trace, std::int64_t t) {
  check(t >= 0 && t < trace.tokens(), "token is ", t, "; expected 0 .. ", trace.tokens() - 1);
  const auto step = series_at_once(trace, t);
  std::vector<at::Tensor> layers;
  for (std::int64_t n = 0; n < trace.series(); n += step)
    layers.push_back(layers_of(trace.narrow(n, std::min(step, trace.series() - n)), t));
  VarWeights out;
  out.layers = at::cat(layers, 1);
  out.phi = at::matmul(trace.s.transpose(1, 2), out.layers.sum(0));
  out.phi.select(1, t).add_(at::eye(trace.s.size(-1), trace.s.options()));
  return out;
}

at::Tensor path_matrix(const VarTrace& trace, const std::vector<std::int64_t>& tokens) {
  const auto hops = static_cast<std::int64_t>(tokens.size()) - 1;
  check(trace.series() == 1 && hops >= 1 && hops <= trace.layers(), "a path of one series has 1 .. ", trace.layers(),
        " hops");
  at::Tensor product;
  for (std::int64_t hop = 0; hop < hops; ++hop) {
    const auto layer = hops - 1 - hop;
    const auto value = trace.v[layer][0][tokens[hop + 1]], query = trace.q[layer][0][tokens[hop]];  // [h, e]
    const auto weight = value.unsqueeze(2) * query.unsqueeze(1);
    product = product.defined() ? at::matmul(product, weight) : weight;
  }
  return product;
}

at::Tensor to_data_space(const at::Tensor& phi, const at::Tensor& w) {
  const auto heads =
      w.to(phi.scalar_type()).view({w.size(0), phi.size(-3), phi.size(-1)}).transpose(0, 1);  // [h, s, e]
  return at::matmul(at::matmul(heads, phi), heads.transpose(1, 2)).sum(-3);
}

}  // namespace longwave
