#pragma once

#include <memory>
#include <string>
#include <vector>

#include "longwave/channel/channel.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/dropout.h"
#include "longwave/nn/sequence_norm.h"

namespace longwave {

/// A stack of equal blocks: which mixer and channel mixer, and how they are put together.
struct BackboneConfig {
  std::string mixer = "mamba";           // registered mixer
  Json mixer_settings = Json::object();  // of its own configuration
  std::string channel = "none";          // registered channel mixer, or none
  Json channel_settings = Json::object();
  std::int64_t d_model = 256, layers = 4, l_max = 0;
  std::string norm = "rms";   // see make_sequence_norm
  bool prenorm = true;        // x + f(norm(x)) and a norm behind the last block; else norm(x + f(x))
  double dropout = 0;         // on f's output
  bool tied_dropout = false;  // one mask per row and channel, the same at all steps
  /// A second mixer per block runs from the last real step to the first; both outputs are added.
  bool bidirectional = false;
  /// Training of longer sequences keeps what the layers compute for so many steps alone, and computes it again for the
  /// gradients (see models/pieces.h); 0: it keeps everything.
  std::int64_t recompute = 0;
};

/// norm -> mixer -> dropout -> residual, and the same with the channel mixer if there is one.
/// Weights: mixer.*, mixer_back.* (the other direction), mixer_norm.*, channel.*, channel_norm.*.
class Block final : public Module {
 public:
  Block(const BackboneConfig& config, std::int64_t layer, std::uint64_t seed, RandomStream* dropout_stream);
  /// x [b, t, d] -> [b, t, d]; lengths and state as in SequenceMixer::forward.
  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state);
  SequenceMixer& mixer() { return *mixer_; }
  bool scale_step(double factor);  // of both mixers: see SequenceMixer

 private:
  at::Tensor drop(const at::Tensor& y) const;
  at::Tensor mix(const at::Tensor& x, const Lengths& lengths, State* state);

  BackboneConfig config_;
  Dropout dropout_;
  std::shared_ptr<SequenceMixer> mixer_, mixer_back_;
  std::shared_ptr<ChannelMixer> channel_;
  std::shared_ptr<SequenceNorm> mixer_norm_, channel_norm_;
};

/// The blocks, and the last norm of prenorm stacks. Weights: layers.N.*, norm.*.
class Backbone final : public Module {
 public:
  Backbone(const BackboneConfig& config, std::uint64_t seed);

  /// x [b, t, d] -> [b, t, d]. Steps at or beyond a row's length influence nothing, and their outputs are zero. With
  /// `state`, continues from it and leaves it behind the last step. Evaluation without gradients takes long sequences
  /// piece by piece where the mixer streams at linear cost: memory for little more than x and y. So does training if
  /// `recompute` says so. UserError if x, the lengths or the state do not fit; a state that a layer refused is not to
  /// be used again, those before it went on.
  at::Tensor forward(const at::Tensor& x, const Lengths& lengths = {}, State* state = nullptr);

  /// States of all layers, by "N.name". UserError if the mixer does not stream.
  State initial_state(std::int64_t b);

  /// Multiplies the step sizes of all mixers by `factor`: see SequenceMixer::scale_step. UserError if they have none.
  void scale_step(double factor);
  /// Whether they have any.
  bool has_time_step();

  MixerProperties properties() const;
  const BackboneConfig& config() const { return config_; }
  Block& block(std::size_t layer) { return *blocks_[layer]; }

  /// Of all dropout here; a checkpoint of two numbers restores it.
  RandomStream random;

 private:
  BackboneConfig config_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<SequenceNorm> norm_;
  at::Tensor a_weight_;  // whose type the inputs must have; undefined if there is none
};

/// x [b, t, d] with every row's real steps in reverse order; padding stays behind them.
at::Tensor reverse_steps(const at::Tensor& x, const Lengths& lengths);

/// A model around a backbone: what comes before it is the embedding, what comes after it the head.
class SequenceModel : public Module {
 public:
  virtual Backbone& backbone() = 0;
};

/// Trainable numbers by place. Tied output maps count as embedding.
struct ParameterParts {
  std::int64_t body = 0, embedding = 0, head = 0;
};
ParameterParts parameter_parts(const SequenceModel& model);

}  // namespace longwave
