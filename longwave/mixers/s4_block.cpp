// The S4 block of the Long Range Arena models (Gu, Goel, Re 2021): S4 or S4D layer, activation, and a linear map of the
// features with an activation of its own, usually a gate. Options: fewer features inside (bottleneck), a wide branch
// that gates them (both as in GSS), a second layer beside the first. Residual and norm belong to the model.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/activation.h"
#include "longwave/nn/dropout.h"
#include "longwave/nn/s4_layer.h"

namespace longwave {
namespace {

struct S4BlockConfig : S4Options {
  std::string activation = "gelu", final_act = "glu", gate_act = "none", mult_act = "none", second_layer = "none";
  std::int64_t bottleneck = 1, gate = 0;
  double dropout = 0;
  bool dropout_tie = false;
  static const FieldTable<S4BlockConfig>& fields() {
    static const auto table = [] {
      FieldTable<S4BlockConfig> t;
      t.add("mode", static_cast<std::string S4BlockConfig::*>(&S4Options::mode),
            "dplr: diagonal plus low rank (S4); diag: diagonal (S4D)", one_of({"dplr", "diag"}));
      auto starts = low_rank_starts();
      for (auto& start : diagonal_starts()) starts.push_back(std::move(start));
      add_state_space_fields(t, starts);
      t.add("activation", &S4BlockConfig::activation, "of the layer's outputs", one_of(gated_activation_names()));
      t.add("bottleneck", &S4BlockConfig::bottleneck, "width of x over that of the layer", at_least<std::int64_t>(1));
      t.add("gate", &S4BlockConfig::gate,
            "width of a branch that multiplies the layer's outputs, over that of x; 0: none",
            at_least<std::int64_t>(0));
      t.add("gate_act", &S4BlockConfig::gate_act, "of that branch", one_of(activation_names()));
      t.add("mult_act", &S4BlockConfig::mult_act, "of the gated outputs", one_of(activation_names()));
      t.add("second_layer", &S4BlockConfig::second_layer,
            "a layer beside the first, joined by a linear map: same reads the same input, reversed from its end",
            one_of({"none", "same", "reversed"}));
      t.add("final_act", &S4BlockConfig::final_act,
            "of the output's linear map; linear: none; none: no linear map either", one_of(gated_activation_names()));
      t.add("dropout", &S4BlockConfig::dropout, "after the layer and after the activation", fraction());
      t.add("dropout_tie", &S4BlockConfig::dropout_tie, "dropout takes whole features of a row");
      return t;
    }();
    return table;
  }
};

/// The init that goes with the mode, where the configuration has the other mode's default.
S4BlockConfig consistent(S4BlockConfig config) {
  config.mixer = "s4_block";
  if (config.mode == "diag" && config.init == "legs") config.init = "diag-lin";
  return config;
}

class S4Block final : public SequenceMixer {
 public:
  using Config = S4BlockConfig;

  S4Block(const MixerSizes& sizes, const Config& any)
      : config_(consistent(any)), d_(sizes.d), random_(sizes.dropout_stream) {
    const auto& c = config_;
    check(d_ % c.bottleneck == 0, "s4_block: bottleneck is ", c.bottleneck, "; expected a divisor of the width ", d_);
    options_ = with_sizes(config_, d_ / c.bottleneck, sizes.l_max);
    const auto inner = options_.d, outputs = options_.channels * inner, gated = c.gate * d_;
    const auto linear = [&](const char* name, std::int64_t in, std::int64_t out) {
      return register_module(name, torch::nn::Linear(in, out));
    };
    if (c.bottleneck > 1) input_ = linear("input_linear", d_, inner);
    if (c.gate > 0) {
      gate_ = linear("input_gate", d_, gated);
      if (outputs != gated) to_gate_ = linear("output_gate", outputs, gated);
    }
    add_layer("layer");
    if (c.second_layer != "none") {
      add_layer("reverse_layer");
      join_ = linear("bidirectional_linear", 2 * outputs, outputs);
    }
    const auto width = c.gate > 0 ? gated : outputs;
    check(c.final_act != "none" || width == d_, "s4_block: the width without output map is ", width, "; expected ", d_,
          ", or final_act linear or glu");
    if (c.final_act != "none") {
      output_ = torch::nn::Linear(width, c.final_act == "glu" ? 2 * d_ : d_);
      register_module("output_linear", std::make_shared<Module>())->register_module("0", output_);
    }
  }

  MixerProperties properties() const override {
    return {.causal = causal(),
            .streams = causal() && !options_.cut_kernel,
            .cost = Cost::linearithmic,
            .reason = !causal()             ? "bidirectional: outputs depend on later steps"
                      : options_.cut_kernel ? "its kernel ends after l_max steps"
                                            : ""};
  }

  at::Tensor forward(const at::Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("s4_block", x_any, d_, lengths, state);
    const Rows rows{lengths, valid_steps(lengths, x_any)};
    const auto x = input_ || gate_ ? zero_padding(x_any, rows.valid) : x_any;
    const auto u = input_ ? input_->forward(x) : x;
    auto* const h = state ? &state->at("h") : nullptr;
    if (nothing_between()) return mapped(layers_[0].forward(u, lengths, rows.valid, h), config_.activation, rows);
    auto y = run_layer(0, u, rows, h);
    if (join_) y = join_->forward(at::cat({y, run_second(u, rows, state)}, -1));
    if (gate_) {
      if (to_gate_) y = to_gate_->forward(y);
      y = y * activate(config_.gate_act, gate_->forward(x));
    }
    y = drop(activate(config_.mult_act, y));
    return output_ ? mapped(y, "none", rows) : zero_padding(activate_or_gate(config_.final_act, y), rows.valid);
  }

  State first_state(std::int64_t b) const override {
    if (!properties().streams) return SequenceMixer::first_state(b);
    State state{{"h", layers_[0].initial_state(b)}};
    if (join_) state["h_second"] = layers_[1].initial_state(b);
    return state;
  }

  bool scale_step(double factor) override {
    for (auto& layer : layers_) layer.kernel->scale_step(factor);
    return true;
  }

  TensorMap import_reference(TensorMap weights) const override {
    complete_s4_weights(*this, weights);
    number_output_map(weights);
    return weights;
  }

 private:
  bool causal() const { return !options_.bidirectional && config_.second_layer != "reversed"; }

  /// Whether the layer's outputs go through its activation straight to the output map.
  bool nothing_between() const {
    const auto& c = config_;
    return output_ && !join_ && !gate_ && c.mult_act == "none" && c.activation != "glu" &&
           (c.dropout == 0 || !is_training());
  }

  void add_layer(const char* name) {
    owners_.push_back(register_module(name, std::make_shared<Module>()));
    layers_.push_back(make_s4_layer(*owners_.back(), options_, config_.activation));
  }

  struct Rows {
    const Lengths& lengths;
    at::Tensor valid;  // valid_steps of them
  };

  /// The output map of y, which first goes through `activation`; zeros at padded steps.
  at::Tensor mapped(const at::Tensor& y, const std::string& activation, const Rows& rows) {
    return map_and_activate(config_.final_act, y, output_->weight, output_->bias, activation, rows.valid);
  }

  at::Tensor run_layer(std::size_t i, const at::Tensor& u, const Rows& rows, at::Tensor* state) {
    return layers_[i].activated(drop(layers_[i].forward(u, rows.lengths, rows.valid, state)));
  }

  at::Tensor run_second(const at::Tensor& u, const Rows& rows, State* state) {
    if (config_.second_layer == "same") return run_layer(1, u, rows, state ? &state->at("h_second") : nullptr);
    return reversed(run_layer(1, reversed(u, rows.lengths), rows, nullptr), rows.lengths);
  }

  /// Every row's real steps in reverse order; what is padded stays where it is.
  static at::Tensor reversed(const at::Tensor& x, const Lengths& lengths) {
    if (!lengths.defined()) return x.flip(1);
    const auto step = at::arange(x.size(1), lengths.options()).unsqueeze(0), end = lengths.unsqueeze(1);
    const auto source = at::where(step < end, end - 1 - step, step);  // [b, t]
    return x.gather(1, source.unsqueeze(-1).expand_as(x));
  }

  at::Tensor drop(const at::Tensor& y) {
    const Dropout dropout{config_.dropout, random_.get()};
    if (!config_.dropout_tie) return dropout(y, is_training());
    if (!is_training() || config_.dropout == 0) return y;
    return y * dropout(at::ones({y.size(0), 1, y.size(2)}, y.options()), true);
  }

  S4BlockConfig config_;
  std::int64_t d_;
  S4Options options_;  // of the layers
  std::vector<std::shared_ptr<Module>> owners_;
  std::vector<S4Layer> layers_;
  torch::nn::Linear input_{nullptr}, gate_{nullptr}, to_gate_{nullptr}, join_{nullptr}, output_{nullptr};
  DropoutStream random_;
};

void configure(const Json& config, MixerSizes& sizes, Json& settings) {
  sizes.d = config.at("H").get<std::int64_t>();
  sizes.l_max = s4_length(config);
  settings = s4_settings(config);
  for (const auto* key : {"gate", "bottleneck", "gate_act", "mult_act"})  // null: none
    if (settings.contains(key) && settings[key].is_null()) settings.erase(key);
  if (settings.contains("final_act") && settings["final_act"].is_null())
    settings["final_act"] =
        stored_rows(config, "output_linear.weight") + stored_rows(config, "output_linear.0.weight") > 0 ? "linear"
                                                                                                        : "none";
  if (settings.contains("tie_dropout")) settings["dropout_tie"] = settings["tie_dropout"];
}

const RegisterMixer<S4Block> registered({
    .name = "s4_block",
    .title = "S4 block",
    .family = "state space",
    .summary = "S4 or S4D layer, activation, and a gated linear map of the features",
    .source = "Gu, Goel, Re 2021, arXiv 2111.00396",
    .reference = {.system_ids = {"s4_block"},
                  .configure = configure,
                  .final_state =
                      [](const State& state) {
                        return TensorMap{{"final_state", state.at("h")}};
                      },
                  .initial_state = initial_state_as("h"),
                  .layout_of = transposed_layout,
                  .lengths_only_mask = true},
    .variants = {{"diagonal", {{"mode", "diag"}, {"init", "diag-inv"}, {"d_state", 8}, {"channels", 2}}, 6},
                 {"plain", {{"mode", "diag"}, {"init", "diag-lin"}, {"d_state", 4}, {"final_act", "none"}}, 5},
                 {"gated", {{"mode", "diag"}, {"d_state", 4}, {"bottleneck", 2}, {"gate", 2}, {"gate_act", "gelu"}}, 6},
                 {"wide",
                  {{"d_state", 4}, {"channels", 2}, {"gate", 2}, {"mult_act", "silu"}, {"activation", "glu"}},
                  5},
                 {"two layers", {{"mode", "diag"}, {"d_state", 4}, {"second_layer", "same"}, {"is_real", true}}, 5},
                 {"both ends", {{"d_state", 4}, {"second_layer", "reversed"}, {"final_act", "linear"}}, 6},
                 {"bidirectional", {{"bidirectional", true}, {"d_state", 8}, {"n_ssm", 2}}, 6}},
});

}  // namespace
}  // namespace longwave
