// S4, "Efficiently Modeling Long Sequences with Structured State Spaces" (Gu, Goel, Re 2021), and its diagonal form
// S4D, "On the Parameterization and Initialization of Diagonal State Space Models" (Gu, Gupta, Goel, Re 2022): a
// state-space model of every feature as a long convolution, and a skip. The layer alone; s4_block adds the rest.

#include <ATen/ATen.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/s4_layer.h"

namespace longwave {
namespace {

/// Defaults of the low-rank (S4) and of the diagonal form (S4D).
template <bool kDiagonal>
struct S4Config : S4Options {
  S4Config() {
    mode = kDiagonal ? "diag" : "dplr";
    mixer = kDiagonal ? "s4d" : "s4";
    init = kDiagonal ? "diag-lin" : "legs";
  }
  std::string activation = "none";
  static const FieldTable<S4Config>& fields() {
    static const auto table = [] {
      FieldTable<S4Config> t;
      add_state_space_fields(t, kDiagonal ? diagonal_starts() : low_rank_starts());
      t.add("activation", &S4Config::activation, "of the outputs", one_of(gated_activation_names()));
      return t;
    }();
    return table;
  }
};

template <bool kDiagonal>
class S4 final : public SequenceMixer {
 public:
  using Config = S4Config<kDiagonal>;

  S4(const MixerSizes& sizes, const Config& config) : options_(with_sizes(config, sizes.d, sizes.l_max)) {
    layer_ = make_s4_layer(*this, options_, config.activation);
  }

  MixerProperties properties() const override {
    const bool causal = !options_.bidirectional;
    return {.causal = causal,
            .streams = causal && !options_.cut_kernel,
            .cost = Cost::linearithmic,
            .reason = !causal               ? "bidirectional: outputs depend on later steps"
                      : options_.cut_kernel ? "its kernel ends after l_max steps"
                                            : ""};
  }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input(kDiagonal ? "s4d" : "s4", x, options_.d, lengths, state);
    const auto valid = valid_steps(lengths, x);
    S4Layer::Note noter;
    if (trace) noter = [this](const std::string& name, const at::Tensor& value) { note(name, value); };
    const auto y = layer_.forward(x, lengths, valid, state ? &state->at("h") : nullptr, noter);
    return zero_padding(layer_.activated(y), valid);
  }

  State first_state(std::int64_t b) const override {
    if (!properties().streams) return SequenceMixer::first_state(b);
    return {{"h", layer_.initial_state(b)}};
  }

  bool scale_step(double factor) override {
    layer_.kernel->scale_step(factor);
    return true;
  }

  TensorMap import_reference(TensorMap weights) const override {
    complete_s4_weights(*this, weights);
    return weights;
  }

 private:
  S4Options options_;
  S4Layer layer_;
};

MixerReference reference(const char* system_id, const char* mode) {
  return {.system_ids = {system_id},
          .configure =
              [mode](const Json& config, MixerSizes& sizes, Json& settings) {
                sizes.d = config.at("H").get<std::int64_t>();
                sizes.l_max = s4_length(config);
                auto of_mode = config;
                of_mode["mode"] = mode;
                settings = s4_settings(of_mode);
              },
          .final_state =
              [](const State& state) {
                return TensorMap{{"final_state", state.at("h")}};
              },
          .initial_state = initial_state_as("h"),
          .layout_of = transposed_layout};
}

MixerVariant variant(const std::string& name, const Json& settings, std::int64_t d = 6) { return {name, settings, d}; }

const RegisterMixer<S4<false>> s4({
    .name = "s4",
    .title = "S4",
    .family = "state space",
    .summary = "long convolution with the kernel of a diagonal-plus-low-rank state-space model of every feature",
    .source = "Gu, Goel, Re 2021, arXiv 2111.00396",
    .reference = reference("s4", "dplr"),
    .variants = {variant("legt", {{"init", "legt"}, {"d_state", 8}}),
                 variant("fourier", {{"init", "fourier"}, {"d_state", 8}}),
                 variant("shared", {{"n_ssm", 2}, {"d_state", 8}, {"dt_transform", "softplus"}}),
                 variant("short", {{"l_max", 12}, {"d_state", 4}}),
                 variant("untied", {{"dt_tie", false}, {"rank", 3}, {"d_state", 6}}),
                 variant("bidirectional", {{"bidirectional", true}, {"d_state", 8}})},
});

const RegisterMixer<S4<true>> s4d({
    .name = "s4d",
    .title = "S4D",
    .family = "state space",
    .summary = "long convolution with the kernel of a diagonal state-space model of every feature",
    .source = "Gu, Gupta, Goel, Re 2022, arXiv 2206.11893",
    .reference = reference("s4d", "diag"),
    .variants = {variant("inv", {{"init", "diag-inv"}, {"disc", "bilinear"}, {"dt_tie", false}, {"d_state", 10}}),
                 variant("legs", {{"init", "diag-legs"}, {"d_state", 10}, {"activation", "gelu"}}),
                 variant("real poles", {{"init", "diag-real"}, {"d_state", 8}, {"activation", "glu"}}),
                 variant("real", {{"init", "diag-real"}, {"is_real", true}, {"d_state", 5}, {"n_ssm", 2}}),
                 variant("transforms", {{"real_transform", "softplus"}, {"imag_transform", "relu"}, {"d_state", 6}}),
                 variant("quad", {{"init", "diag-quad"}, {"d_state", 10}, {"bandlimit", 0.5}}),
                 variant("shared", {{"n_ssm", 3}, {"init", "diag-random"}, {"d_state", 6}}),
                 variant("cut", {{"cut_kernel", true}, {"l_max", 12}, {"d_state", 4}}),
                 variant("bidirectional", {{"bidirectional", true}, {"n_ssm", 2}, {"d_state", 10}}),
                 variant("few poles, both ways", {{"bidirectional", true}, {"d_state", 4}})},
});

}  // namespace
}  // namespace longwave
