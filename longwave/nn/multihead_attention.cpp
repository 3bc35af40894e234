#include "longwave/nn/multihead_attention.h"

#include <ATen/ATen.h>

#include "longwave/base/check.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

at::Tensor by_head(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t heads) {
  return at::linear(x, weight, bias).unflatten(-1, at::IntArrayRef({heads, weight.size(0) / heads}));
}

}  // namespace

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
  Projections p{by_head(x, w.q, w.q_bias, shape.heads), by_head(source, w.k, w.k_bias, shape.key_heads),
                by_head(source, w.v, w.v_bias, shape.key_heads)};
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
  const auto y = std::get<0>(
      ops::softmax_attention(p.q, p.k, p.v, {.scale = shape.scale, .causal = shape.causal, .key_mask = key_mask}));
  return at::linear(y.flatten(-2), w.o, w.o_bias);
}

}  // namespace longwave
