// Free Energy Mixer (Lu et al. 2025): for every value channel the mean of the values under a prior over steps, and
// their free energy (1 / beta) log mean exp(beta v), mixed by learnt gates. The prior is any attention: softmax,
// linear, gated linear, an average with exponential weights (aft), or the weights of a selective state space (mamba).

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <limits>
#include <optional>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/average_prior.h"
#include "longwave/nn/mixed_rotary.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/nn/time_decay.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/linear_scan.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

constexpr auto kPairs = ops::RotaryPairs::interleaved;
constexpr double kLargestCap = 60;  // its exponential, times a million steps and weights, is a float

/// The multiple of `unit` nearest to x, at least one.
std::int64_t nearest_multiple(double x, std::int64_t unit) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(x / static_cast<double>(unit) + 0.5))) * unit;
}

class FreeEnergyMixer final : public SequenceMixer {
 public:
  struct Config {
    std::string prior_type = "linear";
    std::int64_t heads = 0, fem_dim = 0, qk_dim = 0;
    double fem_ratio = 0.5, p_t_to_fem_ratio = 4, beta_max_init = 1.8, value_logexp_cap = 40, eps = 1e-6;
    bool causal = true, use_temperature = true, use_lse = true, use_outer_gate = true, use_rope = true, use_conv = true;
    double rope_theta = 10000;
    std::int64_t conv_hidden = 64, ssm_rank = 16;
    bool conv_norm_first = true, conv_bidirectional = false, mamba_normalize = true, bias = true, compat = false;
    static const FieldTable<Config>& fields();
  };

  FreeEnergyMixer(const MixerSizes& sizes, const Config& config) : d_(sizes.d), config_(config) {
    heads_ = config.heads ? config.heads : heads_for(d_, 64);
    const bool fixed = prior("gla") || prior("rnn_softmax") || averages();
    check(config.causal || !fixed, "fem: causal is false; expected true with prior_type ", config.prior_type);
    width_ = config.fem_dim ? config.fem_dim : nearest_multiple(std::round(config.fem_ratio * d_), 4 * heads_);
    const double pair = 0.5 * config.p_t_to_fem_ratio * static_cast<double>(width_);
    keys_ = config.qk_dim ? config.qk_dim : nearest_multiple(std::round(pair), 2 * heads_);
    check(width_ % heads_ == 0 && keys_ % (2 * heads_) == 0, "fem: heads is ", heads_,
          "; expected a divisor of fem_dim = ", width_, " and of half of qk_dim = ", keys_);
    if (prior("rnn_softmax") && (width_ / heads_) % (keys_ / heads_) != 0) keys_ = width_;
    if (averages()) keys_ = 0;
    const auto linear = [&](const char* name, std::int64_t in, std::int64_t out) {
      return register_module(name, Linear(torch::nn::LinearOptions(in, out).bias(config.bias)));
    };
    value_ = linear("W_v", d_, width_);
    out_ = linear("W_o", width_, d_);
    if (!averages()) query_ = linear("W_q", d_, keys_), key_ = linear("W_k", d_, keys_);
    if (prior("gla")) decay_ = linear("W_decay", d_, heads_);
    if (prior("mamba"))
      selective_.emplace(*this, d_, width_, config.ssm_rank, config.bias, config.mamba_normalize, config.eps);
    if (prior("ema")) fading_.emplace(*this, d_, heads_, config.bias, config.eps);
    if (free_energy()) lambda_ = linear("W_lambda", d_, width_);
    if (config.use_outer_gate) gate_ = linear("W_gate", d_, width_);
    beta_ = register_parameter("_beta_param", at::full({width_}, config.beta_max_init));
    if (config.use_conv) {
      const auto extra = (lambda_ ? width_ : 0) + (gate_ ? width_ : 0) + (decay_ ? heads_ : 0);
      const auto conditioning = register_module("tdc", std::make_shared<torch::nn::Module>());
      const TimeDecayOptions options{.hidden = config.conv_hidden / (config.conv_bidirectional ? 2 : 1),
                                     .out = width_ + 2 * keys_ + extra,
                                     .norm_first = config.conv_norm_first,
                                     .bias = config.bias,
                                     .compat = config.compat};
      for (const auto* name : {"fwd", "bwd"})
        if (conditioning_.empty() || config.conv_bidirectional)
          conditioning_.push_back(conditioning->register_module(name, std::make_shared<TimeDecay>(d_, options)));
    }
    start_linear_maps();
  }

  MixerProperties properties() const override {
    MixerProperties p;
    p.causal = config_.causal;
    p.streams = config_.causal && !prior("softmax") && !leaks();
    if (prior("softmax")) p.cost = Cost::quadratic, p.reason = "softmax attends to all earlier steps";
    if (leaks()) p.causal = false, p.reason = "the reference floors weights relative to the largest key of all steps";
    if (!config_.causal) p.reason = "every step reads the whole sequence";
    return p;
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("fem", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    auto v = value_->forward(x);
    auto q = query_ ? query_->forward(x) : Tensor(), k = key_ ? key_->forward(x) : Tensor();
    auto lambda = lambda_ ? lambda_->forward(x) : Tensor(), gate = gate_ ? gate_->forward(x) : Tensor();
    if (kept_.defined()) v = v * kept_;
    if (kept_.defined() && k.defined()) k = k * kept_;
    condition(x, valid, state, {&v, &q, &k, &lambda, &gate});
    const auto heads_of = [&](const Tensor& y) { return y.defined() ? split_heads(y, heads_) : y; };
    if (averages()) v = at::sigmoid(v);
    const auto o = read({x, heads_of(q), heads_of(k), valid, lengths}, heads_of(v), lambda, state);
    if (state && state->count("position"))
      state->at("position") =
          state->at("position") + (lengths.defined() ? lengths : at::full({}, x.size(1), at::kLong));
    return zero_padding(out_->forward(gate_ ? merge_heads(outer_gate(gate)) * o : o), valid);
  }

  State first_state(std::int64_t b) const override {
    if (!properties().streams) return SequenceMixer::first_state(b);
    const auto options = out_->weight.options().requires_grad(false);
    const auto e = width_ / heads_, values = kinds() * e;
    State state;
    for (std::size_t i = 0; i < conditioning_.size(); ++i)
      conditioning_[i]->add_initial_state(b, state, conditioning_name(i));
    if (config_.use_rope && !averages()) state["position"] = at::zeros({b}, at::kLong);
    if (selective_) {
      selective_->add_initial_state(b, kinds(), state);
    } else if (fading_) {
      fading_->add_initial_state(b, kinds() * e, state);
    } else if (prior("rnn_softmax")) {
      state["largest"] = at::full({b, 1, keys_}, -1e30, options);
      state["averages"] = at::zeros({b, heads_ * 2 * values}, options);
      state["plain"] = at::zeros({b, 1, heads_ * values}, options);
      state["steps"] = at::zeros({b}, at::kLong);
    } else {
      state["s"] = at::zeros({b, heads_, keys_ / heads_, values + 1}, options);
      if (prior("gla") && config_.compat) state["log_decay"] = at::zeros({b, 1, heads_}, options);
    }
    return state;
  }

  /// The reference's mask [b, t], for its fixtures alone: values and keys, which stay among those that are read, are
  /// multiplied by it. Lengths leave padding out.
  void keep(const Tensor& mask) { kept_ = mask.to(out_->weight.scalar_type()).unsqueeze(-1); }

 private:
  bool prior(const char* name) const { return config_.prior_type == name; }
  bool free_energy() const { return config_.use_temperature || config_.use_lse; }
  bool leaks() const { return prior("rnn_softmax") && config_.compat; }

  /// Priors that average the values without queries and keys.
  bool averages() const { return prior("mamba") || prior("ema"); }
  /// Of values: themselves, and their exponentials. The reference's `ema` reads the mean alone.
  std::int64_t kinds() const { return free_energy() && !(prior("ema") && config_.compat) ? 2 : 1; }

  void start_linear_maps() {
    const at::NoGradGuard no_grad;
    for (const auto& module : modules(false))
      if (auto* map = module->as<Linear>()) {
        map->weight.normal_(0, 0.02);
        if (map->bias.defined()) map->bias.zero_();
      }
  }

  static std::string conditioning_name(std::size_t i) { return i == 0 ? "tdc" : "tdc_second"; }

  /// Multiplies each part by 1 + its share of the conditioning, in order; parts that do not exist have none.
  void condition(const Tensor& x, const Tensor& valid, State* state, const std::vector<Tensor*>& parts) {
    if (conditioning_.empty()) return;
    Tensor scales;
    for (std::size_t i = 0; i < conditioning_.size(); ++i) {
      const auto more = conditioning_[i]->forward(x, valid, state, conditioning_name(i));
      scales = i == 0 ? more : scales + more;
    }
    std::int64_t at = 0;
    for (auto* part : parts) {
      if (!part->defined()) continue;
      *part = at::addcmul(*part, *part, scales.narrow(-1, at, part->size(-1)));
      at += part->size(-1);
    }
  }

  Tensor outer_gate(const Tensor& logits) const {
    const auto g = split_heads(at::softplus(logits) + config_.eps, heads_);
    return g / at::sqrt((g * g).sum(-1, true)).clamp_min(1e-5) * std::sqrt(static_cast<double>(g.size(-1)));
  }

  /// What a prior sees: the input [b, t, d], queries and keys [b, t, h, e] or undefined, and which steps are real.
  struct Seen {
    Tensor x, q, k, valid, lengths;
  };

  /// Reads values and exponentials of values under the prior and combines them, [b, t, width].
  Tensor read(Seen seen, const Tensor& v_any, const Tensor& lambda, State* state) {
    if (config_.use_rope && seen.q.defined()) turn(seen, state);
    const auto e = width_ / heads_;
    auto v = v_any;
    auto beta = at::ones({heads_, e}, v.options());
    if (config_.use_temperature) {
      beta = (at::softplus(beta_) + config_.eps).reshape({heads_, e});
      const auto limit = config_.value_logexp_cap / beta;
      v = at::clamp(v, -limit, limit);
    }
    if (kinds() == 1) return merge_heads(under_prior(seen, v, state));
    // Within the cap no exponential leaves the range of float, and none needs a shift.
    const auto exponent = config_.use_temperature ? beta * v : v.clamp(-kLargestCap, kLargestCap);
    const auto both = under_prior(seen, at::cat({v, at::exp(exponent)}, -1), state).split(e, -1);
    const double tiny = std::numeric_limits<float>::min();
    const auto energy = at::log(both[1].clamp_min(0) + tiny) / beta;
    return at::lerp(merge_heads(both[0]), merge_heads(energy), at::sigmoid(lambda));
  }

  /// Rotary positions.
  void turn(Seen& seen, const State* state) const {
    const auto e = seen.q.size(-1);
    const auto first = state ? state->at("position") : Tensor();
    if (config_.compat) {
      const auto places = at::arange(seen.q.size(1), at::kLong).unsqueeze(0);
      const MixedRotary mixed(state ? places + first.unsqueeze(1) : places, e, config_.rope_theta, kPairs);
      seen.q = mixed(seen.q), seen.k = mixed(seen.k);
      return;
    }
    for (auto* x : {&seen.q, &seen.k}) *x = ops::rotary(*x, ops::rotary_ratio(e, config_.rope_theta), kPairs, first);
  }

  Tensor under_prior(const Seen& seen, const Tensor& v, State* state) {
    if (selective_) return selective_->average(seen.x, v, kinds(), seen.lengths, state);
    if (fading_) return fading_->average(seen.x, v, seen.valid, state);
    if (prior("softmax")) return softmax_read(seen.q, seen.k, v, seen.valid);
    if (prior("rnn_softmax")) return average_read(seen.q, seen.k, v, seen.valid, state);
    return linear_read(seen.x, at::relu(seen.q) + config_.eps, at::relu(seen.k) + config_.eps, v, seen.valid, state);
  }

  Tensor softmax_read(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& valid) const {
    ops::SoftmaxAttentionOptions options{.causal = config_.causal};
    if (valid.defined()) options.key_mask = valid.squeeze(-1);
    return std::get<0>(ops::softmax_attention(q, k, v, options));
  }

  Tensor linear_read(const Tensor& x, const Tensor& q, const Tensor& k_any, const Tensor& v_any, const Tensor& valid,
                     State* state) {
    const auto k = valid.defined() ? at::where(valid.unsqueeze(-1), k_any, at::zeros({}, k_any.options())) : k_any;
    const auto v = at::cat({v_any, at::ones({1, 1, 1, 1}, x.options()).expand({x.size(0), x.size(1), heads_, 1})}, -1);
    Tensor o;
    if (config_.causal) {
      const auto g = prior("gla") ? log_decay(x, valid, state) : Tensor();
      const auto r = ops::gated_linear_attention(q, k, v, g, {}, state ? state->at("s") : Tensor());
      if (state) state->at("s") = r.final_state;
      o = r.o;
    } else {
      const auto sums = at::matmul(k.permute({0, 2, 3, 1}), v.transpose(1, 2));
      o = at::matmul(q.transpose(1, 2), sums).transpose(1, 2);
    }
    const auto weight = o.narrow(-1, v_any.size(-1), 1);
    return o.narrow(-1, 0, v_any.size(-1)) / (prior("gla") ? weight + 1e-5 : weight.clamp_min(config_.eps));
  }

  Tensor log_decay(const Tensor& x, const Tensor& valid, State* state) {
    const auto g = zero_padding(-(at::relu(decay_->forward(x)) + config_.eps), valid);  // [b, t, h]
    if (!config_.compat) return g;
    const auto before = state ? state->at("log_decay") : at::zeros({x.size(0), 1, heads_}, x.options());
    const auto sum = before + g.cumsum(1);
    if (state) state->at("log_decay") = sum.narrow(1, sum.size(1) - 1, 1).clone();
    return sum.clamp_min(-60) - at::cat({before, sum.narrow(1, 0, sum.size(1) - 1)}, 1).clamp_min(-60);
  }

  /// Per channel an average of v with weights exp(k - largest k) + eps, times normalised positive queries. Each head's
  /// keys serve its values in turn. The largest key is the one so far, or with `compat` that of the whole sequence.
  Tensor average_read(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& valid, State* state) {
    const auto b = k.size(0), t = k.size(1), repeats = v.size(-1) / k.size(-1);
    const auto positive = at::softplus(q) + config_.eps;
    const auto unit = positive / at::sqrt((positive * positive).sum(-1, true)).clamp_min(1e-5) *
                      std::sqrt(static_cast<double>(q.size(-1)));
    const auto flat = k.flatten(2);
    auto known = flat;
    if (valid.defined()) known = at::where(valid, known, at::full({}, -1e30, k.options()));
    const auto per_value = [&](const Tensor& x) {  // [b, t, keys] for every value, [b, t, h, values]
      return split_heads(x, heads_).repeat({1, 1, 1, repeats});
    };
    const auto values = valid.defined() ? at::where(valid.unsqueeze(-1), v, at::zeros({}, v.options())) : v;
    const auto ratio = [&](const Tensor& sum, const Tensor& weight) {
      return unit.repeat({1, 1, 1, repeats}) * sum / weight.clamp_min(config_.eps);
    };
    if (config_.compat) {
      const auto weight = zero_padding(at::exp(zero_padding(flat - known.amax(1, true), valid)) + config_.eps, valid);
      return ratio((per_value(weight) * values).cumsum(1), per_value(weight.cumsum(1)));
    }
    const auto before = state ? state->at("largest") : at::full({b, 1, keys_}, -1e30, k.options());
    const auto largest = std::get<0>(at::cat({before, known}, 1).cummax(1));
    const auto now = largest.narrow(1, 1, t), keep = per_value(at::exp(largest.narrow(1, 0, t) - now));
    const auto weight = per_value(zero_padding(at::exp(zero_padding(flat - now, valid)), valid));
    const auto scanned =
        ops::linear_scan(at::cat({keep, keep}, -1).flatten(2), at::cat({weight * values, weight}, -1).flatten(2),
                         state ? state->at("averages") : Tensor());
    auto plain = values.flatten(2).cumsum(1);
    auto count = at::arange(1, t + 1, at::kLong).reshape({1, t, 1, 1});
    if (state) {
      plain = plain + state->at("plain");
      count = count + state->at("steps").reshape({b, 1, 1, 1});
      state->at("largest") = now.narrow(1, t - 1, 1).clone();
      state->at("averages") = scanned.select(1, -1).clone();
      state->at("plain") = plain.narrow(1, t - 1, 1).clone();
      const auto real = valid.defined() ? valid.sum({1, 2}) : at::full({}, t, at::kLong);
      state->at("steps") = state->at("steps") + real;
    }
    const auto parts = split_heads(scanned, heads_).chunk(2, -1);
    return ratio(parts[0] + config_.eps * split_heads(plain, heads_),
                 parts[1] + config_.eps * count.to(v.scalar_type()));
  }

  std::int64_t d_, heads_ = 1, width_ = 0, keys_ = 0;
  Config config_;
  Linear value_{nullptr}, out_{nullptr}, query_{nullptr}, key_{nullptr}, decay_{nullptr}, lambda_{nullptr},
      gate_{nullptr};
  Tensor beta_, kept_;
  std::vector<std::shared_ptr<TimeDecay>> conditioning_;
  std::optional<SelectivePrior> selective_;
  std::optional<FadingPrior> fading_;
};

const FieldTable<FreeEnergyMixer::Config>& FreeEnergyMixer::Config::fields() {
  const auto natural = at_least<std::int64_t>(0);
  static const auto table =
      FieldTable<Config>()
          .add("prior_type", &Config::prior_type, "the attention that gives the weights of the steps",
               one_of({"softmax", "linear", "gla", "rnn_softmax", "mamba", "ema"}))
          .add("heads", &Config::heads, "heads; 0: one for every 64 channels", natural)
          .add("fem_dim", &Config::fem_dim, "width of the values; 0: from fem_ratio", natural)
          .add("qk_dim", &Config::qk_dim, "width of the queries; 0: from p_t_to_fem_ratio", natural)
          .add("fem_ratio", &Config::fem_ratio, "width of the values over that of x", positive())
          .add("p_t_to_fem_ratio", &Config::p_t_to_fem_ratio, "widths of queries and keys over that of the values",
               positive())
          .add("beta_max_init", &Config::beta_max_init, "initial inverse temperature, before softplus")
          .add("value_logexp_cap", &Config::value_logexp_cap, "of values, over beta", between(1e-3, kLargestCap))
          .add("eps", &Config::eps, "added to positive features", at_least(0.0))
          .add("causal", &Config::causal, "a step sees itself and the past; otherwise the whole sequence")
          .add("use_temperature", &Config::use_temperature, "a learnt inverse temperature per channel")
          .add("use_lse", &Config::use_lse, "the free energy at temperature 1 where none is learnt")
          .add("use_outer_gate", &Config::use_outer_gate, "a positive gate on the output")
          .add("use_rope", &Config::use_rope, "rotary positions on queries and keys")
          .add("use_conv", &Config::use_conv, "time-decay conditioning of all projections")
          .add("rope_theta", &Config::rope_theta, "base of the rotary frequencies", positive())
          .add("conv_hidden", &Config::conv_hidden, "width of the conditioning", at_least<std::int64_t>(2))
          .add("conv_norm_first", &Config::conv_norm_first, "the conditioning sees the layer-normed input")
          .add("conv_bidirectional", &Config::conv_bidirectional,
               "two conditionings of half the width, which as in the reference both run forward")
          .add("ssm_rank", &Config::ssm_rank, "prior mamba: states of a channel", at_least<std::int64_t>(1))
          .add("mamba_normalize", &Config::mamba_normalize, "prior mamba: weights are divided by their sum")
          .add("bias", &Config::bias, "biases of all linear maps and norms")
          .add("compat", &Config::compat,
               "the reference's floors and clips of cumulative sums, which cut memories after some tens of steps, and "
               "its positions, which are no rotation");
  return table;
}

MixerReference reference() {
  return {.system_ids = {"fem"},
          .configure =
              [](const Json& config, MixerSizes& sizes, Json& settings) {
                sizes.d = config.at("D");
                settings["heads"] = config.at("H");
                settings["compat"] = true;
                // There, some priors stay causal whatever is asked.
                const auto prior = config.value("prior_type", std::string("linear"));
                if (prior != "softmax" && prior != "linear") settings.erase("causal");
                // The reference falls back to fading averages where mamba is not installed.
                if (fixture_has_weight(config, "W_delta.weight")) settings["prior_type"] = "ema";
                if (config.contains("E")) settings["fem_dim"] = config.at("E");
                if (config.contains("d_k"))
                  settings["qk_dim"] = config.at("d_k").get<std::int64_t>() * config.at("H").get<std::int64_t>();
              },
          .prepare =
              [](SequenceMixer& mixer, const TensorMap& in) {
                if (in.count("attention_mask")) dynamic_cast<FreeEnergyMixer&>(mixer).keep(in.at("attention_mask"));
              }};
}

const RegisterMixer<FreeEnergyMixer> registered(
    {"fem",
     "Free Energy Mixer",
     "linear attention",
     "mean and free energy of the values of each channel under an attention prior",
     "Lu et al. 2025, Free Energy Mixer",
     reference(),
     {{"gla", {{"prior_type", "gla"}, {"heads", 2}, {"conv_hidden", 5}}, 12},
      {"gla as the reference", {{"prior_type", "gla"}, {"compat", true}, {"conv_hidden", 5}}, 12},
      {"aft", {{"prior_type", "rnn_softmax"}, {"heads", 2}, {"conv_hidden", 3}}, 12},
      {"aft as the reference", {{"prior_type", "rnn_softmax"}, {"compat", true}, {"use_conv", false}}, 12},
      {"mamba", {{"prior_type", "mamba"}, {"heads", 2}, {"ssm_rank", 3}, {"conv_hidden", 4}}, 12},
      {"mamba, weights as they are",
       {{"prior_type", "mamba"}, {"ssm_rank", 2}, {"mamba_normalize", false}, {"bias", false}, {"use_conv", false}},
       8},
      {"ema", {{"prior_type", "ema"}, {"heads", 2}, {"conv_hidden", 4}, {"conv_bidirectional", true}}, 12},
      {"ema as the reference", {{"prior_type", "ema"}, {"compat", true}, {"conv_norm_first", false}}, 8},
      {"softmax", {{"prior_type", "softmax"}, {"heads", 2}, {"use_temperature", false}, {"conv_hidden", 4}}},
      {"mean alone", {{"use_temperature", false}, {"use_lse", false}, {"use_outer_gate", false}, {"use_conv", false}}},
      {"bidirectional", {{"causal", false}, {"use_conv", false}, {"use_rope", false}}},
      {"bidirectional softmax", {{"prior_type", "softmax"}, {"causal", false}, {"use_conv", false}}}}});

}  // namespace
}  // namespace longwave
