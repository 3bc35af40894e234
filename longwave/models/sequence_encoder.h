#pragma once

#include <string>

#include "longwave/mixers/mixer.h"
#include "longwave/nn/dropout.h"

namespace longwave {

/// What the steps of a sequence are and how they become vectors.
struct EncoderConfig {
  std::int64_t tokens = 0;  // size of the vocabulary; 0: the steps are numbers
  std::int64_t inputs = 0;  // numbers a step; with `tokens`, 0
  std::int64_t d = 0;
  std::int64_t l_max = 0;          // longest sequence, class token included; positions = "learned" needs it
  std::string positions = "none";  // none, sinusoidal (Vaswani et al. 2017) or learned, added to the vectors
  double deviation = 1;            // of the embedding's first values
  double dropout = 0;              // of the vectors
  bool class_token = false;        // a learnt vector stands before the first step, at position 0
};

/// Tokens by a table or numbers by a linear map, plus positions, then dropout. Weights: weight [tokens, d], or weight
/// [d, inputs] and bias [d]; positions [l_max, d] if learned; class_token [d] if there is one.
class SequenceEncoder final : public Module {
 public:
  /// Draws from torch's generator (see SeededInit). `dropout_stream` must outlive it.
  SequenceEncoder(const EncoderConfig& config, RandomStream* dropout_stream);

  /// x: [b, t] int64 tokens or [b, t, inputs] numbers -> [b, t, d], with a class token [b, 1 + t, d]. With `state`,
  /// positions go on from state["position"] [b], the steps seen before. UserError if x or that does not fit.
  at::Tensor forward(const at::Tensor& x, const Lengths& lengths = {}, State* state = nullptr);

  /// Adds what the positions need to the state before the first of b rows.
  void add_initial_state(State& state, std::int64_t b) const;

  const at::Tensor& weight() const { return weight_; }

 private:
  void check_input(const at::Tensor& x) const;
  at::Tensor add_positions(const at::Tensor& y, const Lengths& lengths, State* state);
  at::Tensor position_table(std::int64_t steps, const at::Tensor& like);

  EncoderConfig config_;
  Dropout dropout_;
  at::Tensor weight_, bias_, learned_, class_token_;
  at::Tensor sinusoids_;  // as many rows as were ever needed
};

}  // namespace longwave
