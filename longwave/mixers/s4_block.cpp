// The S4 block of the Long Range Arena models (Gu, Goel, Re 2021): S4 or S4D layer, activation, and a linear map of the
// features with an activation of its own, usually a gate. Residual and norm belong to the model.

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
  std::string activation = "gelu", final_act = "glu";
  double dropout = 0;
  bool dropout_tie = false;
  static const FieldTable<S4BlockConfig>& fields() {
    static const auto table = [] {
      auto finals = activation_names();
      finals.push_back("glu");
      finals.push_back("linear");
      FieldTable<S4BlockConfig> t;
      t.add("mode", static_cast<std::string S4BlockConfig::*>(&S4Options::mode),
            "dplr: diagonal plus low rank (S4); diag: diagonal (S4D)", one_of({"dplr", "diag"}));
      add_state_space_fields(t);
      t.add("activation", &S4BlockConfig::activation, "of the layer's outputs", one_of(activation_names()));
      t.add("final_act", &S4BlockConfig::final_act,
            "of the output's linear map; linear: none; none: no linear map either", one_of(finals));
      t.add("dropout", &S4BlockConfig::dropout, "after the layer and after the activation", fraction());
      t.add("dropout_tie", &S4BlockConfig::dropout_tie, "dropout takes whole features of a row");
      return t;
    }();
    return table;
  }
};

/// The init that goes with the mode, where the configuration has the other mode's default.
S4BlockConfig consistent(S4BlockConfig config) {
  if (config.mode == "diag" && config.init == "legs") config.init = "diag-lin";
  return config;
}

class S4Block final : public SequenceMixer {
 public:
  using Config = S4BlockConfig;

  S4Block(const MixerSizes& sizes, const Config& any)
      : config_(consistent(any)), options_(with_sizes(config_, sizes.d, sizes.l_max)) {
    layer_module_ = register_module("layer", std::make_shared<Module>());
    layer_ = make_s4_layer(*layer_module_, options_);
    const auto width = options_.channels * sizes.d;
    check(config_.final_act != "none" || options_.channels == 1, "s4_block: channels is ", options_.channels,
          " without output map; expected final_act linear or glu");
    if (config_.final_act != "none") {
      const auto outputs = config_.final_act == "glu" ? 2 * sizes.d : sizes.d;
      output_ = torch::nn::Linear(width, outputs);
      register_module("output_linear", std::make_shared<Module>())->register_module("0", output_);
    }
    random_.seed = static_cast<std::uint64_t>(at::randint(1LL << 62, {1}, at::kLong).item<std::int64_t>());
  }

  MixerProperties properties() const override {
    return {.causal = !options_.bidirectional,
            .streams = !options_.bidirectional,
            .cost = Cost::linearithmic,
            .reason = options_.bidirectional ? "bidirectional: outputs depend on later steps" : ""};
  }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input("s4_block", x, options_.d, lengths, state);
    const auto valid = valid_steps(lengths, x);
    auto y = layer_.forward(zero_padding(x, valid), lengths, state ? &state->at("h") : nullptr);
    y = drop(activate(config_.activation, y));
    if (output_) y = output_->forward(y);
    if (config_.final_act == "glu")
      y = gated_linear_unit(y);
    else if (output_ && config_.final_act != "linear")
      y = activate(config_.final_act, y);
    return zero_padding(y, valid);
  }

  State initial_state(std::int64_t b) const override {
    check(!options_.bidirectional, "s4_block: a bidirectional layer has no state");
    return {{"h", layer_.initial_state(b)}};
  }

  TensorMap import_reference(TensorMap weights) const override {
    complete_s4_weights(*this, weights);
    return weights;
  }

 private:
  at::Tensor drop(const at::Tensor& y) {
    const Dropout dropout{config_.dropout, &random_};
    if (!config_.dropout_tie) return dropout(y, is_training());
    if (!is_training() || config_.dropout == 0) return y;
    return y * dropout(at::ones({y.size(0), 1, y.size(2)}, y.options()), true);
  }

  S4BlockConfig config_;
  S4Options options_;
  std::shared_ptr<Module> layer_module_;
  S4Layer layer_;
  torch::nn::Linear output_{nullptr};
  RandomStream random_;
};

void configure(const Json& config, MixerSizes& sizes, Json& settings) {
  sizes.d = config.at("H").get<std::int64_t>();
  sizes.l_max = config.value("l_max", config.at("L").get<std::int64_t>());
  settings = s4_settings(config);
}

const RegisterMixer<S4Block> registered({
    .name = "s4_block",
    .title = "S4 block",
    .family = "state space",
    .summary = "S4 or S4D layer, activation, and a gated linear map of the features",
    .source = "Gu, Goel, Re 2021, arXiv 2111.00396",
    .reference = {{"s4_block"}, configure, "bdt", {}, {}},
    .variants = {{"diagonal", {{"mode", "diag"}, {"init", "diag-inv"}, {"d_state", 8}, {"channels", 2}}, 6},
                 {"plain", {{"mode", "diag"}, {"init", "diag-lin"}, {"d_state", 4}, {"final_act", "none"}}, 5},
                 {"bidirectional", {{"bidirectional", true}, {"d_state", 8}, {"n_ssm", 2}}, 6}},
});

}  // namespace
}  // namespace longwave
