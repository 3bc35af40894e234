// The transformer's feed-forward layer: y = W_down f(W_up x + b) + b.

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "longwave/base/check.h"
#include "longwave/channel/channel.h"
#include "longwave/nn/dropout.h"
#include "longwave/ops/mlp.h"

namespace longwave {
namespace {

using torch::nn::Linear;

struct MlpConfig {
  std::string activation = "gelu";
  std::int64_t hidden = 0;
  bool bias = true;
  double dropout = 0;

  static const FieldTable<MlpConfig>& fields() {
    static const auto table =
        FieldTable<MlpConfig>()
            .add("activation", &MlpConfig::activation,
                 "gelu is the exact form with erf, gelu_tanh its approximation, relu2 the square of relu",
                 one_of({"gelu", "gelu_tanh", "relu", "relu2", "silu", "tanh", "sigmoid"}))
            .add("hidden", &MlpConfig::hidden, "hidden units; 0: 4 d", at_least<std::int64_t>(0))
            .add("bias", &MlpConfig::bias, "add biases")
            .add("dropout", &MlpConfig::dropout, "dropout of the hidden layer", fraction());
    return table;
  }
};

at::Tensor activate(const std::string& name, const at::Tensor& x) {
  if (name == "gelu_tanh") return at::gelu(x, "tanh");
  if (name == "relu2") return at::relu(x).square();
  if (name == "silu") return at::silu(x);
  if (name == "tanh") return at::tanh(x);
  return at::sigmoid(x);
}

class MlpChannel final : public ChannelMixer {
 public:
  using Config = MlpConfig;

  MlpChannel(std::int64_t d, const Config& config, RandomStream* stream)
      : d_(d), activation_(config.activation), dropout_{config.dropout, stream} {
    check(config.dropout == 0 || stream, "mlp: dropout is ", config.dropout, ", but there is no random stream for it");
    const auto hidden = config.hidden ? config.hidden : 4 * d;
    up_ = register_module("up", Linear(torch::nn::LinearOptions(d, hidden).bias(config.bias)));
    down_ = register_module("down", Linear(torch::nn::LinearOptions(hidden, d).bias(config.bias)));
  }

  at::Tensor forward(const at::Tensor& x) override {
    check_input("mlp", x, d_);
    if (activation_ != "gelu" && activation_ != "relu")
      return down_->forward(dropout_(activate(activation_, up_->forward(x)), is_training()));
    const bool drops = is_training() && dropout_.p > 0;
    const auto key = drops ? static_cast<std::int64_t>(dropout_.stream->next()) : 0;
    return ops::mlp(x, up_->weight, up_->bias, down_->weight, down_->bias,
                    activation_ == "gelu" ? ops::Activation::gelu : ops::Activation::relu,
                    ops::DropoutPlace::after_activation, drops ? dropout_.p : 0, key);
  }

 private:
  std::int64_t d_;
  std::string activation_;
  Dropout dropout_;
  Linear up_{nullptr}, down_{nullptr};
};

const RegisterChannelMixer<MlpChannel> registered({
    .name = "mlp",
    .title = "MLP",
    .summary = "two linear maps with an activation between them",
    .source = "Vaswani et al. 2017, Attention is all you need; Hendrycks and Gimpel 2016 (GELU)",
    .reference = {.system_ids = {"ffn_mlp"},
                  .configure =
                      [](const Json& config, const TensorMap& weights, std::int64_t& d, Json& settings) {
                        d = config.at("D");
                        settings["hidden"] = config.at("F");
                        settings["bias"] = weights.count("up.bias") > 0;
                        if (config.contains("act")) settings["activation"] = config.at("act");
                      }},
    .variants = {{"relu", {{"activation", "relu"}, {"hidden", 7}}, 5},
                 {"relu2", {{"activation", "relu2"}, {"bias", false}}, 6},
                 {"silu", {{"activation", "silu"}}, 3},
                 {"gelu_tanh", {{"activation", "gelu_tanh"}}, 3}},
});

}  // namespace
}  // namespace longwave
