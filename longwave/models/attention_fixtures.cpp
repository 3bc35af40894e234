// Fixtures of softmax attention: whole layers (causal, bidirectional, cross, padded, grouped, rotary, ALiBi) and
// decoding over split keys.

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "longwave/base/check.h"
#include "longwave/models/fixture_words.h"
#include "longwave/models/gradient_fixture.h"
#include "longwave/nn/alibi.h"
#include "longwave/nn/multihead_attention.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The layer by its definition, for masks that say of every query which keys it sees, as torch.nn.MultiheadAttention
/// takes them: [t, s] or [b h, t, s], bool where true is hidden, or numbers added to the scores.
at::Tensor masked_attention(const AttentionShape& shape, const AttentionWeights& w, const at::Tensor& x,
                            const at::Tensor& context, const at::Tensor& key_mask, const at::Tensor& mask) {
  const auto p = project(shape, w, x, context, {});
  const auto all_heads = [&](const at::Tensor& y) { return y.repeat_interleave(shape.heads / shape.key_heads, 2); };
  const auto scale = shape.scale != 0 ? shape.scale : 1 / std::sqrt(static_cast<double>(p.q.size(-1)));
  auto scores = at::einsum("bqhe,bkhe->bhqk", {p.q, all_heads(p.k)}) * scale;
  if (shape.alibi) {
    const auto places = [&](std::int64_t axis) { return at::arange(scores.size(axis), scores.options()); };
    const auto distances = (places(2).unsqueeze(1) - places(3)).abs();
    scores = scores - alibi_slopes(shape.heads, scores.options()).view({-1, 1, 1}) * distances;
  }
  const auto of_heads = mask.dim() == 3 ? mask.view({x.size(0), -1, mask.size(1), mask.size(2)}) : mask;
  if (mask.is_floating_point()) scores = scores + of_heads;
  auto hidden = mask.is_floating_point() ? scores == -kInfinity : of_heads.to(at::kBool);
  if (key_mask.defined()) hidden = hidden.logical_or(key_mask.logical_not().unsqueeze(1).unsqueeze(1));
  if (shape.causal) hidden = hidden.logical_or(at::ones(scores.sizes().slice(2), at::kBool).triu(1));
  scores = scores.masked_fill(hidden, -kInfinity);
  const auto sees_none = (scores == -kInfinity).all(-1, true);
  const auto weights = at::softmax(scores.masked_fill(sees_none, 0), -1).masked_fill(sees_none, 0);
  const auto y = at::einsum("bhqk,bkhe->bqhe", {weights, all_heads(p.v)});
  return at::linear(y.flatten(-2), w.o, w.o_bias);
}

FixtureRun run_layer(const TensorMap& in, const TensorMap& param, const Json& config) {
  const auto variant = config.value("variant", std::string());
  AttentionShape shape{.heads = config.at("H"),
                       .key_heads = config.value("Hkv", config.at("H").get<std::int64_t>()),
                       .causal = config.value("causal", says_causal(variant))};
  const auto rope = config.contains("rope") && config["rope"].is_string() ? config["rope"].get<std::string>() : "none";
  check(rope == "none" || rope == "half" || rope == "interleaved", "fixture: config rope is '", rope,
        "'; expected none, half or interleaved");
  if (rope != "none") shape.rotary = rope == "half" ? ops::RotaryPairs::half : ops::RotaryPairs::interleaved;
  shape.alibi = config.value("alibi", variant.find("alibi") != std::string::npos);
  for (const auto* name : {"base", "rope_base", "rope_theta"})
    shape.rotary_base = config.value(name, shape.rotary_base);
  if (const auto scale = config.find("scale"); scale != config.end() && scale->is_number()) shape.scale = *scale;
  const auto context = in.count("ctx") ? in.at("ctx") : at::Tensor();
  const auto key_mask = in.count("key_padding_mask") ? in.at("key_padding_mask").logical_not() : at::Tensor();
  const auto weights = attention_weights(param);
  FixtureRun run;
  run.out["y"] = in.count("attn_mask")
                     ? masked_attention(shape, weights, in.at("x"), context, key_mask, in.at("attn_mask"))
                     : multihead_attention(shape, weights, in.at("x"), context, key_mask);
  return run;
}

/// Largest score, sum of exponentials and un-normalised output over some of the keys; q [b, h, 1, d], k, v [b, h, n,
/// d].
struct Part {
  at::Tensor m, l, o, lse;
};
Part attend_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (k.size(2) == 0) {
    const auto none = at::full({q.size(0), q.size(1), 1, 1}, -kInfinity, q.options());
    return {none, at::zeros_like(none), at::zeros({q.size(0), q.size(1), 1, v.size(3)}, q.options()), none};
  }
  const auto by_step = [](const at::Tensor& x) { return x.transpose(1, 2); };
  const auto [y, lse] = ops::softmax_attention(by_step(q), by_step(k), by_step(v), {.causal = false});
  const auto scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
  const auto m = scores.detach().amax(-1, true);
  const auto l = (lse.unsqueeze(-1) - m).exp();
  return {m, l, by_step(y) * l, lse.unsqueeze(-1)};
}

FixtureRun run_decode_split(const TensorMap& in, const TensorMap&, const Json& config) {
  const auto &q = in.at("q"), &k = in.at("k"), &v = in.at("v");
  const auto splits = config.at("splits").get<std::vector<std::int64_t>>();
  std::vector<at::Tensor> m, l, o, lse;
  for (std::size_t i = 0; i + 1 < splits.size(); ++i) {
    const auto size = splits[i + 1] - splits[i];
    const auto part = attend_part(q, k.narrow(2, splits[i], size), v.narrow(2, splits[i], size));
    m.push_back(part.m), l.push_back(part.l), o.push_back(part.o), lse.push_back(part.lse);
  }
  FixtureRun run;
  run.out["part_m"] = at::stack(m), run.out["part_l"] = at::stack(l), run.out["part_o"] = at::stack(o);
  const auto largest = run.out["part_m"].amax(0);
  const auto factors = (run.out["part_m"] - largest).exp();
  const auto sum = (run.out["part_l"] * factors).sum(0);
  run.out["y"] = (run.out["part_o"] * factors).sum(0) / sum;
  run.out["lse"] = largest + sum.log();
  return run;
}

const RegisterComputedFixture layer({"softmax_attention"}, run_layer);
const RegisterComputedFixture decode_split({"decode_split"}, run_decode_split);

}  // namespace
}  // namespace longwave
