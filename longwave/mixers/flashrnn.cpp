// Recurrent cells with a recurrent matrix for each head (FlashRNN: Poeppel et al. 2024): Elman, LSTM, GRU, and the
// sLSTM with its exponential gate (xLSTM: Beck et al. 2024), in the layer of the latter: head-wise input projections
// without bias, for the gates i and f behind a short causal convolution, and a norm of each head's output.

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/headwise_weights.h"
#include "longwave/ops/recurrent.h"
#include "longwave/ops/short_convolution.h"

namespace longwave {
namespace {

using at::Tensor;
using ops::Cell;

constexpr bool has_forget_gate(Cell cell) { return cell == Cell::lstm || cell == Cell::slstm; }

const char* name_of(Cell cell) {
  switch (cell) {
    case Cell::lstm:
      return "flashrnn_lstm";
    case Cell::gru:
      return "flashrnn_gru";
    case Cell::slstm:
      return "slstm";
    default:
      return "flashrnn_elman";
  }
}

/// Gates of the input projections, in the order of the cell.
std::vector<std::string> gate_names(Cell cell) {
  if (has_forget_gate(cell)) return {"igate", "fgate", "zgate", "ogate"};
  if (cell == Cell::gru) return {"rgate", "zgate", "ngate"};
  return {"gate"};
}

template <Cell kCell>
struct HeadwiseConfig {
  std::int64_t heads = 4, conv = kCell == Cell::slstm ? 4 : 0;
  bool norm = true, cut_recurrent_gradient = false;
  double clip_recurrent_gradient = 0;
  std::string recurrent_init = "zeros", forget_init = "powerlaw";

  static const FieldTable<HeadwiseConfig>& fields() {
    static const auto table = make_fields();
    return table;
  }

  double clip() const {
    if (cut_recurrent_gradient) return 0;
    return clip_recurrent_gradient > 0 ? clip_recurrent_gradient : std::numeric_limits<double>::infinity();
  }

 private:
  static FieldTable<HeadwiseConfig> make_fields() {
    using C = HeadwiseConfig;
    FieldTable<C> table;
    table.add("heads", &C::heads, "groups of units, which divide d; each has its own recurrent matrix",
              at_least<std::int64_t>(1));
    if (has_forget_gate(kCell))
      table
          .add("conv", &C::conv, "width of the causal convolution before the gates i and f; 0: none",
               at_least<std::int64_t>(0))
          .add(
              "forget_init", &C::forget_init,
              "forget bias: powerlaw over the units of a head, from 5 to -7 by the depth of the layer; linspace 3 to 6",
              one_of({"powerlaw", "linspace"}));
    table.add("norm", &C::norm, "layer norm of each head's output, with a weight and no bias")
        .add("recurrent_init", &C::recurrent_init,
             "recurrent matrices at the start: zeros, or normal of variance 1 / p", one_of({"zeros", "normal"}))
        .add("clip_recurrent_gradient", &C::clip_recurrent_gradient,
             "bound of the gradient that flows back through the recurrent matrix, number by number; 0: none",
             at_least(0.0))
        .add("cut_recurrent_gradient", &C::cut_recurrent_gradient, "no gradient flows back through that matrix");
    return table;
  }
};

template <Cell kCell>
class Headwise final : public SequenceMixer {
 public:
  using Config = HeadwiseConfig<kCell>;

  Headwise(const MixerSizes& sizes, const Config& config)
      : d_(sizes.d), heads_(config.heads), p_(sizes.d / config.heads), clip_(config.clip()) {
    check(d_ % heads_ == 0, name_of(kCell), ": heads is ", heads_, "; expected a divisor of d = ", d_);
    const double bound = 1 / std::sqrt(static_cast<double>(p_));
    for (const auto& gate : gate_names(kCell))
      projections_.push_back(register_parameter(gate + "_weight", at::empty({heads_, p_, p_}).uniform_(-bound, bound)));
    if (config.conv > 0) {
      const double edge = 1 / std::sqrt(static_cast<double>(config.conv));
      conv_weight_ = register_parameter("conv_weight", at::empty({d_, config.conv}).uniform_(-edge, edge));
      conv_bias_ = register_parameter("conv_bias", at::empty({d_}).uniform_(-edge, edge));
    }
    const auto gates = kernels::gates_of(kCell);
    auto r = at::zeros({heads_, p_, gates, p_});
    if (config.recurrent_init == "normal") r.normal_(0, bound);
    r_ = register_parameter("R", r);
    auto bias = at::zeros({kernels::biases_of(kCell), heads_, p_});
    if (has_forget_gate(kCell)) bias.select(0, 1).copy_(forget_bias(config, sizes.depth()));
    b_ = register_parameter("b", bias);
    if (config.norm) norm_weight_ = register_parameter("norm_weight", at::ones({d_}));
  }

  MixerProperties properties() const override { return {}; }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input(name_of(kCell), x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    auto smooth = x;
    if (conv_weight_.defined()) {
      smooth = ops::short_convolution(x, conv_weight_, conv_bias_, true, state ? state->at("conv") : Tensor());
      if (state) state->at("conv") = ops::short_convolution_state(x, state->at("conv"), lengths);
    }
    const auto start = joint(state ? *state : zero_state(x.size(0)));
    const auto out = ops::recurrent(project(x, smooth), r_, b_, start, lengths, {.cell = kCell, .clip = clip_});
    if (state) split(out.last, *state);
    auto y = out.y;
    if (norm_weight_.defined()) y = at::layer_norm(y, {p_}, {}, {}, 1e-5) * norm_weight_.view({heads_, p_});
    return zero_padding(y.flatten(-2), valid);
  }

  State first_state(std::int64_t b) const override { return zero_state(b); }

  TensorMap import_reference(TensorMap weights) const override {
    return import_headwise_weights({name_of(kCell), kCell, heads_, p_}, weights);
  }

 private:
  Tensor forget_bias(const Config& config, double depth) const {
    if (config.forget_init == "linspace") return at::linspace(3, 6, p_).expand({heads_, p_});
    const auto place = at::arange(p_, at::kDouble) / static_cast<double>(std::max<std::int64_t>(1, p_ - 1));
    return (5 - 12 * place.pow(0.3 + 1.3 * depth)).expand({heads_, p_});
  }

  /// W x of every gate, [b, t, gates, heads, p]. One product a head for all gates that read the same input.
  Tensor project(const Tensor& x, const Tensor& smooth) const {
    if (!conv_weight_.defined()) return product(x, projections_);
    return at::cat(
        {product(smooth, {projections_[0], projections_[1]}), product(x, {projections_[2], projections_[3]})}, 2);
  }
  Tensor product(const Tensor& x, const std::vector<Tensor>& weights) const {
    const auto gates = static_cast<std::int64_t>(weights.size()), b = x.size(0), t = x.size(1);
    const auto inputs = x.reshape({b * t, heads_, p_}).transpose(0, 1);  // [heads, b t, p]
    const auto matrix = at::cat(weights, 1).transpose(1, 2);             // [heads, p, gates p]
    return at::bmm(inputs, matrix).view({heads_, b, t, gates, p_}).permute({1, 2, 3, 0, 4});
  }

  // The state by its names, each [b, heads, p], beside the last inputs of the convolution.
  static std::vector<std::string> state_names() {
    std::vector<std::string> names = {"h", "c", "n", "m"};
    names.resize(static_cast<std::size_t>(kernels::states_of(kCell)));
    return names;
  }
  State zero_state(std::int64_t b) const {
    const auto options = r_.options().requires_grad(false);
    State state;
    for (const auto& name : state_names()) state[name] = at::zeros({b, heads_, p_}, options);
    if (conv_weight_.defined()) state["conv"] = at::zeros({b, conv_weight_.size(1), d_}, options);
    return state;
  }
  static Tensor joint(const State& state) {
    std::vector<Tensor> parts;
    for (const auto& name : state_names()) parts.push_back(state.at(name));
    return at::stack(parts, 1);
  }
  static void split(const Tensor& joint, State& state) {
    const auto names = state_names();
    for (std::size_t k = 0; k < names.size(); ++k) state[names[k]] = joint.select(1, static_cast<std::int64_t>(k));
  }

  std::int64_t d_, heads_, p_;
  double clip_;
  std::vector<Tensor> projections_;
  Tensor conv_weight_, conv_bias_, r_, b_, norm_weight_;
};

std::vector<MixerVariant> variants(bool forget_gate) {
  std::vector<MixerVariant> all = {
      {"one_head", {{"heads", 1}, {"recurrent_init", "normal"}}, 19},
      {"three_heads", {{"heads", 3}, {"recurrent_init", "normal"}, {"norm", false}}, 27},
  };
  if (forget_gate) {
    all.push_back({"conv", {{"heads", 2}, {"conv", 3}, {"recurrent_init", "normal"}, {"forget_init", "linspace"}}, 10});
    all.push_back({"no_conv", {{"heads", 2}, {"conv", 0}, {"recurrent_init", "normal"}}, 6});
  }
  return all;
}

const char kFlashRnn[] = "Poeppel, Beck, Hochreiter 2024, FlashRNN, arXiv:2412.07752";

const RegisterMixer<Headwise<Cell::rnn_tanh>> elman({
    .name = "flashrnn_elman",
    .title = "FlashRNN Elman",
    .family = "recurrent",
    .summary = "tanh network with a recurrent matrix for each head",
    .source = kFlashRnn,
    .variants = variants(false),
});
const RegisterMixer<Headwise<Cell::lstm>> lstm({
    .name = "flashrnn_lstm",
    .title = "FlashRNN LSTM",
    .family = "recurrent",
    .summary = "LSTM with a recurrent matrix for each head",
    .source = kFlashRnn,
    .variants = variants(true),
});
const RegisterMixer<Headwise<Cell::gru>> gru({
    .name = "flashrnn_gru",
    .title = "FlashRNN GRU",
    .family = "recurrent",
    .summary = "GRU with a recurrent matrix for each head",
    .source = kFlashRnn,
    .variants = variants(false),
});
const RegisterMixer<Headwise<Cell::slstm>> slstm({
    .name = "slstm",
    .title = "sLSTM",
    .family = "recurrent",
    .summary = "LSTM with exponential input gate, normaliser, and a recurrent matrix for each head",
    .source = "Beck et al. 2024, xLSTM, arXiv:2405.04517; Poeppel et al. 2024, FlashRNN",
    .variants = variants(true),
});

}  // namespace
}  // namespace longwave
