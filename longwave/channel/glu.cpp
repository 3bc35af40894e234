// Gated linear units (Dauphin et al. 2017) and the variants of Shazeer (2020):
//   y = W_down (f(W_gate x + b) * (W_up x + b)) + b,   f: sigmoid (GLU), relu, exact gelu, silu, identity (bilinear).

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "longwave/base/check.h"
#include "longwave/channel/channel.h"
#include "longwave/nn/dropout.h"
#include "longwave/ops/gated_activation.h"

namespace longwave {
namespace {

using torch::nn::Linear;

using Gate = ops::HiddenFunction;

struct GluConfig {
  std::int64_t hidden = 0;
  bool bias = true;
  double dropout = 0;

  static const FieldTable<GluConfig>& fields() {
    static const auto table =
        FieldTable<GluConfig>()
            .add("hidden", &GluConfig::hidden,
                 "hidden units; 0: 8 d / 3, as many weights as an MLP with 4 d, up to the next multiple of 8",
                 at_least<std::int64_t>(0))
            .add("bias", &GluConfig::bias, "add biases")
            .add("dropout", &GluConfig::dropout, "dropout of the hidden layer", fraction());
    return table;
  }
};

template <Gate kGate>
class Glu final : public ChannelMixer {
 public:
  using Config = GluConfig;

  Glu(std::int64_t d, const Config& config, RandomStream* stream) : d_(d), dropout_{config.dropout, stream} {
    check(config.dropout == 0 || stream, "glu: dropout is ", config.dropout, ", but there is no random stream for it");
    const auto hidden = config.hidden ? config.hidden : (8 * d / 3 + 7) / 8 * 8;
    gate_ = register_module("gate", Linear(torch::nn::LinearOptions(d, hidden).bias(config.bias)));
    up_ = register_module("up", Linear(torch::nn::LinearOptions(d, hidden).bias(config.bias)));
    down_ = register_module("down", Linear(torch::nn::LinearOptions(hidden, d).bias(config.bias)));
  }

  at::Tensor forward(const at::Tensor& x) override {
    check_input("glu", x, d_);
    const auto gate = at::linear(x, gate_->weight);
    return down_->forward(dropout_(ops::gated_activation(gate, gate_->bias, up_->forward(x), kGate), is_training()));
  }

 private:
  std::int64_t d_;
  Dropout dropout_;
  Linear gate_{nullptr}, up_{nullptr}, down_{nullptr};
};

ChannelReference reference(const std::string& system_id) {
  return {.system_ids = {system_id},
          .configure = [](const Json& config, const TensorMap& weights, std::int64_t& d, Json& settings) {
            d = config.at("D");
            settings["hidden"] = config.at("F");
            settings["bias"] = weights.count("up.bias") > 0;
          }};
}

const std::vector<ChannelVariant> kVariants = {{"no_bias", {{"hidden", 5}, {"bias", false}}, 7}};
const char kShazeer[] = "Shazeer 2020, GLU variants improve transformer, arXiv:2002.05202";

const RegisterChannelMixer<Glu<Gate::sigmoid>> glu({"glu", "GLU", "gated linear unit, gate by sigmoid",
                                                    "Dauphin et al. 2017, Language modeling with gated convolutional "
                                                    "networks; Shazeer 2020",
                                                    reference("ffn_glu"), kVariants});
const RegisterChannelMixer<Glu<Gate::silu>> swiglu({"swiglu", "SwiGLU", "gated linear unit, gate by silu", kShazeer,
                                                    reference("ffn_swiglu"), kVariants});
const RegisterChannelMixer<Glu<Gate::gelu>> geglu({"geglu", "GeGLU", "gated linear unit, gate by exact gelu", kShazeer,
                                                   reference("ffn_geglu"), kVariants});
const RegisterChannelMixer<Glu<Gate::relu>> reglu({"reglu", "ReGLU", "gated linear unit, gate by relu", kShazeer,
                                                   reference("ffn_reglu"), kVariants});
const RegisterChannelMixer<Glu<Gate::identity>> bilinear({"bilinear", "Bilinear", "product of two linear maps",
                                                          kShazeer, reference("ffn_bilinear"), kVariants});

}  // namespace
}  // namespace longwave
