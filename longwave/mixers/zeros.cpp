// ZeroS, zero-sum linear attention (Lu et al. 2025): the weights of a softmax over scores that each step has by itself,
// without their zeroth-order term, so that they sum to zero and can subtract; two gates a head set the orders apart.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/mixed_rotary.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/gated_linear_attention.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

constexpr auto kPairs = ops::RotaryPairs::half;
constexpr double kBase = 10000;  // of the rotary frequencies

class ZeroSum final : public SequenceMixer {
 public:
  struct Config {
    std::int64_t heads = 0;
    bool is_causal = true, use_associative = true, use_norm = true, is_first_layer = false, bias = true;
    bool compat = false;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("heads", &Config::heads, "attention heads; 0: of 64 numbers each", at_least<std::int64_t>(0))
              .add("is_causal", &Config::is_causal, "a step sees itself and the past; otherwise the whole sequence")
              .add("use_associative", &Config::use_associative,
                   "the first order in the scores, which has linear cost; otherwise in the softmax (quadratic)")
              .add("use_norm", &Config::use_norm, "layer norm of each head's output")
              .add("is_first_layer", &Config::is_first_layer, "adds a gated mean of the values")
              .add("bias", &Config::bias, "biases of all linear maps")
              .add("compat", &Config::compat,
                   "the reference's positions: halves turned by the frequencies of neighbours, which is no rotation");
      return table;
    }
  };

  ZeroSum(const MixerSizes& sizes, const Config& config) : d_(sizes.d), config_(config) {
    heads_ = config.heads ? config.heads : heads_for(d_, 64);
    check(d_ % (2 * heads_) == 0, "zeros: heads is ", heads_, "; expected a divisor of d / 2 for d = ", d_,
          " (halves of a head are rotated)");
    const auto linear = [&](const char* name, std::int64_t out) {
      return register_module(name, Linear(torch::nn::LinearOptions(d_, out).bias(config.bias)));
    };
    query_ = linear("q", d_);
    key_ = linear("k", d_);
    value_ = linear("v", d_);
    score_ = linear("u", d_);
    gate_ = linear("gate", 3 * heads_);
    out_ = linear("out_proj", d_);
    prior_mean_ = register_parameter("prior_mu", at::zeros({1, 1, heads_, d_ / heads_}));
    prior_weight_ = register_parameter("prior_log_tau", at::zeros({1, 1, heads_, 1}));
  }

  MixerProperties properties() const override {
    MixerProperties properties{.causal = config_.is_causal,
                               .streams = config_.is_causal && config_.use_associative,
                               .cost = config_.use_associative ? Cost::linear : Cost::quadratic,
                               .reason = ""};
    if (!config_.use_associative) properties.reason = "the explicit form weighs all pairs of steps";
    if (!config_.is_causal) properties.reason = "every step reads sums over the whole sequence";
    return properties;
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("zeros", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto place = places(x, state);  // [b or 1, t], from 0
    const auto q = unit_rotated(query_->forward(x), place, state);
    const auto k = masked(unit_rotated(key_->forward(x), place, state), valid);
    const auto v = split_heads(value_->forward(x), heads_);
    const auto steps = (place + 1).to(x.scalar_type()).unsqueeze(-1);  // [b or 1, t, 1]
    const auto s = scores(masked(split_heads(score_->forward(x), heads_), valid), steps, state);
    const auto gates = gate_->forward(x).unflatten(-1, {heads_, 3});
    auto o = config_.use_associative ? associative(q, k, v, s, gates, steps, valid, state)
                                     : pairwise(q, k, v, s, gates, steps, valid);
    if (config_.use_norm) o = at::layer_norm(o, {o.size(-1)}, {}, {}, 1e-5);
    if (state)
      state->at("position") =
          state->at("position") + (lengths.defined() ? lengths : at::full({}, x.size(1), at::kLong));
    return zero_padding(out_->forward(merge_heads(o)), valid);
  }

  State first_state(std::int64_t b) const override {
    if (!properties().streams) return SequenceMixer::first_state(b);
    const auto options = out_->weight.options().requires_grad(false);
    const auto e = d_ / heads_;
    return {{"position", at::zeros({b}, at::kLong)},
            {"scores", at::zeros({b, heads_, e, 1}, options)},
            {"sum_score", at::zeros({b, 1, heads_}, options)},
            {"largest", at::full({b, 1, heads_}, -1e30, options)},
            {"sum_exp", at::zeros({b, heads_, 1, 1}, options)},
            {"exp", at::zeros({b, heads_, e, e}, options)},
            {"plain", at::zeros({b, heads_, e, 2 * e}, options)}};
  }

 private:
  /// Zeros at padded steps of x [b, t, h, ...].
  static Tensor masked(const Tensor& x, const Tensor& valid) {
    return valid.defined() ? at::where(valid.unsqueeze(-1), x, at::zeros({}, x.options())) : x;
  }

  static Tensor places(const Tensor& x, const State* state) {
    const auto place = at::arange(x.size(1), at::kLong).unsqueeze(0);
    return state ? place + state->at("position").unsqueeze(1) : place;
  }

  /// Queries or keys of length one at their positions.
  Tensor unit_rotated(const Tensor& x, const Tensor& place, const State* state) const {
    const auto parts = split_heads(x, heads_);
    const auto e = parts.size(-1);
    const auto y = config_.compat ? MixedRotary(place, e, kBase, kPairs)(parts)
                                  : ops::rotary(parts, ops::rotary_ratio(e, kBase), kPairs,
                                                state ? state->at("position") : Tensor());
    return y / at::sqrt((y * y).sum(-1, true) + 1e-24);
  }

  /// s_i = -u_i . mean of the u so far (with a prior) / sqrt(e), [b, t, h].
  Tensor scores(const Tensor& u, const Tensor& steps, State* state) const {
    const auto e = static_cast<double>(u.size(-1));
    Tensor product;  // u_i . sum of u
    if (config_.is_causal) {
      const auto ones = at::ones({1, 1, 1, 1}, u.options()).expand({u.size(0), u.size(1), heads_, 1});
      const auto r = ops::gated_linear_attention(u, u, ones, {}, {}, state ? state->at("scores") : Tensor());
      if (state) state->at("scores") = r.final_state;
      product = r.o.squeeze(-1);
    } else {
      product = (u * u.sum(1, true)).sum(-1);
    }
    const auto tau = at::exp(prior_weight_).squeeze(-1);  // [1, 1, h]
    const auto prior = tau * (u * prior_mean_).sum(-1);
    return (product + prior) * (-1 / std::sqrt(e)) / (tau + steps);
  }

  /// Means over keys, [b, t, h, e]: of q . k v' by weights softmax(s) and by s, both less their mean weight, and plain.
  struct Means {
    Tensor softmax, first, plain;
  };

  Tensor associative(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& s, const Tensor& gates,
                     const Tensor& steps, const Tensor& valid, State* state) const {
    const auto means = config_.is_causal ? causal_means(q, k, v, s, steps, valid, state) : all_means(q, k, v, s, valid);
    const auto first = at::sigmoid(gates.select(-1, 0)), higher = at::sigmoid(gates.select(-1, 1));  // [b, t, h]
    auto o = higher.unsqueeze(-1) * means.softmax + (first - higher).unsqueeze(-1) * means.first;
    if (config_.is_first_layer) o = o + at::tanh(gates.select(-1, 2)).unsqueeze(-1) * means.plain;
    return o;
  }

  Means causal_means(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& s, const Tensor& steps,
                     const Tensor& valid, State* state) const {
    // Exponentials relative to the largest score so far, which decays what came before; it cancels in the result.
    auto score = s;
    if (valid.defined()) score = at::where(valid, score, at::full({}, -1e30, s.options()));
    const auto before = state ? state->at("largest") : at::full({s.size(0), 1, heads_}, -1e30, s.options());
    const auto largest = std::get<0>(at::cat({before, score}, 1).cummax(1));
    const auto now = largest.narrow(1, 1, s.size(1));
    const auto g = largest.narrow(1, 0, s.size(1)) - now;
    const auto weight = zero_padding(at::exp(zero_padding(s - now, valid)), valid).unsqueeze(-1),
               plain = zero_padding(s, valid);
    const auto get = [&](const char* name) { return state ? state->at(name) : Tensor(); };
    const auto ones = at::ones({1, 1, 1, 1}, q.options()).expand({q.size(0), q.size(1), heads_, 1});
    const auto total_exp = ops::gated_linear_attention(ones, ones, weight, g, {}, get("sum_exp"));
    const auto exp = ops::gated_linear_attention(q, k, weight * v, g, {}, get("exp"));
    const auto others = ops::gated_linear_attention(q, k, at::cat({s.unsqueeze(-1) * v, v}, -1), {}, {}, get("plain"));
    auto total = plain.cumsum(1);
    if (state) {
      total = total + state->at("sum_score");
      state->at("sum_score") = total.narrow(1, total.size(1) - 1, 1).clone();
      state->at("largest") = now.narrow(1, now.size(1) - 1, 1).clone();
      state->at("sum_exp") = total_exp.final_state;
      state->at("exp") = exp.final_state;
      state->at("plain") = others.final_state;
    }
    const auto parts = others.o.chunk(2, -1);
    const auto n = steps.unsqueeze(-1), plain_mean = parts[1] / n;
    // In terms of differences from the mean, which cancel where they should.
    return {exp.o / (total_exp.o + 1e-12) - plain_mean, (parts[0] - total.unsqueeze(-1) * plain_mean) / n, plain_mean};
  }

  Means all_means(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& s, const Tensor& valid) const {
    const auto n = valid.defined() ? valid.sum(1, true).to(s.scalar_type()).clamp_min(1)
                                   : at::full({1, 1, 1}, s.size(1), s.options());
    const auto score = valid.defined() ? at::where(valid, s, at::full({}, -1e30, s.options())) : s;
    const auto mean = zero_padding(s, valid).sum(1, true) / n;
    const auto read = [&](const Tensor& weight) {
      const auto values = zero_padding(weight, valid).unsqueeze(-1) * v;
      const auto state = at::matmul(k.permute({0, 2, 3, 1}), values.transpose(1, 2));
      return at::matmul(q.transpose(1, 2), state).transpose(1, 2);
    };
    return {read(at::softmax(score, 1) - 1 / n), read((s - mean) / n), read(at::ones_like(s) / n)};
  }

  /// The explicit form of the reference, a different function: its first order is that of the softmax, not of the
  /// score.
  Tensor pairwise(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& s, const Tensor& gates,
                  const Tensor& steps, const Tensor& valid) const {
    auto seen = at::ones({1, 1, s.size(1), s.size(1)}, at::kBool);
    if (config_.is_causal) seen = seen.tril();
    if (valid.defined()) seen = seen.logical_and(valid.squeeze(-1).unsqueeze(1).unsqueeze(1));
    const auto zero = at::zeros({}, s.options());
    const auto score = at::where(seen, s.transpose(1, 2).unsqueeze(2), at::full({}, -1e30, s.options()));
    const auto p = at::where(seen, at::softmax(score, -1), zero);
    const auto n =
        config_.is_causal ? steps.transpose(1, 2).unsqueeze(-1) : seen.sum(-1, true).to(s.scalar_type()).clamp_min(1);
    const auto deviation = at::where(seen, p - 1 / n, zero), first = deviation / n;
    const auto by_head = [&](std::int64_t i) { return gates.select(-1, i).transpose(1, 2).unsqueeze(-1); };
    auto weight = at::sigmoid(by_head(0)) * first + at::sigmoid(by_head(1)) * (deviation - first);
    if (config_.is_first_layer) weight = weight + at::where(seen, at::tanh(by_head(2)) / n, zero);
    const auto similarity = at::matmul(q.transpose(1, 2), k.permute({0, 2, 3, 1}));
    return at::matmul(weight * similarity, v.transpose(1, 2)).transpose(1, 2);
  }

  std::int64_t d_, heads_ = 1;
  Config config_;
  Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, score_{nullptr}, gate_{nullptr}, out_{nullptr};
  Tensor prior_mean_, prior_weight_;
};

MixerReference reference() {
  return {.system_ids = {"zeros"}, .configure = [](const Json& config, MixerSizes& sizes, Json& settings) {
            sizes.d = config.at("D");
            settings["heads"] = config.at("H");
            settings["bias"] = fixture_has_weight(config, "out_proj.bias");
            settings["compat"] = true;
          }};
}

const RegisterMixer<ZeroSum> registered({"zeros",
                                         "ZeroS",
                                         "linear attention",
                                         "linear attention whose weights sum to zero",
                                         "Lu et al. 2025, ZeroS: Zero-Sum Linear Attention",
                                         reference(),
                                         {{"first layer", {{"heads", 3}, {"is_first_layer", true}}, 12},
                                          {"no norm", {{"heads", 2}, {"use_norm", false}}},
                                          {"no biases", {{"heads", 2}, {"use_norm", false}, {"bias", false}}},
                                          {"as the reference", {{"heads", 2}, {"compat", true}}},
                                          {"bidirectional", {{"heads", 2}, {"is_causal", false}}},
                                          {"explicit", {{"heads", 2}, {"use_associative", false}}}}});

}  // namespace
}  // namespace longwave
