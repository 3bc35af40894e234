// Chirps: tones whose frequency rises at one of ten rates, in as much noise; can be read at half the sampling rate, as
// Speech Commands are.

#include <cmath>
#include <complex>
#include <numbers>

#include "longwave/data/generated.h"

namespace longwave {
namespace {

constexpr std::int64_t kClasses = 10;
constexpr double kLowest = 0.005, kHighest = 0.025;  // frequency at the beginning, in periods a step
constexpr double kRise = 0.02;                       // over the whole sample and class: at most 0.225 at the end
constexpr double kTurn = 2 * std::numbers::pi;

class Chirps final : public GeneratedData {
 public:
  struct Config : GeneratedConfig {
    std::int64_t steps = 1000, every = 1;
    double snr = 0;

    Config() {
      train_samples = 2000;
      val_samples = test_samples = 1000;
    }
    static const FieldTable<Config>& fields();
  };

  Chirps(const Config& config, const SequenceSource&) : GeneratedData(config), config_(config) {
    facts_.goal = SequenceGoal::classify;
    facts_.classes = kClasses;
    facts_.class_names = numerals(kClasses);
    facts_.channels = 1;
    facts_.max_length = kept();
  }

  std::int64_t length(Split, std::int64_t) const override { return kept(); }

  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    auto random = stream(split, index);
    out.label = static_cast<std::int32_t>(random.below(kClasses));
    const auto begin = kLowest + (kHighest - kLowest) * random.uniform(), phase = random.uniform();
    const auto noise = std::pow(10.0, -config_.snr / 20);
    out.first.values.resize(static_cast<std::size_t>(kept()));
    for (std::int64_t t = 0; t < config_.steps; ++t) {
      const auto value = std::numbers::sqrt2 * std::sin(kTurn * (phase + turns(out.label, begin, t)));
      const auto heard = value + noise * random.normal();  // drawn also where it is left out: the same sample then
      if (t % config_.every == 0)
        out.first.values[static_cast<std::size_t>(t / config_.every)] = static_cast<float>(heard);
    }
  }

  std::vector<Baseline> baselines() const override {
    return {{"chance", 1.0 / kClasses, "classes are drawn with equal odds"}, matched_filter()};
  }

 private:
  std::int64_t kept() const { return (config_.steps + config_.every - 1) / config_.every; }

  /// Periods of a chirp up to step t.
  double turns(std::int32_t label, double begin, std::int64_t t) const {
    const auto time = static_cast<double>(t), length = static_cast<double>(config_.steps);
    return begin * time + kRise * (label + 1) * time * time / (2 * length);
  }

  /// The class whose chirps, from a fine list of beginnings, agree best with the sample in any phase: what can be had.
  Baseline matched_filter() const {
    const auto beginnings = static_cast<int>(std::ceil((kHighest - kLowest) * 2 * static_cast<double>(config_.steps)));
    std::vector<std::vector<std::complex<float>>> chirps;
    for (std::int32_t label = 0; label < kClasses; ++label)
      for (int i = 0; i <= beginnings; ++i) {
        const auto begin = kLowest + (kHighest - kLowest) * i / beginnings;
        auto& chirp = chirps.emplace_back();
        for (std::int64_t t = 0; t < config_.steps; t += config_.every)
          chirp.push_back(std::polar(1.f, static_cast<float>(kTurn * std::fmod(turns(label, begin, t), 1.0))));
      }
    return measured(*this, "matched filter", [&](const SequenceExample& sample, Tally& tally) {
      float best = -1;
      std::int32_t answer = 0;
      for (std::size_t c = 0; c < chirps.size(); ++c) {
        std::complex<float> sum = 0;
        for (std::size_t t = 0; t < chirps[c].size(); ++t) sum += sample.first.values[t] * chirps[c][t];
        if (std::norm(sum) > best) {
          best = std::norm(sum);
          answer = static_cast<std::int32_t>(c) / (beginnings + 1);
        }
      }
      ++tally.scored;
      tally.right += answer == sample.label;
    });
  }

  Config config_;
};

const FieldTable<Chirps::Config>& Chirps::Config::fields() {
  using C = Config;
  static const auto table = [] {
    FieldTable<C> t;
    t.add("steps", &C::steps, "of a sample before any are left out", at_least<std::int64_t>(10))
        .add("every", &C::every, "2: only every second step is kept, of the same samples", between<std::int64_t>(1, 2))
        .add("snr", &C::snr, "of tone to noise, in decibels");
    return add_generated_fields(t);
  }();
  return table;
}

const RegisterSequenceData<Chirps> registered({.name = "chirps",
                                               .title = "Chirps",
                                               .family = "synthetic",
                                               .summary = "how fast the pitch of a tone in noise rises, 10 classes",
                                               .source = "a stand-in for Speech Commands that needs no files",
                                               .generated = true});

}  // namespace
}  // namespace longwave
