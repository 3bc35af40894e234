// LSSL, "Combining Recurrent, Convolutional, and Continuous-time Models with Linear State-Space Layers" (Gu et al.
// 2021): a dense HiPPO system, one for all features or one for each, bilinear discretisation with a step size of every
// feature, several outputs.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <functional>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/derived_cache.h"
#include "longwave/nn/diagonal_ssm.h"
#include "longwave/nn/hippo.h"
#include "longwave/nn/krylov.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/bilinear_step.h"

namespace longwave {
namespace {

struct LsslConfig {
  std::int64_t d_state = 64, channels = 1, learn = 0;
  bool per_feature = false;
  std::string measure = "legs", activation = "gelu";
  double dt_min = 0.001, dt_max = 0.1;
  static const FieldTable<LsslConfig>& fields() {
    static const auto table =
        FieldTable<LsslConfig>()
            .add("d_state", &LsslConfig::d_state, "states of a feature", between<std::int64_t>(1, 1024))
            .add("channels", &LsslConfig::channels, "outputs of a feature", at_least<std::int64_t>(1))
            .add("learn", &LsslConfig::learn,
                 "what of the system is trained: 0 nothing, 1 its matrices, 2 the step sizes, 3 both",
                 between<std::int64_t>(0, 3))
            .add("per_feature", &LsslConfig::per_feature,
                 "a system of every feature's own; false: all features share one and differ in the step size")
            .add("measure", &LsslConfig::measure, "HiPPO matrix", one_of({"legs", "legt", "fourier"}))
            .add("dt_min", &LsslConfig::dt_min, "smallest initial step size", at_least<double>(1e-9))
            .add("dt_max", &LsslConfig::dt_max, "largest initial step size", at_least<double>(1e-9))
            .add("activation", &LsslConfig::activation, "of the layer's outputs", one_of(activation_names()));
    return table;
  }
};

class Lssl final : public SequenceMixer, public HasStateParameters {
 public:
  using Config = LsslConfig;

  Lssl(const MixerSizes& sizes, const Config& config) : config_(config), d_(sizes.d) {
    const auto n = config.d_state;
    check(config.measure != "fourier" || n % 2 == 0, "lssl: d_state is ", n,
          "; expected an even number with measure = fourier, whose states are pairs");
    const auto system = hippo(config.measure, n);
    auto transition = register_module("transition", std::make_shared<Module>());
    const auto add = [](Module& owner, const char* name, const at::Tensor& value, bool train) {
      return train ? owner.register_parameter(name, value) : owner.register_buffer(name, value);
    };
    const auto of_features = [&](const at::Tensor& x) {
      const auto one = x.to(at::kFloat);
      return config.per_feature ? one.unsqueeze(0).repeat_interleave(d_, 0) : one;
    };
    a_ = add(*transition, "a", of_features(system.a), config.learn & 1);
    b_ = add(*transition, "b", of_features(system.b), config.learn & 1);
    log_dt_ = add(*this, "log_dt", draw_log_steps("lssl", {d_}, config.dt_min, config.dt_max), config.learn & 2);
    c_ = register_parameter("C", at::randn({d_, config.channels, n}));
    skip_ = register_parameter("D", at::randn({d_, config.channels}));
    output_ = register_module("output_linear", torch::nn::Linear(d_ * config.channels, d_));
  }

  std::vector<std::string> state_parameters() const override {
    std::vector<std::string> names;
    if (config_.learn & 1) names = {"transition.a", "transition.b"};
    if (config_.learn & 2) names.emplace_back("log_dt");
    return names;
  }

  MixerProperties properties() const override { return {.cost = Cost::linearithmic, .reason = ""}; }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input("lssl", x, d_, lengths, state);
    const auto valid = valid_steps(lengths, x);
    const auto u = zero_padding(x, valid);
    at::Tensor y;  // [b, t, m, h]
    // Up to so many steps they are quicker than powers of A and the Krylov vectors of a piece.
    const std::int64_t stepwise = at::GradMode::is_enabled() ? 8 : 128;
    if (state && u.size(1) <= stepwise)
      y = by_steps(u, lengths, state->at("h"));
    else
      y = by_convolution(discrete(), u, lengths, state);
    y = activate(config_.activation, y).transpose(2, 3).flatten(2);
    return zero_padding(output_->forward(y), valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"h", at::zeros({b, d_, config_.d_state}, skip_.options().requires_grad(false))}};
  }

  bool scale_step(double factor) override { return scale_logarithm(log_dt_, factor); }

 private:
  struct System {
    at::Tensor a, b, c;  // [h, n, n], [h, n], [h, m, n]; double: powers of A leave the range of float
  };

  System discrete() {
    const auto system = cache_.get(*this, {a_, b_, log_dt_, c_}, [this] { return compute_system(); });
    return {system[0], system[1], system[2]};
  }

  std::vector<at::Tensor> compute_system() const {
    const auto dt = at::exp(log_dt_.to(at::kDouble)).view({-1, 1, 1}), a = a_.to(at::kDouble), b = b_.to(at::kDouble);
    const auto identity = at::eye(a.size(-1), a.options());
    const auto right = at::cat({identity + 0.5 * dt * a, (dt * b.unsqueeze(-1))}, -1);
    const auto solved = at::linalg_solve(identity - 0.5 * dt * a, right);
    return {solved.slice(-1, 0, a.size(-1)).contiguous(), solved.select(-1, a.size(-1)), c_.to(at::kDouble)};
  }

  at::Tensor by_convolution(const System& system, const at::Tensor& u, const Lengths& lengths, State* state) {
    const auto type = u.scalar_type();
    const auto t = u.size(1);
    Squares a(system.a);
    const auto b = system.b.unsqueeze(-1);
    if (trace) note("krylov", krylov(a, b, t)), note("dA", system.a), note("dB", system.b);
    const auto k = krylov_response(a, system.c, b, t).squeeze(-1).permute({2, 0, 1}).to(type);  // [m, h, t]
    auto y = ops::fft_convolution(u, k, {.skip = skip_.t()}).unflatten(2, {config_.channels, d_});
    if (!state) return y;
    const auto x = state->at("h").to(at::kDouble).permute({1, 2, 0});  // [h, n, b]
    y = y + krylov_response(a, system.c, at::matmul(system.a, x), t).permute({3, 1, 2, 0}).to(type);
    const auto aligned = (lengths.defined() ? align_right(u, lengths) : u).to(at::kDouble).permute({2, 1, 0});
    const auto after = krylov_state(a, system.b, aligned) + advance(a, x, t, lengths);
    state->at("h") = after.permute({2, 0, 1}).to(type);
    return y;
  }

  at::Tensor by_steps(const at::Tensor& u, const Lengths& lengths, at::Tensor& state) {
    const auto next_of = transition();
    std::vector<at::Tensor> y;
    for (std::int64_t k = 0; k < u.size(1); ++k) {
      const auto input = u.select(1, k);  // [b, h]
      const auto next = next_of(state, input);
      state = lengths.defined() ? at::where((lengths > k).view({-1, 1, 1}), next, state) : next;
      const auto out = (c_ * next.unsqueeze(2)).sum(-1) + skip_ * input.unsqueeze(-1);  // [b, h, m]
      y.push_back(out.transpose(1, 2));
    }
    return at::stack(y, 1);
  }

  /// The step (x [b, h, n], u [b, h]) -> x. A triangular A of all features, as LegS is unless trained, is read as it
  /// stands; any other one as the dense matrix of every feature.
  std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> transition() {
    const auto shared = shared_cache_.get(*this, {a_, b_, log_dt_}, [this]() -> std::vector<at::Tensor> {
      const auto a = a_.to(at::kDouble);
      if (config_.per_feature || at::GradMode::is_enabled() || !a.is_cpu() || !at::equal(a, a.tril()))
        return {at::Tensor()};
      return {a, b_.to(at::kDouble), 0.5 * at::exp(log_dt_.to(at::kDouble))};
    });
    if (shared[0].defined())
      return [shared](const at::Tensor& x, const at::Tensor& u) {
        return ops::bilinear_step(shared[0], shared[1], shared[2], x, u);
      };
    return [system = discrete()](const at::Tensor& x, const at::Tensor& u) {
      const auto kept = at::matmul(system.a, x.to(at::kDouble).unsqueeze(-1)).squeeze(-1);
      return (kept + system.b * u.unsqueeze(-1)).to(x.scalar_type());
    };
  }

  Config config_;
  std::int64_t d_;
  at::Tensor a_, b_, log_dt_, c_, skip_;
  DerivedCache cache_, shared_cache_;
  torch::nn::Linear output_{nullptr};
};

const RegisterMixer<Lssl> registered({
    .name = "lssl",
    .title = "LSSL",
    .family = "state space",
    .summary = "dense HiPPO state-space model, shared by all features but for the step size, or one of each",
    .source = "Gu et al. 2021, arXiv 2110.13985",
    .reference = {.system_ids = {"lssl"},
                  .configure =
                      [](const Json& config, MixerSizes& sizes, Json& settings) {
                        sizes.d = config.at("d").get<std::int64_t>();
                        settings["d_state"] = config.at("N");
                        settings["learn"] = 3;      // what is not trained there has no gradient to compare
                        settings.erase("measure");  // any: the weights are loaded
                        const auto weights = config.value("weights", Json::object());
                        for (const auto* name : {"transition.a", "a"})
                          if (weights.contains(name)) settings["per_feature"] = weights[name].size() == 3;
                      },
                  .final_state =
                      [](const State& state) {
                        return TensorMap{{"final_state", state.at("h")}};
                      },
                  .initial_state = initial_state_as("h")},
    .variants = {{"learned", {{"learn", 3}, {"d_state", 6}, {"channels", 2}}, 5},
                 {"legt", {{"measure", "legt"}, {"d_state", 4}, {"learn", 1}}, 5},
                 {"per_feature", {{"per_feature", true}, {"learn", 3}, {"d_state", 6}, {"channels", 2}}, 5}},
});

}  // namespace
}  // namespace longwave
