#include "longwave/models/backbone.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/models/pieces.h"
#include "longwave/ops/lengths.h"
#include "longwave/ops/steps.h"

namespace longwave {
namespace {

// What layers compute for a piece of so many steps stays in the caches, and memory does not grow with the sequence.
constexpr std::int64_t kPiece = 2048;

/// Refuses what no layer would take. Names without a dot are of what stands around the backbone.
void check_layers(const State& state, std::size_t layers) {
  for (const auto& [name, tensor] : state) {
    const auto dot = name.find('.');
    if (dot == std::string::npos) continue;
    std::size_t layer = layers;
    const auto* end = name.data() + dot;
    check(std::from_chars(name.data(), end, layer).ptr == end && layer < layers, "backbone: the state has '", name,
          "', but there are ", layers, " layers, from 0; expected one of this model's initial_state");
  }
}

/// The part of a state that belongs to a layer, taken out of it and put back in the end: a mixer that finds its tensors
/// to be nobody else's may go on in the same memory.
struct StateOfLayer {
  StateOfLayer(State& all, std::size_t layer) : all(all), prefix(std::to_string(layer) + ".") {
    state.maker = all.maker;
    for (auto& [name, tensor] : all)
      if (name.starts_with(prefix)) state[name.substr(prefix.size())] = std::move(tensor);
  }
  StateOfLayer(const StateOfLayer&) = delete;
  StateOfLayer& operator=(const StateOfLayer&) = delete;
  ~StateOfLayer() {
    for (auto& [name, tensor] : state) all[prefix + name] = std::move(tensor);
  }

  State& all;
  std::string prefix;
  State state;
};

void check_recompute(const BackboneConfig& config, const MixerProperties& promised) {
  if (config.recompute == 0) return;
  const auto* field = "backbone: recompute goes through a sequence in pieces; ";
  check(promised.streams, field, config.mixer, " does not stream: ", promised.reason, "; expected recompute = 0");
  check(promised.cost != Cost::quadratic, field, "the state of ", config.mixer,
        " grows with the sequence, and each piece would keep one; expected recompute = 0");
  check(config.norm != "batch", field,
        "norm = \"batch\" takes its means over all steps at once; expected another norm");
  check(!config.tied_dropout || config.dropout == 0, field,
        "tied_dropout has one mask for all steps; expected tied_dropout = false");
}

}  // namespace

Block::Block(const BackboneConfig& config, std::int64_t layer, std::uint64_t seed, RandomStream* dropout_stream)
    : config_(config), dropout_{config.dropout, dropout_stream} {
  const auto& info = find_mixer(config.mixer);
  const auto settings = settings_from_json(config.mixer_settings, "mixer " + config.mixer);
  const MixerSizes sizes{config.d_model, config.l_max, dropout_stream, layer, config.layers};
  const auto mixer_config = info.resolve(settings, "mixer", false);
  mixer_ = register_module("mixer", info.make(sizes, mixer_config, seed));
  if (config.bidirectional) mixer_back_ = register_module("mixer_back", info.make(sizes, mixer_config, ~seed));
  mixer_norm_ = register_module("mixer_norm", make_sequence_norm(config.norm, config.d_model));
  if (config.channel == "none") return;
  const auto& channel = find_channel_mixer(config.channel);
  const auto resolved =
      channel.resolve(settings_from_json(config.channel_settings, "channel mixer " + config.channel), "channel", false);
  channel_ = register_module("channel", channel.make(config.d_model, resolved, seed + 1, dropout_stream));
  channel_norm_ = register_module("channel_norm", make_sequence_norm(config.norm, config.d_model));
}

at::Tensor Block::drop(const at::Tensor& y) const {
  if (!config_.tied_dropout || !is_training() || config_.dropout == 0) return dropout_(y, is_training());
  return y * dropout_(at::ones({y.size(0), 1, y.size(2)}, y.options()), true);
}

at::Tensor Block::mix(const at::Tensor& x, const Lengths& lengths, State* state) {
  check(!mixer_back_ || !state, "backbone: bidirectional blocks see all steps and carry no state");
  auto y = mixer_->forward(x, lengths, state);
  check(y.size(2) == x.size(2), "backbone: with these settings ", config_.mixer, " gives ", y.size(2), " features for ",
        x.size(2), "; expected as many, to be added to what went in (channels = 1)");
  if (!mixer_back_) return y;
  return y + reverse_steps(mixer_back_->forward(reverse_steps(x, lengths), lengths), lengths);
}

bool Block::scale_step(double factor) {
  return mixer_->scale_step(factor) && (!mixer_back_ || mixer_back_->scale_step(factor));
}

at::Tensor Block::forward(const at::Tensor& x, const Lengths& lengths, State* state) {
  const auto valid = valid_steps(lengths, x);
  at::Tensor y;
  if (config_.prenorm) {
    y = drop(mix(mixer_norm_->forward(x, valid), lengths, state));
    if (!channel_) return x + y;  // both have zeros at padded steps
    const auto [normed, sum] = channel_norm_->forward_sum(y, x, valid);
    y = sum + drop(channel_->forward(normed));
  } else {
    y = mixer_norm_->forward_sum(drop(mix(x, lengths, state)), x, valid).first;
    if (channel_) y = channel_norm_->forward_sum(drop(channel_->forward(y)), y, valid).first;
  }
  return zero_padding(y, valid);
}

Backbone::Backbone(const BackboneConfig& config, std::uint64_t seed)
    : random(RandomStream{seed, 0}.split(1)), config_(config) {
  check(config.layers >= 1, "backbone: layers is ", config.layers, "; expected at least 1");
  const auto list = register_module("layers", std::make_shared<Module>());
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const auto seed_of_layer = RandomStream{seed, 0}.split(static_cast<std::uint64_t>(2 + i)).seed;
    blocks_.push_back(
        list->register_module(std::to_string(i), std::make_shared<Block>(config, i, seed_of_layer, &random)));
  }
  if (config.prenorm) norm_ = register_module("norm", make_sequence_norm(config.norm, config.d_model));
  if (const auto weights = parameters(); !weights.empty()) a_weight_ = weights.front();
  check_recompute(config, properties());
}

at::Tensor Backbone::forward(const at::Tensor& x, const Lengths& lengths, State* state) {
  check(x.dim() == 3 && x.size(2) == config_.d_model, "backbone: x is ", x.sizes(), "; expected [b, t, ",
        config_.d_model, "]");
  if (a_weight_.defined()) check_like_weight("backbone", x, a_weight_);
  if (lengths.defined()) ops::check_lengths("backbone", lengths, x);
  if (state) check_layers(*state, blocks_.size());
  const bool evaluates = !is_training() && !at::GradMode::is_enabled();
  if (evaluates && x.size(1) > 2 * kPiece)
    if (const auto promised = properties(); promised.streams && promised.cost == Cost::linear)
      return evaluate_in_pieces(*this, kPiece, x, lengths, state);
  if (config_.recompute > 0 && x.size(1) > config_.recompute && at::GradMode::is_enabled())
    return train_in_pieces(*this, config_.recompute, x, lengths, state);
  const auto valid = valid_steps(lengths, x);
  auto y = zero_padding(x, valid);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (!state) {
      y = blocks_[i]->forward(y, lengths, nullptr);
      continue;
    }
    StateOfLayer own(*state, i);
    y = blocks_[i]->forward(y, lengths, &own.state);
  }
  return norm_ ? zero_padding(norm_->forward(y, valid), valid) : y;
}

MixerProperties Backbone::properties() const {
  auto p = blocks_.front()->mixer().properties();
  if (config_.bidirectional) p.causal = p.streams = false, p.reason = "both directions see all steps";
  return p;
}

State Backbone::initial_state(std::int64_t b) {
  check(!config_.bidirectional, "backbone: bidirectional blocks see all steps and carry no state");
  State all;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto own = blocks_[i]->mixer().initial_state(b);
    for (const auto& [name, tensor] : own) all[std::to_string(i) + "." + name] = tensor;
    all.maker = own.maker;
  }
  return all;
}

void Backbone::scale_step(double factor) {
  check(factor > 0 && std::isfinite(factor), "step scale is ", factor, "; expected a positive number");
  for (auto& block : blocks_)
    check(block->scale_step(factor), "mixer ", config_.mixer, " has no time step that could be scaled; expected a ",
          "state-space model in continuous time, such as s4d or s5");
}

// A factor of one changes nothing.
bool Backbone::has_time_step() { return !blocks_.empty() && blocks_.front()->scale_step(1); }

at::Tensor reverse_steps(const at::Tensor& x, const Lengths& lengths) {
  return lengths.defined() ? ops::reverse_steps(x, lengths) : x.flip(1);
}

ParameterParts parameter_parts(const SequenceModel& model) {
  ParameterParts parts;
  for (const auto& item : model.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const auto& name = item.key();
    const bool before =
        name.starts_with("encoder.") || name.starts_with("embedding.") || name.starts_with("vocabulary.");
    (name.starts_with("backbone.") ? parts.body : before ? parts.embedding : parts.head) += item.value().numel();
  }
  return parts;
}

}  // namespace longwave
