// S5, "Simplified State Space Layers for Sequence Modeling" (Smith et al. 2023): one diagonal complex system with many
// inputs and outputs.
//   h[t] = a h[t-1] + b (B x[t]),  y[t] = 2 Re(C h[t]) + D x[t],  (a, b) from Lambda and exp(log_step) by
//   discretisation
// Bidirectional: a second scan of the same B x from the end, which also counts the present step; C = [C1, C2].

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/derived_cache.h"
#include "longwave/nn/discretize.h"
#include "longwave/nn/hippo.h"
#include "longwave/nn/output_gate.h"
#include "longwave/nn/state_parameters.h"
#include "longwave/nn/step_sizes.h"
#include "longwave/ops/diagonal_scan.h"

namespace longwave {
namespace {

using at::Tensor;

/// Standard normal numbers conditioned on |x| < 2, scaled to unit variance, as the reference's initialisers draw them.
Tensor truncated_normal(at::IntArrayRef shape) {
  const double edge = std::erf(std::sqrt(2.0));
  return at::erfinv(at::empty(shape, at::kDouble).uniform_(-edge, edge)) * (std::sqrt(2.0) / 0.87962566103423978);
}

Tensor conjugate_transpose(const Tensor& v) { return v.conj().t().resolve_conj(); }

/// A block with all of its states, of which `half` has one of each conjugate pair.
NormalPlusLowRank with_conjugates(NormalPlusLowRank half) {
  const auto n = half.v.size(0);
  auto lambda = at::cat({half.lambda, half.lambda.conj()}), v = at::cat({half.v, half.v.conj()}, 1);
  if (n % 2 == 1) {  // the real pole, whose eigenvector v[0] all the others leave: I - V V* = v[0] v[0]*
    const auto left = at::eye(n, v.options()) - at::mm(v, conjugate_transpose(v));
    const auto [norm, column] = at::real(left.diagonal()).max(0);
    v = at::cat({v, left.index_select(1, column) / norm.sqrt()}, 1);
    lambda = at::cat({lambda, at::real(half.lambda.slice(0, 0, 1)).to(lambda.scalar_type())});
  }
  return {lambda, {}, {}, v};
}

class S5 final : public SequenceMixer, public HasStateParameters {
 public:
  struct Config {
    std::int64_t d_state = 0, blocks = 1;
    std::string discretization = "zoh", C_init = "trunc_standard_normal", activation = "none";
    double dt_min = 1e-3, dt_max = 0.1;
    bool bidirectional = false, clip_eigs = false, conj_sym = true;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("d_state", &Config::d_state, "complex states that are kept; 0: the width of x, made even",
                   at_least<std::int64_t>(0))
              .add("blocks", &Config::blocks, "blocks of the HiPPO matrix that the poles start from",
                   at_least<std::int64_t>(1))
              .add("discretization", &Config::discretization, "how the continuous system is sampled",
                   one_of({"zoh", "bilinear"}))
              .add("C_init", &Config::C_init, "start of the output map",
                   one_of({"trunc_standard_normal", "lecun_normal", "complex_normal"}))
              .add("dt_min", &Config::dt_min, "smallest step size at the start", positive())
              .add("dt_max", &Config::dt_max, "largest step size at the start", positive())
              .add("bidirectional", &Config::bidirectional, "also scan from the end")
              .add("clip_eigs", &Config::clip_eigs, "keep the real parts of the poles at or below -1e-4")
              .add("conj_sym", &Config::conj_sym, "keep one of each pair of conjugate states")
              .add("activation", &Config::activation,
                   "what follows the state space (published: half_glu1 or half_glu2)", one_of(OutputGate::kinds()));
      return table;
    }
  };

  S5(const MixerSizes& sizes, const Config& config)
      : config_(config), d_(sizes.d), states_(config.d_state ? config.d_state : (sizes.d + 1) / 2 * 2) {
    const auto all = config.conj_sym ? 2 * states_ : states_;  // states of the real system
    const auto size = all / config.blocks;
    check(all % config.blocks == 0 && size >= 2 && !(config.conj_sym && size % 2), "s5: d_state is ", states_,
          "; expected blocks of ", config.conj_sym ? "even size" : "at least 2", " from ", all, " states in ",
          config.blocks, " blocks");
    auto block = normal_plus_low_rank("legs", size);
    if (!config.conj_sym) block = with_conjugates(std::move(block));
    const auto lambda = block.lambda.repeat({config.blocks});
    const auto v = at::block_diag(std::vector<Tensor>(config.blocks, block.v));  // [all, states]

    const auto add = [&](const std::string& name, const Tensor& value) {
      return register_parameter(name, value.to(at::kFloat).contiguous());
    };
    lambda_re_ = add("Lambda_re", at::real(lambda));
    lambda_im_ = add("Lambda_im", at::imag(lambda));
    const auto b = truncated_normal({all, d_}) / std::sqrt(static_cast<double>(all));
    b_ = add("B", at::view_as_real(at::mm(conjugate_transpose(v), b.to(at::kComplexDouble))));
    if (config.bidirectional)
      c_ = {add("C1", output_map(v)), add("C2", output_map(v))};
    else
      c_ = {add("C", output_map(v))};
    skip_ = add("D", at::randn({d_}));
    log_step_ = add("log_step", draw_log_steps("s5", {states_, 1}, config.dt_min, config.dt_max));
    gate_.emplace(*this, config.activation, d_);
  }

  std::vector<std::string> state_parameters() const override { return {"Lambda_re", "Lambda_im", "B", "log_step"}; }

  MixerProperties properties() const override {
    if (!config_.bidirectional) return {};
    return {.causal = false, .streams = false, .cost = Cost::linear, .reason = "it scans from both ends"};
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("s5", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto derived =
        derived_.get(*this, {lambda_re_, lambda_im_, log_step_, b_, c_.front(), c_.back()}, [&] { return derive(); });
    const auto& pole = derived[0];
    const auto u = at::linear(x, derived[1]).unflatten(-1, {2, states_});
    const auto [h, last] = ops::diagonal_scan(pole, u, false, state ? state->at("h") : Tensor(), lengths);
    if (state) state->at("h") = last;
    if (config_.bidirectional) note("final_state", last.transpose(1, 2));
    auto y = at::linear(h.flatten(-2), derived[2]);
    if (config_.bidirectional)
      y = y + at::linear(ops::diagonal_scan(pole, u, true, {}, lengths).h.flatten(-2), derived[3]);
    return zero_padding((*gate_)(y + skip_ * x), valid);
  }

  State first_state(std::int64_t b) const override {
    if (config_.bidirectional) return SequenceMixer::first_state(b);
    return {{"h", at::zeros({b, 2, states_}, skip_.options().requires_grad(false))}};
  }

  bool scale_step(double factor) override { return scale_logarithm(log_step_, factor); }

 private:
  /// [d, states, 2], complex numbers.
  Tensor output_map(const Tensor& v) const {
    if (config_.C_init == "complex_normal") return at::randn({d_, states_, 2}) * std::sqrt(0.5);
    const auto fan_in = v.size(0) * (config_.C_init == "lecun_normal" ? d_ : 1);
    const auto c = truncated_normal({d_, v.size(0), 2}) / std::sqrt(static_cast<double>(fan_in));
    return at::view_as_real(at::mm(at::view_as_complex(c), v));
  }

  /// The poles, both planes of b B as one matrix, and 2 (Re C, -Im C) for each direction, without the 2 if no
  /// conjugates are implied.
  std::vector<Tensor> derive() const {
    const auto real = config_.clip_eigs ? lambda_re_.clamp_max(-1e-4) : lambda_re_;
    const auto lambda = at::complex(real, lambda_im_);
    const auto [a, b] = discretize(config_.discretization, lambda, at::ones_like(lambda), log_step_.squeeze(1).exp());
    const auto input = b.unsqueeze(1) * at::view_as_complex(b_);
    std::vector<Tensor> all{at::stack({at::real(a), at::imag(a)}), at::cat({at::real(input), at::imag(input)})};
    for (const auto& c : c_) {
      const auto parts = c.unbind(-1);
      all.push_back(at::cat({parts[0], -parts[1]}, 1) * (config_.conj_sym ? 2 : 1));
    }
    return all;
  }

  Config config_;
  std::int64_t d_, states_;
  DerivedCache derived_;
  Tensor lambda_re_, lambda_im_, b_, skip_, log_step_;
  std::vector<Tensor> c_;
  std::optional<OutputGate> gate_;
};

const RegisterMixer<S5> registered(
    {"s5",
     "S5",
     "state space",
     "one diagonal complex system with many inputs and outputs",
     "Smith et al. 2023, Simplified State Space Layers for Sequence Modeling, arXiv:2208.04933",
     {.system_ids = {"s5"},
      .configure =
          [](const Json& config, MixerSizes& sizes, Json& settings) {
            sizes.d = config.at("H");
            settings["d_state"] = config.at("P");
            settings["blocks"] = 1;  // any: the weights are loaded
          },
      .final_state =
          [](const State& state) {
            return TensorMap{{"final_state", state.at("h").transpose(1, 2)}};
          },
      .initial_state = initial_state_as("h", [](const Tensor& given) { return given.transpose(1, 2); })},
     {{"bidirectional", {{"bidirectional", true}, {"discretization", "bilinear"}, {"blocks", 2}, {"d_state", 6}}, 10},
      {"full states",
       {{"conj_sym", false}, {"d_state", 9}, {"blocks", 3}, {"clip_eigs", true}, {"C_init", "complex_normal"}},
       7},
      {"gate", {{"activation", "half_glu2"}}, 6},
      {"two maps", {{"activation", "full_glu"}}, 6}}});

}  // namespace
}  // namespace longwave
