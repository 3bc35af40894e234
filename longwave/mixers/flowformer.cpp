// Flowformer (Wu et al. 2022): linear attention as a flow network. Conservation of the flow into every sink and out of
// every source makes the sources compete and the sinks share, which takes the place of the softmax.

#include <ATen/ATen.h>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/attention_projections.h"
#include "longwave/nn/flow_attention.h"

namespace longwave {
namespace {

using at::Tensor;

class Flowformer final : public SequenceMixer {
 public:
  struct Config {
    std::int64_t heads = 0;
    bool causal = true;
    std::string kernel = "sigmoid";
    double eps = 1e-6;
    static const FieldTable<Config>& fields() {
      static const auto table =
          FieldTable<Config>()
              .add("heads", &Config::heads, "attention heads; 0: of 64 numbers each", at_least<std::int64_t>(0))
              .add("causal", &Config::causal, "a step sees itself and the past; otherwise the whole sequence")
              .add("kernel", &Config::kernel, "features of queries and keys", one_of({"sigmoid", "relu"}))
              .add("eps", &Config::eps, "added to the factors of every flow", at_least(0.0));
      return table;
    }
  };

  Flowformer(const MixerSizes& sizes, const Config& config)
      : d_(sizes.d), config_(config), maps_(*this, "flowformer", d_, config.heads) {}

  MixerProperties properties() const override {
    if (config_.causal) return {};
    return {.causal = false,
            .streams = false,
            .cost = Cost::linear,
            .reason = "flows are conserved over the whole sequence"};
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("flowformer", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto q = features(maps_.query->forward(x)), k = features(maps_.key->forward(x));
    const auto v = split_heads(maps_.value->forward(x), maps_.heads);
    const auto y = config_.causal ? causal_flow_attention(q, k, v, valid, lengths, config_.eps, state)
                                  : flow_attention(q, k, v, valid, valid, config_.eps);
    return zero_padding(maps_.out->forward(merge_heads(y)), valid);
  }

  State first_state(std::int64_t b) const override {
    if (!config_.causal) return SequenceMixer::first_state(b);
    return flow_state(b, maps_.heads, d_ / maps_.heads, d_ / maps_.heads, maps_.out->weight);
  }

 private:
  Tensor features(const Tensor& x) const {
    return split_heads(config_.kernel == "sigmoid" ? at::sigmoid(x) : at::relu(x) + 1e-6, maps_.heads);
  }

  std::int64_t d_;
  Config config_;
  AttentionProjections maps_;
};

MixerReference reference() {
  return {.system_ids = {"flowformer"}, .configure = [](const Json& config, MixerSizes& sizes, Json& settings) {
            sizes.d = config.at("D");
            settings["heads"] = config.at("H");
            settings["causal"] = config.value("causal", config.value("variant", "causal") == std::string("causal"));
          }};
}

const RegisterMixer<Flowformer> registered({"flowformer",
                                            "Flowformer",
                                            "linear attention",
                                            "linear attention that conserves the flow between steps",
                                            "Wu et al. 2022, Flowformer, arXiv:2202.06258",
                                            reference(),
                                            {{"heads", {{"heads", 3}}, 12},
                                             {"relu", {{"heads", 2}, {"kernel", "relu"}, {"eps", 1e-2}}},
                                             {"bidirectional", {{"heads", 2}, {"causal", false}}}}});

}  // namespace
}  // namespace longwave
