// The classic recurrent networks as mixers: RNN (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997, with the forget
// gate of Gers et al. 2000), GRU (Cho et al. 2014, with the reset gate after the product).

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/recurrent.h"

namespace longwave {
namespace {

enum class Network { rnn, lstm, gru };

template <Network kNetwork>
struct ClassicConfig {
  std::int64_t hidden = 0, layers = 1;
  bool bidirectional = false, bias = true;
  std::string nonlinearity = "tanh";

  static const FieldTable<ClassicConfig>& fields() {
    static const auto table = make_fields();
    return table;
  }

  ops::Cell cell() const {
    if constexpr (kNetwork == Network::lstm) return ops::Cell::lstm;
    if constexpr (kNetwork == Network::gru) return ops::Cell::gru;
    return nonlinearity == "relu" ? ops::Cell::rnn_relu : ops::Cell::rnn_tanh;
  }

 private:
  static FieldTable<ClassicConfig> make_fields() {
    FieldTable<ClassicConfig> table;
    table
        .add(
            "hidden", &ClassicConfig::hidden,
            "units of a layer and direction; 0: as many as give an output of width d; with others, a linear map brings "
            "the output to width d",
            at_least<std::int64_t>(0))
        .add("layers", &ClassicConfig::layers, "layers, each reading the outputs of the one before",
             at_least<std::int64_t>(1))
        .add("bidirectional", &ClassicConfig::bidirectional, "a second network reads every layer's input backwards")
        .add("bias", &ClassicConfig::bias, "add biases");
    if (kNetwork == Network::rnn)
      table.add("nonlinearity", &ClassicConfig::nonlinearity, "tanh or relu", one_of({"tanh", "relu"}));
    return table;
  }
};

template <Network kNetwork>
class ClassicMixer final : public SequenceMixer {
 public:
  using Config = ClassicConfig<kNetwork>;

  ClassicMixer(const MixerSizes& sizes, const Config& config) : d_(sizes.d) {
    shape_ = {.cell = config.cell(),
              .input = d_,
              .hidden = config.hidden,
              .layers = config.layers,
              .bidirectional = config.bidirectional,
              .bias = config.bias};
    if (shape_.hidden == 0) {
      check(d_ % shape_.directions() == 0, name(), ": d is ", d_, "; expected an even one, half for each direction");
      shape_.hidden = d_ / shape_.directions();
    }
    weights_ = register_recurrent_weights(*this, shape_);
    if (shape_.hidden * shape_.directions() != d_)
      out_proj_ = register_module("out_proj", torch::nn::Linear(shape_.hidden * shape_.directions(), d_));
  }

  MixerProperties properties() const override {
    MixerProperties p;
    if (shape_.bidirectional)
      p.causal = p.streams = false, p.reason = "the backward direction reads from the last step";
    return p;
  }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input(name(), x, d_, lengths, state);
    const auto valid = valid_steps(lengths, x);
    const auto start = state ? joint(*state) : joint(zero_state(x.size(0)));
    const auto out = run_recurrent(shape_, weights_, zero_padding(x, valid), lengths, start);
    if (state) split(out.last, *state);
    return out_proj_ ? zero_padding(out_proj_->forward(out.y), valid) : out.y;
  }

  State first_state(std::int64_t b) const override {
    if (shape_.bidirectional) return SequenceMixer::first_state(b);
    return zero_state(b);
  }

 private:
  static const char* name() { return kNetwork == Network::lstm ? "lstm" : kNetwork == Network::gru ? "gru" : "rnn"; }

  // The state by its names, each [b, layers directions, hidden], and as the network takes it.
  State zero_state(std::int64_t b) const {
    State state;
    split(at::zeros({b, kernels::states_of(shape_.cell), shape_.layers * shape_.directions(), shape_.hidden},
                    weights_[0].weight_hh.options().requires_grad(false)),
          state);
    return state;
  }
  void split(const at::Tensor& joint, State& state) const {
    state["h"] = joint.select(1, 0);
    if (shape_.cell == ops::Cell::lstm) state["c"] = joint.select(1, 1);
  }
  at::Tensor joint(const State& state) const {
    if (shape_.cell != ops::Cell::lstm) return state.at("h").unsqueeze(1);
    return at::stack({state.at("h"), state.at("c")}, 1);
  }

  std::int64_t d_;
  RecurrentShape shape_;
  std::vector<RecurrentWeights> weights_;
  torch::nn::Linear out_proj_{nullptr};
};

const std::vector<MixerVariant> kVariants = {
    {"layers", {{"layers", 2}, {"hidden", 5}}, 7},
    {"bidirectional", {{"layers", 2}, {"bidirectional", true}}, 6},
    {"no_bias", {{"bias", false}}, 37},
};
std::vector<MixerVariant> rnn_variants() {
  auto all = kVariants;
  all.push_back({"relu", {{"nonlinearity", "relu"}}, 9});
  return all;
}

const RegisterMixer<ClassicMixer<Network::rnn>> rnn({
    .name = "rnn",
    .title = "RNN",
    .family = "recurrent",
    .summary = "Elman network with tanh or relu",
    .source = "Elman, Finding structure in time, 1990",
    .variants = rnn_variants(),
});
const RegisterMixer<ClassicMixer<Network::lstm>> lstm({
    .name = "lstm",
    .title = "LSTM",
    .family = "recurrent",
    .summary = "long short-term memory with forget gate",
    .source = "Hochreiter and Schmidhuber, Long short-term memory, 1997; Gers et al. 2000",
    .variants = kVariants,
});
const RegisterMixer<ClassicMixer<Network::gru>> gru({
    .name = "gru",
    .title = "GRU",
    .family = "recurrent",
    .summary = "gated recurrent unit, reset gate after the product",
    .source = "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014",
    .variants = kVariants,
});

}  // namespace
}  // namespace longwave
