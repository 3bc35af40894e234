// LRU, "Resurrecting Recurrent Neural Networks for Long Sequences" (Orvieto et al. 2023):
//   h[t] = lambda h[t-1] + exp(gamma_log) (B x[t]),  y[t] = Re(C h[t]) + D x[t],
//   lambda = exp(-exp(nu_log) + i exp(theta_log)), so that |lambda| < 1.

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/derived_cache.h"
#include "longwave/nn/output_gate.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/ops/diagonal_scan.h"

namespace longwave {
namespace {

using at::Tensor;

class Lru final : public SequenceMixer, public HasStateParameters {
 public:
  struct Config {
    std::int64_t d_hidden = 0;
    double r_min = 0, r_max = 1, max_phase = 6.28;
    std::string activation = "none";
    static const FieldTable<Config>& fields() {
      static const auto unit = between(0.0, 1.0);
      static const auto table =
          FieldTable<Config>()
              .add("d_hidden", &Config::d_hidden, "complex states; 0: twice the width of x", at_least<std::int64_t>(0))
              .add("r_min", &Config::r_min, "smallest modulus of a pole at the start", unit)
              .add("r_max", &Config::r_max, "largest modulus of a pole at the start", unit)
              .add("max_phase", &Config::max_phase, "largest phase of a pole at the start", at_least(0.0))
              .add("activation", &Config::activation, "what follows the state space (published: full_glu)",
                   one_of(OutputGate::kinds()));
      return table;
    }
  };

  Lru(const MixerSizes& sizes, const Config& config)
      : d_(sizes.d), states_(config.d_hidden ? config.d_hidden : 2 * sizes.d) {
    check(config.r_min < config.r_max, "lru: r_min is ", config.r_min, "; expected less than r_max = ", config.r_max);
    constexpr double kTiny = 1e-7;  // keeps the logarithms of u1 = 0 and u2 = 0 finite
    const double low = config.r_min * config.r_min, high = config.r_max * config.r_max;
    const auto squared = (at::rand({states_}, at::kDouble) * (high - low) + low).clamp(kTiny, 1 - kTiny);
    const auto nu_log = (-0.5 * squared.log()).log();
    const auto add = [&](const char* name, const Tensor& value) {
      return register_parameter(name, value.to(at::kFloat));
    };
    nu_log_ = add("nu_log", nu_log);
    theta_log_ = add("theta_log", (config.max_phase * at::rand({states_}, at::kDouble)).clamp_min(kTiny).log());
    // 1 - |lambda|^2 without cancellation where |lambda| is close to one.
    gamma_log_ = add("gamma_log", 0.5 * at::log(-at::expm1(-2 * nu_log.exp())));
    const double b_scale = std::sqrt(2.0 * d_), c_scale = std::sqrt(static_cast<double>(states_));
    b_re_ = add("B_re", at::randn({states_, d_}) / b_scale);
    b_im_ = add("B_im", at::randn({states_, d_}) / b_scale);
    c_re_ = add("C_re", at::randn({d_, states_}) / c_scale);
    c_im_ = add("C_im", at::randn({d_, states_}) / c_scale);
    skip_ = add("D", at::randn({d_}));
    gate_.emplace(*this, config.activation, d_);
  }

  std::vector<std::string> state_parameters() const override {
    return {"nu_log", "theta_log", "gamma_log", "B_re", "B_im"};
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("lru", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto derived =
        derived_.get(*this, {nu_log_, theta_log_, gamma_log_, b_re_, b_im_, c_re_, c_im_}, [&] { return derive(); });
    const auto u = at::linear(x, derived[1]).unflatten(-1, {2, states_});
    const auto& pole = derived[0];
    const auto [h, last] = ops::diagonal_scan(pole, u, false, state ? state->at("h") : Tensor(), lengths);
    if (state) state->at("h") = last;
    return zero_padding((*gate_)(at::linear(h.flatten(-2), derived[2]) + skip_ * x), valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"h", at::zeros({b, 2, states_}, skip_.options().requires_grad(false))}};
  }

 private:
  /// The poles, and both planes of B and of C as one matrix each.
  std::vector<Tensor> derive() const {
    const auto modulus = at::exp(-nu_log_.exp()), phase = theta_log_.exp(), gamma = gamma_log_.exp().unsqueeze(1);
    return {at::stack({modulus * phase.cos(), modulus * phase.sin()}), at::cat({gamma * b_re_, gamma * b_im_}),
            at::cat({c_re_, -c_im_}, 1)};
  }

  std::int64_t d_, states_;
  DerivedCache derived_;
  Tensor nu_log_, theta_log_, gamma_log_, b_re_, b_im_, c_re_, c_im_, skip_;
  std::optional<OutputGate> gate_;
};

const RegisterMixer<Lru> registered(
    {"lru",
     "LRU",
     "state space",
     "diagonal complex recurrence with poles inside the unit circle by construction",
     "Orvieto et al. 2023, Resurrecting Recurrent Neural Networks for Long Sequences, arXiv:2303.06349",
     {.system_ids = {"lru"},
      .configure = [](const Json& config, MixerSizes& sizes, Json&) { sizes.d = config.at("d_model"); },
      .final_state =
          [](const State& state) {
            return TensorMap{{"final_state", state.at("h").transpose(1, 2)}};
          },
      .initial_state = initial_state_as("h", [](const Tensor& given) { return given.transpose(1, 2); })},
     {{"ring", {{"d_hidden", 11}, {"r_min", 0.9}, {"r_max", 0.999}, {"max_phase", 0.314}}, 9},
      {"gate", {{"activation", "full_glu"}}, 6}}});

}  // namespace
}  // namespace longwave
