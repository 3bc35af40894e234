// RetNet (Sun et al. 2023): linear attention with a fixed decay per head, gamma_h = 1 - 2^(-5-h), on rotated queries
// and keys; a norm per head takes the place of the normaliser.

#include <ATen/ATen.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/sequence_parts.h"
#include "longwave/ops/gated_linear_attention.h"
#include "longwave/ops/rms_norm.h"
#include "longwave/ops/rotary.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

class RetNet final : public SequenceMixer {
 public:
  struct Config {
    std::int64_t heads = 0;
    std::int64_t value_factor = 2;
    std::string norm = "rms";
    double eps = 1e-6;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("heads", &Config::heads, "heads; 0: with keys of 64 numbers each", at_least<std::int64_t>(0))
              .add("value_factor", &Config::value_factor, "width of the values over that of x",
                   at_least<std::int64_t>(1))
              .add("norm", &Config::norm, "norm of each head's output, without weights", one_of({"rms", "group"}))
              .add("eps", &Config::eps, "of the norm", at_least(0.0));
      return table;
    }
  };

  RetNet(const MixerSizes& sizes, const Config& config) : d_(sizes.d), dv_(d_ * config.value_factor), config_(config) {
    heads_ = config.heads ? config.heads : heads_for(d_, 64);
    check(d_ % (2 * heads_) == 0, "retnet: heads is ", heads_, "; expected a divisor of d / 2 for d = ", d_,
          " (pairs of channels are rotated)");
    log_decay_ = at::log1p(-at::exp2(-5 - at::arange(heads_, at::kDouble)));
    const auto linear = [&](const char* name, std::int64_t in, std::int64_t out, double gain) {
      auto module = register_module(name, Linear(torch::nn::LinearOptions(in, out).bias(false)));
      torch::nn::init::xavier_uniform_(module->weight, gain);
      return module;
    };
    const double gain = std::exp2(-2.5);
    query_ = linear("q_proj", d_, d_, gain);
    key_ = linear("k_proj", d_, d_, gain);
    value_ = linear("v_proj", d_, dv_, gain);
    gate_ = linear("g_proj", d_, dv_, gain);
    out_ = linear("out_proj", dv_, d_, 0.5);
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("retnet", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto q = turned(split_heads(query_->forward(x), heads_), state);
    const auto k = turned(split_heads(key_->forward(x), heads_), state);
    const auto r = ops::gated_linear_attention(q, k, split_heads(value_->forward(x), heads_), decay(x, valid), {},
                                               state ? state->at("s") : Tensor(), 1 / std::sqrt(double(d_ / heads_)));
    if (state) {
      state->at("s") = r.final_state;
      state->at("position") =
          state->at("position") + (lengths.defined() ? lengths : at::full({}, x.size(1), at::kLong));
    }
    return zero_padding(out_->forward(at::silu(gate_->forward(x)) * merge_heads(normalised(r.o))), valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"s", at::zeros({b, heads_, d_ / heads_, dv_ / heads_}, out_->weight.options().requires_grad(false))},
            {"position", at::zeros({b}, at::kLong)}};
  }

 private:
  Tensor decay(const Tensor& x, const Tensor& valid) const {
    const auto g = log_decay_.to(x.options()).expand({x.size(0), x.size(1), heads_});
    return zero_padding(g, valid);  // padded steps keep the state as it is
  }

  /// Pairs of neighbours by position times 10000^-linspace(0, 1, pairs).
  Tensor turned(const Tensor& x, const State* state) const {
    const auto last_pair = std::max<std::int64_t>(1, x.size(-1) / 2 - 1);
    return ops::rotary(x, std::pow(10000.0, -1.0 / static_cast<double>(last_pair)), ops::RotaryPairs::interleaved,
                       state ? state->at("position") : Tensor());
  }

  Tensor normalised(const Tensor& o) const {
    const auto width = o.size(-1);
    if (config_.norm == "group") return at::layer_norm(o, {width}, {}, {}, config_.eps);
    return ops::rms_norm(o, at::ones({width}, o.options()), config_.eps);
  }

  std::int64_t d_, dv_, heads_ = 1;
  Config config_;
  Tensor log_decay_;  // of each head, in double
  Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, gate_{nullptr}, out_{nullptr};
};

MixerReference reference() {
  return {.system_ids = {"retnet"},
          .configure =
              [](const Json& config, MixerSizes& sizes, Json& settings) {
                sizes.d = config.contains("d_model") ? config.at("d_model") : config.at("D");
                if (config.contains("H")) settings["heads"] = config.at("H");
              },
          .final_state =
              [](const State& state) {
                return TensorMap{{"final_state", state.at("s")}};
              },
          .initial_state = initial_state_as("s")};
}

const RegisterMixer<RetNet> registered({"retnet",
                                        "RetNet",
                                        "linear attention",
                                        "linear attention with a fixed decay per head",
                                        "Sun et al. 2023, Retentive Network, arXiv:2307.08621",
                                        reference(),
                                        {{"heads", {{"heads", 3}, {"value_factor", 1}}, 12},
                                         {"group norm", {{"heads", 2}, {"norm", "group"}}}}});

}  // namespace
}  // namespace longwave
