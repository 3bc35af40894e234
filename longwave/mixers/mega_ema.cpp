// The damped multi-dimensional moving average of Mega (Ma et al. 2023): n averages of every channel,
//   p = sigma(delta),  q = 1 - p sigma(alpha),  h[t] = q h[t-1] + p beta x[t],  o[t] = sum_n gamma h[t] / sqrt(n)
//   y = SiLU(o + omega x)
// Bidirectional: a second set of averages from the end is added, in which the present step counts again. Truncated to K
// steps: h[t] - q^K h[t-K], that is, the same averages of x delayed by K steps are taken away.

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/derived_cache.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/ops/diagonal_ssm.h"
#include "longwave/ops/short_convolution.h"

namespace longwave {
namespace {

using at::Tensor;

class MegaEma final : public SequenceMixer, public HasStateParameters {
 public:
  struct Config {
    std::int64_t ndim = 16, truncation = 0;
    bool bidirectional = false;
    static const FieldTable<Config>& fields() {
      static const auto table = FieldTable<Config>()
                                    .add("ndim", &Config::ndim, "averages of a channel", at_least<std::int64_t>(1))
                                    .add("truncation", &Config::truncation, "steps that an average looks back; 0: all",
                                         at_least<std::int64_t>(0))
                                    .add("bidirectional", &Config::bidirectional, "also average from the end");
      return table;
    }
  };

  MegaEma(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d) {
    const auto n = config.ndim, kernels = config.bidirectional ? 2 * d_ : d_;
    const auto sign = 1 - 2 * at::arange(n, at::kFloat).remainder(2).unsqueeze(1);
    delta_ = register_parameter("delta", 0.2 * at::randn({kernels, n, 1}));
    alpha_ = register_parameter("alpha", 0.2 * at::randn({kernels, n, 1}));
    beta_ = register_parameter("beta", 0.02 * at::randn({kernels, n, 1}) + sign);
    gamma_ = register_parameter("gamma", at::randn({kernels, n}));
    omega_ = register_parameter("omega", at::randn({d_}));
  }

  std::vector<std::string> state_parameters() const override { return {"delta", "alpha", "beta"}; }

  MixerProperties properties() const override {
    if (!config_.bidirectional) return {};
    return {.causal = false, .streams = false, .cost = Cost::linear, .reason = "it averages from both ends"};
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("mega_ema", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto kept = cache_.get(*this, {delta_, alpha_, beta_, gamma_}, [this] { return coefficients(); });
    const ops::DiagonalSsmCoefficients all{kept[0], kept[1], kept[2]};
    if (trace) note_kernel(all, x.size(1));
    const auto averaged = kept_.defined() ? x * kept_ : x;
    auto o = average(averaged, slice(all, 0), false, lengths, state);
    if (config_.bidirectional) o = o + average(averaged, slice(all, d_), true, lengths, nullptr);
    return zero_padding(at::silu(o + omega_ * x), valid);
  }

  /// The reference's mask of padding, bool [b, t]: averages do not see such steps, whose outputs count all the same.
  void hide(const Tensor& padding) { kept_ = padding.logical_not().to(omega_.scalar_type()).unsqueeze(-1); }

  State first_state(std::int64_t b) const override {
    if (config_.bidirectional) return SequenceMixer::first_state(b);
    const auto zeros = [&](at::IntArrayRef shape) { return at::zeros(shape, omega_.options().requires_grad(false)); };
    State state{{"h", zeros({b, d_, config_.ndim})}};
    if (config_.truncation) {
      state["h_delayed"] = zeros({b, d_, config_.ndim});
      state["x"] = zeros({b, config_.truncation, d_});  // the last inputs, the oldest first
    }
    return state;
  }

 private:
  /// Of both directions: what stays of an average, what a step adds to it, what it counts in the output.
  std::vector<Tensor> coefficients() const {
    const auto p = at::sigmoid(delta_.squeeze(-1)), q = 1 - p * at::sigmoid(alpha_.squeeze(-1));
    return {ops::in_reading_order(q), ops::in_reading_order(p * beta_.squeeze(-1)),
            ops::in_reading_order(gamma_ / std::sqrt(double(config_.ndim)))};
  }

  /// Coefficients of one direction, with the plane that the operator wants.
  ops::DiagonalSsmCoefficients slice(const ops::DiagonalSsmCoefficients& all, std::int64_t first) const {
    const auto part = [&](const Tensor& v) { return v.narrow(0, first, d_).unsqueeze(0); };
    return {part(all.a), part(all.b), part(all.c)};
  }

  Tensor average(const Tensor& x, ops::DiagonalSsmCoefficients k, bool reverse, const Lengths& lengths,
                 State* state) const {
    const auto run = [&](const Tensor& input, const char* name) {
      const auto before = state ? state->at(name).unsqueeze(1) : Tensor();
      const auto [y, last] =
          ops::diagonal_ssm(input, k, {.liquid = false, .reverse = reverse, .state = before, .lengths = lengths});
      if (state) state->at(name) = last.squeeze(1);
      return y;
    };
    const auto y = run(x, "h");
    if (!config_.truncation || (!state && config_.truncation >= x.size(1))) return y;
    const auto delayed = delay(x, reverse, state ? state->at("x") : Tensor());
    if (state) state->at("x") = ops::short_convolution_state(x, state->at("x"), lengths);
    k.c = k.c * k.a.pow(config_.truncation);
    return y - run(delayed, "h_delayed");
  }

  /// x that comes `truncation` steps later (with reverse: earlier). `before` are the inputs before the first.
  Tensor delay(const Tensor& x, bool reverse, const Tensor& before) const {
    const auto none = at::zeros({x.size(0), config_.truncation, d_}, x.options());
    if (reverse) return at::cat({x, none}, 1).slice(1, config_.truncation);
    return at::cat({before.defined() ? before : none, x}, 1).slice(1, 0, x.size(1));
  }

  /// The convolution kernel that the averages amount to.
  void note_kernel(const ops::DiagonalSsmCoefficients& k, std::int64_t t) const {
    const auto taps = config_.truncation ? std::min(t, config_.truncation) : t;
    const auto powers = (k.a.log().unsqueeze(-1) * at::arange(taps, k.a.options())).exp();  // [kernels, n, taps]
    note("kernel", ((k.b * k.c).unsqueeze(-1) * powers).sum(1));
  }

  Config config_;
  std::int64_t d_;
  Tensor delta_, alpha_, beta_, gamma_, omega_;
  Tensor kept_;  // [b, t, 1], 0 at hidden steps; undefined: none
  DerivedCache cache_;
};

const RegisterMixer<MegaEma> registered(
    {"mega_ema",
     "Mega EMA",
     "state space",
     "several damped moving averages of every channel",
     "Ma et al. 2023, Mega: Moving Average Equipped Gated Attention, arXiv:2209.10655",
     {.system_ids = {"mega_ema"},
      .configure =
          [](const Json& config, MixerSizes& sizes, Json& settings) {
            sizes.d = config.contains("embed_dim") ? config.at("embed_dim") : config.at("D");
            if (config.contains("N")) settings["ndim"] = config.at("N");
            if (settings.contains("truncation") && settings["truncation"].is_null()) settings["truncation"] = 0;
          },
      .final_state =
          [](const State& state) {
            return TensorMap{{"final_state", state.at("h")}};
          },
      .initial_state = initial_state_as("h"),
      .layout_of = [](const Json& config) { return config.contains("embed_dim") ? "tbd" : "btd"; },
      .prepare =
          [](SequenceMixer& mixer, const TensorMap& in) {
            if (in.count("padding_mask")) dynamic_cast<MegaEma&>(mixer).hide(in.at("padding_mask"));
          }},
     {{"bidirectional", {{"bidirectional", true}, {"ndim", 3}}, 5},
      {"truncated", {{"truncation", 4}, {"ndim", 2}}, 9},
      {"truncated bidirectional", {{"truncation", 3}, {"bidirectional", true}}, 4}}});

}  // namespace
}  // namespace longwave
