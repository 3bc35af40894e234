// minGRU and minLSTM, "Were RNNs All We Needed?" (Feng et al. 2024), with the positive candidate of their log-space
// form: g(c) = c + 1/2 if c >= 0, else sigma(c). Gates see the input alone, so that a scan evaluates them.
//   minGRU:  [c, z] = W x;      h[t] = (1 - sigma(z)) h[t-1] + sigma(z) g(c)
//   minLSTM: [c, f, i] = W x;   h[t] = f' h[t-1] + (1 - f') g(c),   f' = sigma(f) / (sigma(f) + sigma(i))

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/ops/linear_scan.h"
#include "longwave/ops/minimal_gates.h"

namespace longwave {
namespace {

using at::Tensor;
using torch::nn::Linear;

struct MinimalConfig {
  double expansion_factor = 1;
  bool proj_out = false;
  static const FieldTable<MinimalConfig>& fields() {
    static const auto table =
        FieldTable<MinimalConfig>()
            .add("expansion_factor", &MinimalConfig::expansion_factor, "width of the state over the width of x",
                 {"> 0", [](const double& v) { return v > 0; }})
            .add("proj_out", &MinimalConfig::proj_out,
                 "a linear map on the output even where the state has the width of x");
    return table;
  }
};

/// What the two share: a scan over gates and inputs that a linear map of x gives.
class MinimalRecurrence : public SequenceMixer {
 public:
  MinimalRecurrence(const MixerSizes& sizes, const MinimalConfig& config, const char* name, const char* projection,
                    bool lstm)
      : name_(name),
        lstm_(lstm),
        d_(sizes.d),
        inner_(static_cast<std::int64_t>(std::floor(sizes.d * config.expansion_factor))) {
    check(inner_ >= 1, name, ": expansion_factor is ", config.expansion_factor, "; expected a state at least 1 wide");
    projection_ =
        register_module(projection, Linear(torch::nn::LinearOptions(d_, (lstm ? 3 : 2) * inner_).bias(false)));
    if (config.expansion_factor != 1 || config.proj_out)
      to_out_ = register_module("to_out", Linear(torch::nn::LinearOptions(inner_, d_).bias(false)));
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input(name_, x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto [keep, input] = ops::minimal_gates(projection_->forward(x), valid, lstm_);
    const auto h = ops::linear_scan(keep, input, state ? state->at("h") : Tensor());
    if (state) state->at("h") = h.select(1, -1).clone();
    return zero_padding(to_out_ ? to_out_->forward(h) : h, valid);
  }

  State first_state(std::int64_t b) const override {
    return {{"h", at::zeros({b, inner_}, projection_->weight.options().requires_grad(false))}};
  }

 private:
  const char* name_;
  bool lstm_;
  std::int64_t d_, inner_;
  Linear projection_{nullptr}, to_out_{nullptr};
};

class MinGru final : public MinimalRecurrence {
 public:
  using Config = MinimalConfig;
  MinGru(const MixerSizes& sizes, const Config& config)
      : MinimalRecurrence(sizes, config, "mingru", "to_hidden_and_gate", false) {}
};

class MinLstm final : public MinimalRecurrence {
 public:
  using Config = MinimalConfig;
  MinLstm(const MixerSizes& sizes, const Config& config)
      : MinimalRecurrence(sizes, config, "minlstm", "to_hidden_and_f_i_gate", true) {}
};

MixerReference reference(const std::string& system_id, const std::function<State(const TensorMap&)>& initial_state) {
  return {.system_ids = {system_id},
          .configure = [](const Json& config, MixerSizes& sizes, Json&) { sizes.d = config.at("dim"); },
          .final_state =
              [](const State& state) {
                return TensorMap{{"final_state", state.at("h")}};
              },
          .initial_state = initial_state};
}

/// g of a given state.
Tensor candidate(const Tensor& c) { return at::where(c >= 0, c + 0.5, at::sigmoid(c)); }

/// The given state may have an axis for its one step.
Tensor of_one_step(const Tensor& given) { return given.dim() == 3 ? given.squeeze(1) : given; }

/// The reference of minLSTM takes the given state for a candidate, except where the sequence is a single step.
State state_of_lstm(const TensorMap& in) {
  const bool single = in.at("x").size(1) == 1;
  return initial_state_as("h",
                          [=](const Tensor& h) { return single ? of_one_step(h) : candidate(of_one_step(h)); })(in);
}

const std::vector<MixerVariant> kVariants{{"wide", {{"expansion_factor", 1.5}}, 10}};
const char kSource[] = "Feng et al. 2024, Were RNNs All We Needed?, arXiv:2410.01201";

const RegisterMixer<MinGru> registered_gru({"mingru", "minGRU", "recurrent",
                                            "gated average whose gate sees the input alone", kSource,
                                            reference("mingru", initial_state_as("h", of_one_step)), kVariants});
const RegisterMixer<MinLstm> registered_lstm({"minlstm", "minLSTM", "recurrent",
                                              "gated average with separate forget and input gates of the input alone",
                                              kSource, reference("minlstm", state_of_lstm), kVariants});

}  // namespace
}  // namespace longwave
