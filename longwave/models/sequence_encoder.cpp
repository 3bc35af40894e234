#include "longwave/models/sequence_encoder.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/nn/embedding.h"

namespace longwave {

SequenceEncoder::SequenceEncoder(const EncoderConfig& config, RandomStream* dropout_stream)
    : config_(config), dropout_{config.dropout, dropout_stream} {
  check(config.tokens > 0 || config.inputs > 0,
        "encoder: neither tokens nor inputs; expected the size of a vocabulary ", "or the numbers a step");
  if (config.tokens > 0) {
    weight_ = register_parameter("weight", at::empty({config.tokens, config.d}).normal_(0, config.deviation));
  } else {
    const double bound = 1 / std::sqrt(static_cast<double>(config.inputs));
    weight_ = register_parameter("weight", at::empty({config.d, config.inputs}).uniform_(-bound, bound));
    bias_ = register_parameter("bias", at::empty({config.d}).uniform_(-bound, bound));
  }
  if (config.class_token) class_token_ = register_parameter("class_token", at::zeros({config.d}));
  if (config.positions != "learned") return;
  check(config.l_max > 0, "encoder: learned positions need the length of the longest sequence");
  learned_ = register_parameter("positions", at::empty({config.l_max, config.d}).normal_(0, 0.02));
}

void SequenceEncoder::check_input(const at::Tensor& x) const {
  if (config_.tokens > 0) {
    check(x.dim() == 2 && x.scalar_type() == at::kLong, "encoder: x is ", x.scalar_type(), " ", x.sizes(),
          "; expected int64 [b, t]");
    check_tokens("encoder", x, config_.tokens);
  } else {
    check(x.dim() == 3 && x.size(2) == config_.inputs && x.scalar_type() == weight_.scalar_type(), "encoder: x is ",
          x.scalar_type(), " ", x.sizes(), "; expected ", weight_.scalar_type(), " [b, t, ", config_.inputs, "]");
  }
}

at::Tensor SequenceEncoder::forward(const at::Tensor& x, const Lengths& lengths, State* state) {
  check_input(x);
  auto y = config_.tokens > 0
               ? at::embedding(weight_, x)
               // What stands at padded steps may be no number, which times a gradient of zero is none either.
               : at::linear(zero_padding(x, valid_steps(lengths, x)), weight_, bias_);
  if (class_token_.defined()) y = at::cat({class_token_.expand({y.size(0), 1, config_.d}), y}, 1);
  if (config_.positions != "none") y = add_positions(y, lengths, state);
  return dropout_(y, is_training());
}

at::Tensor SequenceEncoder::add_positions(const at::Tensor& y, const Lengths& lengths, State* state) {
  const auto b = y.size(0), t = y.size(1);
  if (!state) return y + position_table(t, y).narrow(0, 0, t);
  const auto found = state->find("position");
  check(found != state->end(), "encoder: the state has no 'position'; expected one of this model's initial_state");
  const auto before = found->second;
  check(before.dim() == 1 && before.size(0) == b && before.scalar_type() == at::kLong, "encoder: state position is ",
        before.scalar_type(), " ", before.sizes(), "; expected int64 [b] = [", b, "]");
  const auto last = before.numel() ? before.max().item<std::int64_t>() : 0;
  const auto index = before.unsqueeze(1) + at::arange(t, before.options()).unsqueeze(0);
  (*state)["position"] = before + (lengths.defined() ? lengths : at::full({b}, t, before.options()));
  return y + position_table(last + t, y).index_select(0, index.view({-1})).view({b, t, -1});
}

/// At least `steps` rows.
at::Tensor SequenceEncoder::position_table(std::int64_t steps, const at::Tensor& like) {
  if (learned_.defined()) {
    const std::int64_t token = class_token_.defined() ? 1 : 0;
    check(steps <= config_.l_max, "encoder: the sequence has ", steps - token,
          " steps; the learned positions reach to ", config_.l_max - token,
          ", the longest of the training data (positions = \"sinusoidal\" have no end)");
    return learned_;
  }
  if (!sinusoids_.defined() || sinusoids_.size(0) < steps || sinusoids_.scalar_type() != like.scalar_type())
    sinusoids_ = sinusoidal_positions(std::max<std::int64_t>(2 * steps, 64), config_.d).to(like.options());
  return sinusoids_;
}

void SequenceEncoder::add_initial_state(State& state, std::int64_t b) const {
  if (config_.positions != "none") state["position"] = at::zeros({b}, at::kLong);
}

}  // namespace longwave
