// Liquid-S4, "Liquid Structural State-Space Models" (Hasani et al. 2022), diagonal and exact: the input also acts on
// the transition of the sampled system, for every channel
//   h[t] = (a + b x[t]) h[t-1] + b x[t],  y[t] = 2 Re(C . h[t]) + D x[t],  (a, b) from (Lambda, B, dt)
// The reference program approximates this by products of neighbouring inputs in reversed order, which is not causal.

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/derived_cache.h"
#include "longwave/nn/discretize.h"
#include "longwave/nn/hippo.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/diagonal_ssm.h"

namespace longwave {
namespace {

using at::Tensor;

/// Lambda and B [n / 2], complex, one of each conjugate pair.
std::pair<Tensor, Tensor> starting_system(const std::string& measure, std::int64_t n) {
  if (measure == "legs") {
    const auto legs = normal_plus_low_rank("legs", n);
    return {legs.lambda, clip_imaginary(legs.b, 2)};
  }
  const auto k = at::arange(n / 2, at::kDouble);
  const auto frequency = measure == "lin" ? M_PI * k : n / M_PI * (n / (2 * k + 1) - 1);
  return {at::complex(at::full_like(k, -0.5), -frequency), at::ones({n / 2}, at::kComplexDouble)};
}

class LiquidS4 final : public SequenceMixer, public HasStateParameters {
 public:
  struct Config {
    std::int64_t d_state = 64;
    std::string measure = "legs", discretization = "zoh";
    double dt_min = 1e-3, dt_max = 0.1;
    static const FieldTable<Config>& fields() {
      static const Rule<std::int64_t> even{"even and >= 2", [](const std::int64_t& v) { return v >= 2 && v % 2 == 0; }};
      static const auto table =
          FieldTable<Config>()
              .add("d_state", &Config::d_state, "states of a channel; half as many complex ones are kept", even)
              .add("measure", &Config::measure, "start of the poles", one_of({"legs", "lin", "inv"}))
              .add("discretization", &Config::discretization, "how the continuous system is sampled",
                   one_of({"zoh", "bilinear"}))
              .add("dt_min", &Config::dt_min, "smallest step size at the start", positive())
              .add("dt_max", &Config::dt_max, "largest step size at the start", positive());
      return table;
    }
  };

  LiquidS4(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d), n_(config.d_state / 2) {
    const auto [lambda, b] = starting_system(config.measure, config.d_state);
    const auto add = [&](const char* name, const Tensor& value) {
      return register_parameter(name, value.to(at::kFloat).contiguous());
    };
    log_dt_ = add("log_dt", draw_log_steps("liquid_s4", {d_}, config.dt_min, config.dt_max));
    log_a_real_ = add("log_A_real", at::log(-at::real(lambda)).repeat({d_, 1}));
    a_imag_ = add("A_imag", at::imag(lambda).repeat({d_, 1}));
    b_ = add("B", at::view_as_real(b).repeat({d_, 1, 1}));
    c_ = add("C", at::randn({d_, n_, 2}) * std::sqrt(0.5));
    skip_ = add("D", at::randn({d_}));
  }

  std::vector<std::string> state_parameters() const override { return {"log_dt", "log_A_real", "A_imag", "B"}; }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("liquid_s4", x_any, d_, lengths, state);
    const auto x = zero_padding(x_any, valid_steps(lengths, x_any));
    const auto k = derived_.get(*this, {log_a_real_, a_imag_, log_dt_, b_, c_}, [&] { return derive(); });
    const auto before = state ? state->at("h") : Tensor();
    const auto [y, last] = ops::diagonal_ssm(x, {k[0], k[1], k[2]},
                                             {.liquid = true, .reverse = false, .state = before, .lengths = lengths});
    if (state) state->at("h") = last;
    return y + skip_ * x;
  }

  State first_state(std::int64_t b) const override {
    return {{"h", at::zeros({b, 2, d_, n_}, skip_.options().requires_grad(false))}};
  }

  bool scale_step(double factor) override { return scale_logarithm(log_dt_, factor); }

 private:
  /// Transition, input and output coefficients, as planes.
  std::vector<Tensor> derive() const {
    const auto lambda = at::complex(-log_a_real_.exp(), a_imag_);
    const auto [a, b] = discretize(config_.discretization, lambda, at::view_as_complex(b_), log_dt_.exp().unsqueeze(1));
    const auto planes = [](const Tensor& z) { return at::stack({at::real(z), at::imag(z)}); };
    return {ops::in_reading_order(planes(a)), ops::in_reading_order(planes(b)),
            ops::in_reading_order(2 * c_.permute({2, 0, 1}))};
  }

  Config config_;
  std::int64_t d_, n_;
  DerivedCache derived_;
  Tensor log_dt_, log_a_real_, a_imag_, b_, c_, skip_;
};

const RegisterMixer<LiquidS4> registered(
    {"liquid_s4",
     "Liquid-S4",
     "state space",
     "diagonal state space whose transition the input also drives",
     "Hasani et al. 2022, Liquid Structural State-Space Models, arXiv:2209.12951",
     {},
     {{"lin, bilinear", {{"measure", "lin"}, {"discretization", "bilinear"}, {"d_state", 6}}, 5},
      {"inv", {{"measure", "inv"}, {"d_state", 8}}, 3}}});

}  // namespace
}  // namespace longwave
