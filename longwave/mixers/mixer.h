#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/base/random.h"
#include "longwave/nn/module.h"
#include "longwave/nn/seeded_init.h"

namespace longwave {

/// A mixer by its name in the registry and its full configuration.
struct MixerIdentity {
  std::string name;
  Json config;
};

/// What a streaming mixer remembers of the past: named tensors, each [b, ...], of a size that does not grow with t
/// (unless its cost says so). Belongs to the kind of mixer that made it, whatever its weights.
struct State : TensorMap {
  using TensorMap::TensorMap;
  State(TensorMap tensors) : TensorMap(std::move(tensors)) {}
  /// Whose it is; null in one that a program puts together, of which names, shapes and types alone can be checked.
  std::shared_ptr<const MixerIdentity> maker;
};

/// True lengths of right-padded rows, [b] int64; undefined means that all rows are full.
using Lengths = at::Tensor;

/// Growth of the work of one layer with the length t of the sequence.
enum class Cost { linear, linearithmic, windowed, quadratic };
const char* name_of(Cost cost);

/// What a mixer of this configuration promises. The contract suite holds it to that.
struct MixerProperties {
  bool causal = true;   // y[t] depends on x[0 .. t] only
  bool streams = true;  // any split with carried state gives the result of the whole
  Cost cost = Cost::linear;
  /// Why it is not causal or does not stream: printed where a promise is missing. Empty if it does both.
  std::string reason;
};

/// The sizes that a model dictates to its mixers.
struct MixerSizes {
  std::int64_t d = 0;      // width of x and y
  std::int64_t l_max = 0;  // longest sequence, for those whose parameters depend on it; 0: unknown
  /// Of the model's dropout, which a mixer's own dropout draws from too, so that one checkpoint restores both. It must
  /// outlive the mixer; null: the mixer has a stream of its own.
  RandomStream* dropout_stream = nullptr;
  /// Place in a stack, 0 .. layers - 1: some begin with a memory that depends on it.
  std::int64_t layer = 0, layers = 1;

  /// From 0 for the first layer to 1 for the last; 0 if there is one.
  double depth() const { return layers > 1 ? static_cast<double>(layer) / static_cast<double>(layers - 1) : 0; }
};

/// Mixes a sequence along time: [b, t, d] -> [b, t, d]. Weights carry the names of the reference program.
class SequenceMixer : public Module {
 public:
  virtual MixerProperties properties() const = 0;

  /// Parallel form. x [b, t, d]. Steps at or beyond a row's length influence nothing, and their outputs are zero.
  /// With `state`, continues from it and leaves it behind the last step (of each row: its length); a step is t = 1.
  /// UserError if x or the lengths do not fit, or if a state is given that is not of this mixer, or to one that does
  /// not stream.
  virtual at::Tensor forward(const at::Tensor& x, const Lengths& lengths = {}, State* state = nullptr) = 0;

  /// State before the first step, for b rows. Axes that grow are empty, all others have their size for good. UserError
  /// if the mixer does not stream.
  State initial_state(std::int64_t b) const;

  /// Multiplies the step size of a system in continuous time by `factor` > 0: for sequences sampled `factor` times as
  /// coarsely as those of training. False, and nothing changed, where there is none, or where the input decides it.
  /// Only to evaluate: weights may change with it, so that the mixer is neither to be trained on nor to be saved.
  virtual bool scale_step(double /*factor*/) { return false; }

  /// Turns weights as the reference program stores them into ours. Must be differentiable. Identity for most mixers.
  virtual TensorMap import_reference(TensorMap weights) const { return weights; }

  /// Its name in the registry, which messages begin with, and what it was configured to be.
  std::shared_ptr<const MixerIdentity> identity = std::make_shared<MixerIdentity>("mixer");

  /// If set, forward notes its intermediates here under the names of the fixtures ("K"), with their gradient graphs.
  TensorMap* trace = nullptr;

 protected:
  /// The tensors of initial_state. Fails by name in a mixer that does not stream.
  virtual State first_state(std::int64_t b) const;
  void note(const std::string& name, const at::Tensor& x) const {
    if (trace) (*trace)[name] = x;
  }
  /// scale_step of a mixer that stores the logarithm of its step sizes.
  static bool scale_logarithm(const at::Tensor& log_step, double factor);

  /// Checks that x is [b, t, d] of the type and on the device of the weights, lengths [b] within 0 .. t, and that the
  /// state, if any, is one of this mixer's for b rows.
  void check_input(const char* mixer, const at::Tensor& x, std::int64_t d, const Lengths& lengths,
                   const State* state) const;

 private:
  void check_state(const char* mixer, const at::Tensor& x, const State& state) const;
  void check_maker(const char* mixer, const State& state) const;

  // What inputs are compared with. Kept, since finding a weight or making a state takes as long as a part of a step.
  mutable std::once_flag weight_is_found_, state_is_made_;  // by one of several threads that begin at once
  mutable at::Tensor a_weight_;
  mutable State state_of_a_row_;
};

/// [b, t, 1] bool: true at real steps. Undefined if every row is full.
at::Tensor valid_steps(const Lengths& lengths, const at::Tensor& x);

/// y with zeros at padded steps; y itself where `valid` is undefined.
at::Tensor zero_padding(const at::Tensor& y, const at::Tensor& valid);

/// How fixtures of the reference program speak to a mixer (see models/mixer_fixture.cpp).
struct MixerReference {
  std::vector<std::string> system_ids = {};  // that it answers to
  /// What the fixture's configuration means here: sizes, and the settings of the mixer's own configuration (keys that
  /// are not ours are ignored).
  std::function<void(const Json& config, MixerSizes& sizes, Json& settings)> configure = {};
  /// Order of the axes of x and y there: "btd", "bdt" or "tbd"; "btd reversed": time runs backwards.
  std::string layout = "btd";
  /// The state after the sequence under the fixture's names ("final_state"), from ours.
  std::function<TensorMap(const State&)> final_state = {};
  /// What the fixture's inputs ("h0") say of the state before the sequence; must be differentiable. The rest is that of
  /// initial_state. Where it is missing, or returns an empty state, the sequence starts from nothing.
  std::function<State(const TensorMap& in)> initial_state = {};
  /// The order of the axes where the fixtures do not agree on one.
  std::function<std::string(const Json& config)> layout_of = {};
  /// Gives the mixer those of the fixture's inputs that forward has no argument for.
  std::function<void(SequenceMixer& mixer, const TensorMap& in)> prepare = {};
  /// in.lengths there only zeroes the padded steps of x: outputs at them are what comes out.
  bool lengths_only_mask = false;
};

/// For MixerReference::configure: whether the fixture stores that weight. Some say what they are by this alone.
bool fixture_has_weight(const Json& config, const std::string& name);

/// For import_reference: the reference's output map without an activation, output_linear.weight, gets the name of one
/// with it, output_linear.0.weight.
void number_output_map(TensorMap& weights);

/// For MixerReference::layout_of: of modules that take [b, d, t] unless their `transposed` is false.
std::string transposed_layout(const Json& config);

/// The state among a fixture's inputs, under any of the names in use ("h0", "state", ...) followed by `suffix`;
/// undefined if there is none.
at::Tensor given_state(const TensorMap& in, const std::string& suffix = "");

/// For MixerReference::initial_state: the given state becomes our `name`, after `convert` where there is one.
std::function<State(const TensorMap& in)> initial_state_as(
    const std::string& name, const std::function<at::Tensor(const at::Tensor&)>& convert = {});

/// A configuration that the contract suite tests, besides the defaults (which it tests at d = 16).
struct MixerVariant {
  std::string name;
  Json settings;
  std::int64_t d = 16;
};

/// One registered mixer: all that the command line, tests, benchmarks, tables and docs need to know.
struct MixerInfo {
  std::string name;     // "mamba"
  std::string title;    // "Mamba", as tables print it
  std::string family;   // "state space", "recurrent", "convolution", "linear attention", "attention"
  std::string summary;  // one line
  std::string source;   // paper
  MixerReference reference;
  std::vector<MixerVariant> variants;
  std::vector<FieldInfo> fields;
  /// The full typed configuration that `settings` stand for, as JSON. UserError names the offending key.
  std::function<Json(const Settings& settings, const std::string& section, bool ignore_unknown)> resolve;
  /// Builds it from a resolved configuration with fresh weights drawn from `seed`.
  std::function<std::shared_ptr<SequenceMixer>(const MixerSizes&, const Json& config, std::uint64_t seed)> make;
};

/// All of them, by name.
const std::map<std::string, MixerInfo>& mixers();

/// The one of that name; UserError with the nearest name otherwise.
const MixerInfo& find_mixer(const std::string& name);

namespace detail {
std::map<std::string, MixerInfo>& mixer_registry();
}  // namespace detail

/// Registers Mixer, which has a `Config` with a static `fields()` and a constructor (const MixerSizes&, const Config&).
template <class Mixer>
struct RegisterMixer {
  using Config = typename Mixer::Config;
  struct About {
    std::string name, title, family, summary, source;
    MixerReference reference = {};
    std::vector<MixerVariant> variants = {};
  };
  explicit RegisterMixer(const About& about) {
    MixerInfo info{
        about.name, about.title, about.family, about.summary, about.source, about.reference, about.variants, {},
        {},         {}};
    info.fields = Config::fields().describe();
    info.resolve = [](const Settings& settings, const std::string& section, bool ignore_unknown) {
      return Config::fields().dump(Config::fields().parse(settings, section, ignore_unknown));
    };
    info.make = [name = about.name](const MixerSizes& sizes, const Json& config, std::uint64_t seed) {
      const auto typed = Config::fields().parse(settings_from_json(config, "mixer configuration"), "mixer");
      const SeededInit seeded(seed);
      const auto mixer = std::make_shared<Mixer>(sizes, typed);
      mixer->identity = std::make_shared<MixerIdentity>(name, Config::fields().dump(typed));
      return mixer;
    };
    detail::mixer_registry().emplace(about.name, std::move(info));
  }
};

}  // namespace longwave
