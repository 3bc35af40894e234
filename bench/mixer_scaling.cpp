// How the cost of every registered mixer grows with the length: one block of a backbone (norm, mixer, residual) of
// width 256 with the mixer's defaults, one sequence, evaluation (forward) and training (forward + backward), from 256
// to 1048576 steps.
//
// usage: mixer_scaling [--longest-run SECONDS] [--longest STEPS] [--evaluation-only] [--recompute STEPS]
//                      [--memory-alone] [NAME ...]
// Prints one JSON line for each mixer and length: seconds and peak memory (beyond weights and input) of both passes. A
// pass that is expected to run longer than --longest-run (5 s), or to need more memory than there is, is left out and
// its field says why; its expectation comes from the length before. With --recompute training goes in pieces of so many
// steps, each computed again for its gradients, and mixers that do not stream are left out. With --memory-alone it is 2
// x instead of a mixer: what reading a sequence and writing as much costs by itself.

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstdlib>
#include <set>

#include "bench/measure.h"
#include "longwave/models/backbone.h"

namespace longwave::bench {
namespace {

constexpr std::int64_t kWidth = 256, kShortest = 256, kFactor = 4;

struct Options {
  double longest_run = 5;
  std::int64_t longest = 1 << 20, recompute = 0;
  bool training = true, memory_alone = false;
  std::set<std::string> names;
};

/// One pass of one mixer over growing lengths: stops where the next length would be too much.
class Pass {
 public:
  explicit Pass(double longest_run) : longest_run_(longest_run) {}

  /// Seconds and bytes of `body` at this length, or why it is left out.
  Json measure(const std::function<void()>& body) {
    if (reason_.empty()) reason_ = too_much();
    if (!reason_.empty()) return {{"left_out", reason_}};
    const auto peak = peak_of(body);  // also warms up: malloc keeps the memory that this takes
    const double seconds = median_seconds(0.3, body);
    growth_ = seconds_ > 0 ? std::max<double>(kFactor, seconds / seconds_) : kFactor;
    seconds_ = seconds;
    bytes_ = peak.bytes;
    return {{"seconds", seconds}, {"peak_bytes", peak.bytes}};
  }

 private:
  std::string too_much() const {
    const double seconds = growth_ * seconds_, bytes = growth_ * bytes_;
    if (seconds > longest_run_)
      return fmt::format("about {:.0f} s expected; the longest run is {:.0f} s", seconds, longest_run_);
    if (bytes > 0.8 * available_memory()) return fmt::format("about {:.0f} GiB expected", bytes / (1 << 30));
    return "";
  }

  double longest_run_, seconds_ = 0, bytes_ = 0, growth_ = kFactor;
  std::string reason_;
};

void measure_mixer(const MixerInfo& info, const Options& options) {
  Pass forward(options.longest_run), both(options.longest_run);
  for (std::int64_t t = kShortest; t <= options.longest; t *= kFactor) {
    Backbone model({.mixer = info.name, .d_model = kWidth, .layers = 1, .l_max = t, .recompute = options.recompute}, 1);
    auto x = at::randn({1, t, kWidth});
    Json record{{"mixer", info.name}, {"cost", name_of(model.properties().cost)}, {"d", kWidth}, {"t", t}};
    model.eval();
    record["forward"] = forward.measure([&] {
      const at::NoGradGuard no_grad;
      model.forward(x);
    });
    model.train();
    x.requires_grad_();
    const auto step = [&] {
      model.zero_grad();
      x.mutable_grad() = at::Tensor();
      const auto y = model.forward(x);
      y.backward(at::ones({}).expand_as(y));
    };
    record["both"] = options.training ? both.measure(step) : Json{{"left_out", "evaluation only"}};
    print(record);
  }
}

bool takes_part(const MixerInfo& info, const Options& options) {
  const auto promised =
      Backbone({.mixer = info.name, .d_model = kWidth, .layers = 1, .l_max = kShortest}, 1).properties();
  return options.recompute == 0 || (promised.streams && promised.cost != Cost::quadratic);
}

void measure_memory(const Options& options) {
  Pass forward(options.longest_run);
  for (std::int64_t t = kShortest; t <= options.longest; t *= kFactor) {
    const auto x = at::randn({1, t, kWidth});
    print({{"memory_alone", "2 x"}, {"d", kWidth}, {"t", t}, {"forward", forward.measure([&] { at::mul(x, 2); })}});
  }
}

Options options_of(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--longest-run" && i + 1 < count)
      options.longest_run = std::strtod(words[++i], nullptr);
    else if (word == "--longest" && i + 1 < count)
      options.longest = std::strtoll(words[++i], nullptr, 10);
    else if (word == "--recompute" && i + 1 < count)
      options.recompute = std::strtoll(words[++i], nullptr, 10);
    else if (word == "--evaluation-only")
      options.training = false;
    else if (word == "--memory-alone")
      options.memory_alone = true;
    else
      options.names.insert(find_mixer(word).name);
  }
  return options;
}

int run(int count, char** words) {
  const auto options = options_of(count, words);
  print(machine_record());
  if (options.memory_alone) return measure_memory(options), 0;
  for (const auto& [name, info] : mixers())
    if (options.names.empty() ? takes_part(info, options) : options.names.count(name) > 0) measure_mixer(info, options);
  return 0;
}

}  // namespace
}  // namespace longwave::bench

int main(int count, char** words) { return longwave::bench::main_of(count, words, longwave::bench::run); }
