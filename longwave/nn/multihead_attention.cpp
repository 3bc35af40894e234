#include "longwave/nn/multihead_attention.h"

#include <ATen/ATen.h>

#include <numeric>

#include "longwave/base/check.h"
#include "longwave/nn/alibi.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

torch::nn::Linear linear_map(std::int64_t in, std::int64_t out, bool bias) {
  return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(bias));
}

}  // namespace

AttentionShape attention_heads(const char* layer, std::int64_t d, std::int64_t heads, std::int64_t key_heads) {
  AttentionShape shape;
  shape.heads = heads ? heads : std::gcd(d, std::max<std::int64_t>(1, d / 64));
  shape.key_heads = key_heads ? key_heads : shape.heads;
  check(shape.heads > 0 && d % shape.heads == 0, layer, ": heads is ", shape.heads, "; expected a divisor of d = ", d);
  check(shape.key_heads > 0 && shape.heads % shape.key_heads == 0, layer, ": key_heads is ", shape.key_heads,
        "; expected a divisor of ", shape.heads, " (heads)");
  return shape;
}

AttentionMaps::AttentionMaps(torch::nn::Module& owner, const AttentionShape& shape, std::int64_t d,
                             std::int64_t d_context, bool bias)
    : q(linear_map(d, d, bias)),
      k(linear_map(d_context, d / shape.heads * shape.key_heads, bias)),
      v(linear_map(d_context, d / shape.heads * shape.key_heads, bias)),
      o(linear_map(d, d, bias)) {
  for (const auto& [name, map] : {std::pair{"q", q}, {"k", k}, {"v", v}, {"o", o}}) owner.register_module(name, map);
}

AttentionWeights AttentionMaps::weights() const {
  return {q->weight, q->bias, k->weight, k->bias, v->weight, v->bias, o->weight, o->bias};
}

TensorMap split_joint_projection(TensorMap weights) {
  const auto joint = weights.find("in_proj_weight");
  if (joint == weights.end() && !weights.count("q_proj_weight")) return weights;
  TensorMap split = {{"o.weight", weights.at("out_proj.weight")}};
  if (joint != weights.end()) {
    const auto matrices = joint->second.chunk(3);
    split["q.weight"] = matrices[0], split["k.weight"] = matrices[1], split["v.weight"] = matrices[2];
  } else {
    for (const std::string map : {"q", "k", "v"}) split[map + ".weight"] = weights.at(map + "_proj_weight");
  }
  if (weights.count("in_proj_bias")) {
    const auto biases = weights.at("in_proj_bias").chunk(3);
    split["q.bias"] = biases[0], split["k.bias"] = biases[1], split["v.bias"] = biases[2];
    split["o.bias"] = weights.at("out_proj.bias");
  }
  return split;
}

AttentionWeights attention_weights(const TensorMap& weights) {
  const auto split = split_joint_projection(weights);
  const auto get = [&](const std::string& name) {
    const auto found = split.find(name);
    return found == split.end() ? at::Tensor() : found->second;
  };
  AttentionWeights w{get("q.weight"), get("q.bias"), get("k.weight"), get("k.bias"),
                     get("v.weight"), get("v.bias"), get("o.weight"), get("o.bias")};
  for (const auto& [name, matrix] : {std::pair{"q", w.q}, {"k", w.k}, {"v", w.v}, {"o", w.o}})
    check(matrix.defined(), "attention: there is no ", name,
          ".weight; expected q, k, v and o, or in_proj and out_proj");
  return w;
}

Projections project(const AttentionShape& shape, const AttentionWeights& w, const at::Tensor& x,
                    const at::Tensor& context, const at::Tensor& first) {
  const auto& source = context.defined() ? context : x;
  Projections p{split_heads(at::linear(x, w.q, w.q_bias), shape.heads),
                split_heads(at::linear(source, w.k, w.k_bias), shape.key_heads),
                split_heads(at::linear(source, w.v, w.v_bias), shape.key_heads)};
  if (shape.rotary) {
    const auto ratio = ops::rotary_ratio(p.q.size(-1), shape.rotary_base);
    p.q = ops::rotary(p.q, ratio, *shape.rotary, first);
    p.k = ops::rotary(p.k, ratio, *shape.rotary, first);
  }
  return p;
}

at::Tensor multihead_attention(const AttentionShape& shape, const AttentionWeights& w, const at::Tensor& x,
                               const at::Tensor& context, const at::Tensor& key_mask) {
  const auto p = project(shape, w, x, context, {});
  ops::SoftmaxAttentionOptions options{.scale = shape.scale, .causal = shape.causal, .key_mask = key_mask};
  if (shape.alibi) options.slopes = alibi_slopes(shape.heads, x.options());
  const auto y = std::get<0>(ops::softmax_attention(p.q, p.k, p.v, options));
  return at::linear(y.flatten(-2), w.o, w.o_bias);
}

}  // namespace longwave
