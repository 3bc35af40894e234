// WAVE, ARMA attention (Lu et al. 2024): the read of a base attention (the autoregressive part) plus a second linear
// read of what it failed to predict one step ahead (the moving average part). Values are the input itself.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

/// Keys and queries of the moving average: n is the width of the last dimension.
Tensor key_weight(const Tensor& x) { return at::sigmoid(x * (0.02 / std::sqrt(static_cast<double>(x.size(-1))))); }
Tensor query_weight(const Tensor& x) {
  return -at::leaky_relu(x * (-1 / std::sqrt(static_cast<double>(x.size(-1)))), 0.02);
}

class Wave final : public SequenceMixer {
 public:
  struct Config {
    std::string base = "linear";
    std::int64_t heads = 0;
    bool decay = false, bias = true, compat = false;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("base", &Config::base, "the attention whose errors are read",
                   one_of({"linear", "gla", "aft", "softmax"}))
              .add("heads", &Config::heads, "attention heads; 0: of 64 numbers each; aft has none",
                   at_least<std::int64_t>(0))
              .add("decay", &Config::decay, "base gla: keys are weighed by a gate of their own")
              .add("bias", &Config::bias, "biases of all linear maps")
              .add("compat", &Config::compat,
                   "base gla: the reference's decay, which stops once less than 1e-6 of a step is left");
      return table;
    }
  };

  Wave(const MixerSizes& sizes, const Config& config) : d_(sizes.d), config_(config) {
    heads_ = config.base == "aft" ? 1 : config.heads ? config.heads : heads_for(d_, 64);
    check(d_ % heads_ == 0, "wave: heads is ", heads_, "; expected a divisor of d = ", d_);
    const auto linear = [&](const char* name, std::int64_t in, std::int64_t out) {
      return register_module(name, Linear(torch::nn::LinearOptions(in, out).bias(config.bias)));
    };
    if (softmax()) {
      query_key_ = linear("c_attn", d_, 2 * d_);
    } else {
      query_ = linear("q1", d_, d_);
      key_ = linear("k1", d_, d_);
    }
    if (config.base == "linear") value_ = linear("v1", d_, d_);
    error_key_ = linear("k2", d_, d_);
    if (config.base == "gla") {
      forget_ = linear("gw", d_ / heads_, 1);
      if (config.decay) weigh_ = linear("sw", d_ / heads_, 1);
    }
    out_ = linear("c_proj", d_, d_);
  }

  MixerProperties properties() const override {
    if (!softmax()) return {};
    return {.causal = true,
            .streams = false,
            .cost = Cost::quadratic,
            .reason = "softmax attends to all earlier steps; the other bases stream"};
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("wave", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    Tensor q, o;
    if (softmax()) {
      const auto parts = query_key_->forward(x).chunk(2, -1);
      q = parts[0];
      o = merge_heads(std::get<0>(ops::softmax_attention(split(q), split(parts[1]), split(x), {.causal = true})));
    } else {
      q = query_->forward(x);
      o = config_.base == "aft" ? read_averages(x, q, valid, state) : read_linear(x, q, valid, state);
    }
    const auto ma = read_errors(x, q, o, valid, lengths, state);
    const auto y = out_->forward(o + ma);
    const bool twice = softmax() && config_.bias;  // there each part is projected by itself
    return zero_padding(twice ? y + out_->bias : y, valid);
  }

  State first_state(std::int64_t b) const override {
    if (softmax()) return SequenceMixer::first_state(b);
    const auto options = out_->weight.options().requires_grad(false);
    const auto e = d_ / heads_;
    State state;
    for (const char* name : {"last_o", "last_key", "last_query"}) state[name] = at::zeros({b, 1, d_}, options);
    if (config_.base == "aft") {
      for (const char* name : {"sums", "weights", "errors"}) state[name] = at::zeros({b, 1, d_}, options);
    } else {
      for (const char* name : {"s", "errors"}) state[name] = at::zeros({b, heads_, e, e}, options);
      if (config_.base == "gla") state["log_decay"] = at::zeros({b, 1, heads_}, options);
    }
    return state;
  }

 private:
  bool softmax() const { return config_.base == "softmax"; }
  Tensor split(const Tensor& x) const { return split_heads(x, heads_); }

  /// Sum over time, continued from state[name] [b, 1, d].
  static Tensor sums(const Tensor& x, State* state, const std::string& name) {
    auto total = x.cumsum(1);
    if (state) {
      total = total + state->at(name);
      state->at(name) = total.narrow(1, total.size(1) - 1, 1).clone();
    }
    return total;
  }

  /// Base aft: per channel an average of x with weights e^k, times sigma(q), which becomes the query.
  Tensor read_averages(const Tensor& x, Tensor& q, const Tensor& valid, State* state) {
    q = at::sigmoid(q);
    constexpr double kMost = 60;  // a weight of e^60 beside others is the average; sums of e^88 leave float
    const auto weight = zero_padding(at::exp(key_->forward(x).clamp_max(kMost)), valid);
    const auto total = sums(weight * x, state, "sums");
    return q * total / (sums(weight, state, "weights") + 1e-6);
  }

  /// Bases linear and gla.
  Tensor read_linear(const Tensor& x, const Tensor& q, const Tensor& valid, State* state) {
    auto k = split(zero_padding(key_->forward(x), valid));
    const bool gla = config_.base == "gla";
    const auto v = split(gla ? x : value_->forward(x));
    const auto g = gla ? log_decay(x, valid, state) : Tensor();
    if (weigh_) k = k * at::silu(weigh_->forward(k));
    const auto r = ops::gated_linear_attention(split(q), k, v, g, {}, state ? state->at("s") : Tensor());
    if (state) state->at("s") = r.final_state;
    return merge_heads(r.o);
  }

  /// log of sigma(w . x) per head and step. The reference takes quotients of the floored products of all of them.
  Tensor log_decay(const Tensor& x, const Tensor& valid, State* state) {
    const auto gate = at::sigmoid(forget_->forward(split(x))).squeeze(-1).clamp_min(1e-6);  // [b, t, h]
    const auto g = zero_padding(at::log(gate), valid);
    if (!config_.compat) return g;
    const auto before = state ? state->at("log_decay") : at::zeros({x.size(0), 1, heads_}, x.options());
    const auto sum = before + g.cumsum(1);
    if (state) state->at("log_decay") = sum.narrow(1, sum.size(1) - 1, 1).clone();
    const auto floored = [](const Tensor& s) { return at::log(at::exp(s.clamp(-30, 30)) + 1e-6); };
    return floored(sum) - floored(at::cat({before, sum.narrow(1, 0, sum.size(1) - 1)}, 1));
  }

  /// ma_t = sum over s <= t of (query . key_s) error_s with error_s = x_s - o_{s-1}: keys come from the step before,
  /// and so do queries, but those of softmax.
  Tensor read_errors(const Tensor& x, const Tensor& q, const Tensor& o, const Tensor& valid, const Lengths& lengths,
                     State* state) {
    const auto keys = error_key_->forward(x);
    const auto weights = softmax() ? merge_heads(key_weight(split(keys))) : key_weight(keys);
    const auto queries = merge_heads(query_weight(split(q)));
    const auto past_key = zero_padding(shift_steps(weights, lengths, state, "last_key"), valid);
    const auto query = softmax() ? queries : shift_steps(queries, lengths, state, "last_query");
    const auto error = x - shift_steps(o, lengths, state, "last_o");
    if (config_.base == "aft") return query * sums(past_key * error, state, "errors");
    const auto r = ops::gated_linear_attention(split(query), split(past_key), split(error), {}, {},
                                               state ? state->at("errors") : Tensor());
    if (state) state->at("errors") = r.final_state;
    return merge_heads(r.o);
  }

  std::int64_t d_, heads_ = 1;
  Config config_;
  Linear query_key_{nullptr}, query_{nullptr}, key_{nullptr}, value_{nullptr}, error_key_{nullptr}, forget_{nullptr},
      weigh_{nullptr}, out_{nullptr};
};

MixerReference reference() {
  return {.system_ids = {"wave"}, .configure = [](const Json& config, MixerSizes& sizes, Json& settings) {
            sizes.d = config.at("D");
            settings["heads"] = config.at("H");
            settings["compat"] = true;
            settings["bias"] = fixture_has_weight(config, "c_proj.bias");
            // The configuration names neither the base nor always the decay: the weights tell.
            const auto has = [&](const char* name) { return fixture_has_weight(config, name); };
            settings["base"] = has("c_attn.weight") ? "softmax"
                               : has("v1.weight")   ? "linear"
                               : has("gw.weight")   ? "gla"
                                                    : "aft";
            settings["decay"] = has("sw.weight");
          }};
}

const RegisterMixer<Wave> registered(
    {"wave",
     "WAVE",
     "linear attention",
     "a base attention plus a linear read of its errors one step ahead",
     "Lu et al. 2024, WAVE: Weighted Autoregressive Varying Gate for Time Series Forecasting, arXiv:2410.03159",
     reference(),
     {{"gla", {{"base", "gla"}, {"heads", 3}, {"decay", true}}, 12},
      {"gla as the reference", {{"base", "gla"}, {"heads", 2}, {"compat", true}}},
      {"aft", {{"base", "aft"}}, 7},
      {"softmax", {{"base", "softmax"}, {"heads", 2}}},
      {"no biases", {{"base", "softmax"}, {"heads", 2}, {"bias", false}}}}});

}  // namespace
}  // namespace longwave
