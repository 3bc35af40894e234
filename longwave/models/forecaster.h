#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/nn/dropout.h"
#include "longwave/nn/module.h"

namespace longwave {

/// The sizes that the data dictate. Shape letters: b batch, l lookback, p horizon, c channels, f time features.
struct ForecastSizes {
  std::int64_t lookback = 0;       // l: observed steps
  std::int64_t horizon = 0;        // p: steps to forecast
  std::int64_t channels = 0;       // c: input series
  std::int64_t targets = 0;        // ct: forecast series, the last ct channels
  std::int64_t label = 0;          // observed steps repeated to a decoder
  std::int64_t time_features = 4;  // f: calendar features a step
};

struct ForecastInput {
  at::Tensor x;              // [b, l, c] scaled values
  at::Tensor x_mark;         // [b, l, f] calendar features; undefined if the model does not use them
  at::Tensor x_dec;          // [b, label + p, c] the last `label` observations, then zeros; undefined if not used
  at::Tensor y_mark;         // [b, label + p, f]; undefined if not used
  bool with_losses = false;  // also compute the extra losses (always true in training)
  TensorMap choices;  // random choices imposed from outside, by name ("index_sample.0"); empty: the model draws them
};

struct ForecastOutput {
  at::Tensor forecast;     // [b, p, ct]
  TensorMap extra_losses;  // scalars added to the loss with weight 1, by name ("next_step", "continuity")
};

/// Maps observed windows to forecasts, both in scaled units. Weights carry the names of the reference program, so that
/// its checkpoints load.
class Forecaster : public Module {
 public:
  virtual ForecastOutput forward(const ForecastInput& in) = 0;

  /// Turns weights as the reference program stores them into ours. Identity for most models.
  virtual TensorMap import_reference(TensorMap weights) const { return weights; }

  /// Does forward read x_mark / x_dec / y_mark?
  virtual bool uses_calendar() const { return false; }

  /// Does its paper train with random channel dropping (CATS)?
  virtual bool drops_channels() const { return false; }

  /// All randomness of forward. Two numbers: set by the trainer, saved in checkpoints.
  RandomStream random;

  /// If set, forward notes its intermediates here under the names of the fixtures ("tokens", "attn_out.0").
  TensorMap* trace = nullptr;

 protected:
  void note(const std::string& name, const at::Tensor& x) const {
    if (trace) (*trace)[name] = x.detach().clone();
  }
};

/// One registered forecaster: everything that the command line, tables, docs and tests need to know of it.
struct ForecasterInfo {
  std::string name;                     // "samovar"
  std::string title;                    // "SAMoVAR", as tables print it
  std::string summary;                  // one line
  std::string source;                   // paper
  std::vector<std::string> system_ids;  // fixtures that it answers to
  bool learns = true;                   // false: it has no parameters
  std::vector<FieldInfo> fields;
  /// The full typed configuration that `settings` stand for, as JSON. UserError names the offending key.
  std::function<Json(const Settings& settings, const std::string& section, bool ignore_unknown)> resolve;
  /// Builds it from a resolved configuration with fresh weights drawn from `seed`.
  std::function<std::shared_ptr<Forecaster>(const ForecastSizes&, const Json& config, std::uint64_t seed)> make;
};

/// All of them, by name.
const std::map<std::string, ForecasterInfo>& forecasters();

/// The one of that name; UserError with the nearest name otherwise.
const ForecasterInfo& find_forecaster(const std::string& name);

namespace detail {
std::map<std::string, ForecasterInfo>& forecaster_registry();
/// Seeds the generator that initialisers draw from, for the time of construction.
std::shared_ptr<Forecaster> with_seed(std::uint64_t seed, const std::function<std::shared_ptr<Forecaster>()>& make);
}  // namespace detail

/// Registers Model, which has a `Config` with a static `fields()` and a constructor (const ForecastSizes&, const
/// Config&).
template <class Model>
struct RegisterForecaster {
  using Config = typename Model::Config;
  struct About {
    std::string name, title, summary, source;
    std::vector<std::string> system_ids;
    bool learns = true;
  };
  explicit RegisterForecaster(const About& about) {
    ForecasterInfo info{about.name, about.title, about.summary, about.source, about.system_ids, about.learns, {},
                        {},         {}};
    info.fields = Config::fields().describe();
    info.resolve = [](const Settings& settings, const std::string& section, bool ignore_unknown) {
      return Config::fields().dump(Config::fields().parse(settings, section, ignore_unknown));
    };
    info.make = [](const ForecastSizes& sizes, const Json& config, std::uint64_t seed) {
      const auto typed = Config::fields().parse(settings_from_json(config, "model configuration"), "model");
      return detail::with_seed(seed, [&] { return std::make_shared<Model>(sizes, typed); });
    };
    detail::forecaster_registry().emplace(about.name, std::move(info));
  }
};

}  // namespace longwave
