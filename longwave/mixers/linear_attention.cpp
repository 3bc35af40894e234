// Linear Transformer, "Transformers are RNNs" (Katharopoulos et al. 2020): attention whose similarity is a product of
// features phi(x) = elu(x) + 1, so that sums over keys replace the matrix over all pairs of steps.

#include <ATen/ATen.h>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/attention_projections.h"
#include "longwave/nn/linear_attention.h"

namespace longwave {
namespace {

using at::Tensor;

class LinearAttention final : public SequenceMixer {
 public:
  struct Config {
    std::int64_t heads = 0;
    bool causal = true;
    double eps = 1e-6;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("heads", &Config::heads, "attention heads; 0: of 64 numbers each", at_least<std::int64_t>(0))
              .add("causal", &Config::causal, "a step sees itself and the past; otherwise the whole sequence")
              .add("eps", &Config::eps, "added to the normaliser", at_least(0.0));
      return table;
    }
  };

  LinearAttention(const MixerSizes& sizes, const Config& config)
      : d_(sizes.d), config_(config), maps_(*this, "linear_attention", d_, config.heads) {}

  MixerProperties properties() const override {
    if (config_.causal) return {};
    return {.causal = false, .streams = false, .reason = "every step reads the sums over the whole sequence"};
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("linear_attention", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto q = elu_features(split_heads(maps_.query->forward(x), maps_.heads));
    const auto k = split_heads(zero_padding(elu_features(maps_.key->forward(x)), valid), maps_.heads);
    const auto v = split_heads(maps_.value->forward(x), maps_.heads);
    return zero_padding(maps_.out->forward(merge_heads(attend(q, k, v, state))), valid);
  }

  State first_state(std::int64_t b) const override {
    if (!config_.causal) return SequenceMixer::first_state(b);
    const auto e = d_ / maps_.heads;
    return {{"sums", at::zeros({b, maps_.heads, e, e + 1}, maps_.out->weight.options().requires_grad(false))}};
  }

 private:
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, State* state) const {
    if (!config_.causal) return linear_attention(q, k, v, config_.eps);
    Tensor sums = state ? state->at("sums") : Tensor();
    const auto o = causal_linear_attention(q, k, v, config_.eps, sums);
    if (state) state->at("sums") = sums;
    return o;
  }

  std::int64_t d_;
  Config config_;
  AttentionProjections maps_;
};

MixerReference reference() {
  return {.system_ids = {"linear_attention"},
          .configure =
              [](const Json& config, MixerSizes& sizes, Json& settings) {
                sizes.d = config.at("D");
                settings["heads"] = config.at("H");
                const auto name = config.value("case", std::string());  // which alone may say it
                settings["causal"] = config.value(
                    "causal", name.find("bidir") == std::string::npos && name.find("noncausal") == std::string::npos);
              },
          .layout = "btd",
          .final_state = {},
          .initial_state = {}};
}

const RegisterMixer<LinearAttention> registered({"linear_attention",
                                                 "Linear Transformer",
                                                 "linear attention",
                                                 "attention by sums of elu features",
                                                 "Katharopoulos et al. 2020, Transformers are RNNs, arXiv:2006.16236",
                                                 reference(),
                                                 {{"heads", {{"heads", 3}}, 12},
                                                  {"bidirectional", {{"heads", 2}, {"causal", false}}}}});

}  // namespace
}  // namespace longwave
