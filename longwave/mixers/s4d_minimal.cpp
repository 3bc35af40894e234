// The minimal S4D layer (Gu, Gupta, Goel, Re 2022, appendix): diagonal state-space kernel with the input vector
// absorbed into the output vector, zero-order hold, GELU, and a gated map of the features.

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/derived_diagonal.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"

namespace longwave {
namespace {

struct S4dMinimalConfig {
  std::int64_t d_state = 64;
  double dt_min = 0.001, dt_max = 0.1;
  static const FieldTable<S4dMinimalConfig>& fields() {
    static const auto table =
        FieldTable<S4dMinimalConfig>()
            .add("d_state", &S4dMinimalConfig::d_state, "states of a feature, in conjugate pairs",
                 at_least<std::int64_t>(2))
            .add("dt_min", &S4dMinimalConfig::dt_min, "smallest initial step size", at_least<double>(1e-9))
            .add("dt_max", &S4dMinimalConfig::dt_max, "largest initial step size", at_least<double>(1e-9));
    return table;
  }
};

class S4dMinimal final : public SequenceMixer, public HasStateParameters {
 public:
  using Config = S4dMinimalConfig;

  S4dMinimal(const MixerSizes& sizes, const Config& config) : d_(sizes.d), half_(config.d_state / 2) {
    check(config.d_state % 2 == 0, "s4d_minimal: d_state is ", config.d_state, "; expected an even number");
    auto kernel = register_module("kernel", std::make_shared<Module>());
    log_dt_ = kernel->register_parameter("log_dt", draw_log_steps("s4d_minimal", {d_}, config.dt_min, config.dt_max));
    c_ = kernel->register_parameter("C", at::randn({d_, half_, 2}) * std::sqrt(0.5));
    log_a_real_ = kernel->register_parameter("log_A_real", at::full({d_, half_}, std::log(0.5)));
    a_imag_ = kernel->register_parameter("A_imag", (M_PI * at::arange(half_, at::kFloat)).repeat({d_, 1}));
    skip_ = register_parameter("D", at::randn({d_}));
    auto output =
        register_module("output_linear", std::make_shared<Module>())->register_module("0", std::make_shared<Module>());
    const double bound = 1 / std::sqrt(static_cast<double>(d_));
    weight_ = output->register_parameter("weight", at::empty({2 * d_, d_, 1}).uniform_(-bound, bound));
    bias_ = output->register_parameter("bias", at::empty({2 * d_}).uniform_(-bound, bound));
  }

  std::vector<std::string> state_parameters() const override {
    return {"kernel.log_dt", "kernel.log_A_real", "kernel.A_imag"};
  }

  MixerProperties properties() const override { return {.cost = Cost::linearithmic, .reason = ""}; }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input("s4d_minimal", x, d_, lengths, state);
    const auto valid = valid_steps(lengths, x);
    const auto ssm =
        derived_diagonal(cache_, *this, {log_dt_, c_, log_a_real_, a_imag_}, 2, [this] { return model(); });
    if (trace) note("K", ssm.kernel(x.size(1))[0]);
    const auto y = diagonal_ssm(ssm, zero_padding(x, valid), lengths, state ? &state->at("h") : nullptr,
                                {.skip = skip_.unsqueeze(0)});
    return map_and_activate("glu", y, weight_.squeeze(-1), bias_, "gelu", valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"h", at::zeros({b, d_, half_, 2}, skip_.options().requires_grad(false))}};
  }

  bool scale_step(double factor) override { return scale_logarithm(log_dt_, factor); }

 private:
  DiagonalSsm model() const {
    const auto a = at::complex(-at::exp(log_a_real_), a_imag_);
    return {discretize_logarithm("zoh", a, at::ones({}, a.options()), at::exp(log_dt_).unsqueeze(-1)),
            at::view_as_complex(c_).unsqueeze(0)};
  }

  std::int64_t d_, half_;
  at::Tensor log_dt_, c_, log_a_real_, a_imag_, skip_, weight_, bias_;
  DerivedCache cache_;
};

const RegisterMixer<S4dMinimal> registered({
    .name = "s4d_minimal",
    .title = "S4D (minimal)",
    .family = "state space",
    .summary = "diagonal state-space kernel of every feature, GELU and a gated map of the features",
    .source = "Gu, Gupta, Goel, Re 2022, arXiv 2206.11893",
    .reference = {.system_ids = {"s4d_minimal"},
                  .configure =
                      [](const Json& config, MixerSizes& sizes, Json& settings) {
                        sizes.d = config.at("H").get<std::int64_t>();
                        settings["d_state"] = config.at("N");
                      },
                  .layout_of = transposed_layout},
    .variants = {{"small", {{"d_state", 4}, {"dt_max", 0.5}}, 5}},
});

}  // namespace
}  // namespace longwave
