#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/base/random.h"
#include "longwave/nn/module.h"
#include "longwave/nn/seeded_init.h"

namespace longwave {

/// Mixes the channels of every step alone: x [..., d] -> [..., d], the same map at each position.
class ChannelMixer : public Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;

  /// Turns weights as the reference program stores them into ours. Must be differentiable. Identity for most.
  virtual TensorMap import_reference(TensorMap weights) const { return weights; }

 protected:
  /// UserError unless x is [..., d].
  static void check_input(const std::string& mixer, const at::Tensor& x, std::int64_t d);
};

/// How fixtures of the reference program speak to a channel mixer (see models/channel_fixture.cpp).
struct ChannelReference {
  std::vector<std::string> system_ids;  // that it answers to
  /// What the fixture's configuration and weights mean here: the width, and the settings of the mixer's configuration.
  std::function<void(const Json& config, const TensorMap& weights, std::int64_t& d, Json& settings)> configure;
};

/// A configuration that the tests run besides the defaults.
struct ChannelVariant {
  std::string name;
  Json settings;
  std::int64_t d = 16;
};

/// One registered channel mixer.
struct ChannelInfo {
  std::string name;     // "swiglu"
  std::string title;    // "SwiGLU", as tables print it
  std::string summary;  // one line
  std::string source;   // paper
  ChannelReference reference;
  std::vector<ChannelVariant> variants;
  std::vector<FieldInfo> fields;
  /// The full typed configuration that `settings` stand for, as JSON. UserError names the offending key.
  std::function<Json(const Settings& settings, const std::string& section, bool ignore_unknown)> resolve;
  /// Builds it for width d from a resolved configuration with fresh weights drawn from `seed`. `dropout_stream` must
  /// outlive it; may be null where nothing is dropped out.
  std::function<std::shared_ptr<ChannelMixer>(std::int64_t d, const Json& config, std::uint64_t seed,
                                              RandomStream* dropout_stream)>
      make;
};

/// All of them, by name.
const std::map<std::string, ChannelInfo>& channel_mixers();

/// The one of that name; UserError with the nearest name otherwise.
const ChannelInfo& find_channel_mixer(const std::string& name);

namespace detail {
std::map<std::string, ChannelInfo>& channel_registry();
}  // namespace detail

/// Registers Mixer, which has a `Config` with a static `fields()` and a constructor (d, const Config&, RandomStream*).
template <class Mixer>
struct RegisterChannelMixer {
  using Config = typename Mixer::Config;
  struct About {
    std::string name, title, summary, source;
    ChannelReference reference = {};
    std::vector<ChannelVariant> variants = {};
  };
  explicit RegisterChannelMixer(const About& about) {
    ChannelInfo info{about.name, about.title, about.summary, about.source, about.reference, about.variants, {}, {}, {}};
    info.fields = Config::fields().describe();
    info.resolve = [](const Settings& settings, const std::string& section, bool ignore_unknown) {
      return Config::fields().dump(Config::fields().parse(settings, section, ignore_unknown));
    };
    info.make = [](std::int64_t d, const Json& config, std::uint64_t seed, RandomStream* dropout_stream) {
      const auto typed = Config::fields().parse(settings_from_json(config, "channel mixer configuration"), "channel");
      const SeededInit seeded(seed);
      return std::make_shared<Mixer>(d, typed, dropout_stream);
    };
    detail::channel_registry().emplace(about.name, std::move(info));
  }
};

}  // namespace longwave
