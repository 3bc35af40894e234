// `longwave models [NAME]`: what can be built here, and what one of them consists of and costs.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/channel/channel.h"
#include "longwave/cli/command.h"
#include "longwave/cli/field_words.h"
#include "longwave/cli/terminal.h"
#include "longwave/mixers/mixer.h"
#include "longwave/models/flops.h"
#include "longwave/models/forecaster.h"
#include "longwave/nn/tensor_memory.h"

namespace longwave {
namespace {

struct Options {
  std::string name;
  std::vector<std::string> settings;
  std::int64_t d = 256, t = 1024, b = 1;
};

constexpr std::int64_t kLookback = 512, kHorizon = 96, kChannels = 7;  // at which forecasters are counted

double bytes_of(const State& state) {
  double bytes = 0;
  for (const auto& [name, tensor] : state) bytes += static_cast<double>(tensor.nbytes());
  return bytes;
}

std::string size_text(double bytes) {
  if (bytes < 1e4) return fmt::format("{:.0f} B", bytes);
  return bytes < 1e7 ? fmt::format("{:.1f} kB", bytes / 1e3) : fmt::format("{:.1f} MB", bytes / 1e6);
}

/// Of b sequences; with what every step adds where the state grows.
std::string state_text(SequenceMixer& mixer, std::int64_t d, std::int64_t b) {
  const auto properties = mixer.properties();
  if (!properties.streams) return "-";
  auto state = mixer.initial_state(b);
  const auto before = bytes_of(state);
  if (properties.cost == Cost::linear) return size_text(before);
  mixer.forward(at::zeros({b, 4, d}), {}, &state);
  const auto after = bytes_of(state);
  return after > before ? size_text((after - before) / 4) + " a step" : size_text(after);
}

std::shared_ptr<SequenceMixer> build(const MixerInfo& info, const Json& config, const Options& options) {
  auto mixer = info.make({options.d, options.t}, config, 0);
  mixer->eval();
  return mixer;
}

std::shared_ptr<ChannelMixer> build(const ChannelInfo& info, const Json& config, const Options& options) {
  static RandomStream unused;  // nothing is dropped out in evaluation
  auto mixer = info.make(options.d, config, 0, &unused);
  mixer->eval();
  return mixer;
}

Table mixer_table(const Options& options) {
  const at::NoGradGuard no_grad;
  Table table{{{"mixer", "", true},
               {"family", "", true},
               {"causal", "", true},
               {"streams", "", true},
               {"cost in t", "", true},
               {"state", "", false},
               {"parameters", "", false}},
              1,
              {},
              {}};
  for (const auto& [name, info] : mixers()) {
    const auto mixer = build(info, info.resolve({}, "model", false), options);
    const auto properties = mixer->properties();
    table.rows.push_back({{name},
                          {info.family},
                          {properties.causal ? "yes" : "no"},
                          {properties.streams ? "yes" : "no"},
                          {name_of(properties.cost)},
                          {state_text(*mixer, options.d, 1)},
                          {std::to_string(mixer->parameter_count())}});
  }
  return table;
}

Table channel_table(const Options& options) {
  Table table{{{"channel mixer", "", true}, {"what it is", "", true}, {"parameters", "", false}}, 1, {}, {}};
  for (const auto& [name, info] : channel_mixers()) {
    const auto mixer = build(info, info.resolve({}, "model", false), options);
    table.rows.push_back({{name}, {info.summary}, {std::to_string(mixer->parameter_count())}});
  }
  return table;
}

void list(const Options& options) {
  fmt::print("Sequence mixers, at width {} (longwave models NAME says more):\n\n{}\n", options.d,
             for_terminal(mixer_table(options)));
  fmt::print("Channel mixers, at width {}:\n\n{}\n", options.d, for_terminal(channel_table(options)));
  fmt::print("Forecasters:\n\n");
  for (const auto& [name, info] : forecasters()) fmt::print("{:<16} {}\n", name, info.summary);
}

void print_head(const std::string& title, const std::string& summary, const std::string& source) {
  fmt::print("{}: {}\nSource: {}\n", title, summary, source);
}

void print_cost(const char* what, const std::function<void()>& work) {
  count_tensor_memory(work);  // the first call also makes what is kept, as gradients are
  FlopCount count;
  const auto memory = count_tensor_memory([&] { count = count_flops(work); });
  fmt::print("  {:<22} {:>10.4g} MFLOP, {} of tensors at its peak", what, count.flops / 1e6, size_text(memory.peak));
  if (!count.unknown.empty()) fmt::print(" (without {})", join({count.unknown.begin(), count.unknown.end()}));
  fmt::print("\n");
}

void print_size(const Module& part, const Options& options) {
  const auto rows = options.b == 1 ? "one sequence" : fmt::format("{} sequences", options.b);
  fmt::print("\nAt width {}, {} of {} steps:\n  {:<22} {:>10}\n", options.d, rows, options.t, "parameters",
             part.parameter_count());
}

template <class Part>
void print_work(Part& part, const Options& options) {
  const auto x = at::zeros({options.b, options.t, options.d}).requires_grad_();  // as the output of a layer before
  part.train();  // in evaluation layers keep what they once computed of their weights
  print_cost("forward", [&] {
    const at::NoGradGuard no_grad;
    part.forward(x);
  });
  print_cost("forward and backward", [&] { part.forward(x).sum().backward(); });
}

void show_mixer(const MixerInfo& info, const Options& options) {
  const auto config = info.resolve(settings_of_words(options.settings), "", false);
  const auto mixer = build(info, config, options);  // refuses what it cannot be before anything is printed
  const auto properties = mixer->properties();
  constexpr std::int64_t kLongest = 1 << 14;  // of quadratic cost: some ten seconds
  check(properties.cost != Cost::quadratic || options.t <= kLongest, "--length is ", options.t, "; expected at most ",
        kLongest, " of a mixer of quadratic cost");
  const auto rows = kLongest * kLongest / (options.t * options.t);
  check(properties.cost != Cost::quadratic || options.b <= rows, "--batch is ", options.b, "; expected at most ", rows,
        " of a mixer of quadratic cost at length ", options.t);
  print_head(info.title, info.summary, info.source);
  fmt::print("Family: {}. {}, {}; cost in the length: {}.\n", info.family, properties.causal ? "Causal" : "Not causal",
             properties.streams ? "streams" : "does not stream", name_of(properties.cost));
  if (!properties.reason.empty()) fmt::print("  {}\n", properties.reason);
  print_fields(info.fields, config);
  print_size(*mixer, options);
  if (properties.streams) {
    const at::NoGradGuard no_grad;
    // Of another one: libtorch warns of tensors that this one would keep here and give up while they are counted.
    fmt::print("  {:<22} {:>10}\n", "state", state_text(*build(info, config, options), options.d, options.b));
  }
  print_work(*mixer, options);
}

void show_channel_mixer(const ChannelInfo& info, const Options& options) {
  const auto config = info.resolve(settings_of_words(options.settings), "", false);
  const auto mixer = build(info, config, options);
  print_head(info.title, info.summary, info.source);
  fmt::print("Mixes the channels of each step alone; cost in the length: {}.\n", name_of(Cost::linear));
  print_fields(info.fields, config);
  print_size(*mixer, options);
  print_work(*mixer, options);
}

void show_forecaster(const ForecasterInfo& info, const Options& options) {
  const auto config = info.resolve(settings_of_words(options.settings), "", false);
  ForecastSizes sizes;
  sizes.lookback = kLookback;
  sizes.horizon = kHorizon;
  sizes.channels = sizes.targets = kChannels;
  sizes.label = kHorizon / 2;
  const auto model = info.make(sizes, config, 0);
  print_head(info.title, info.summary, info.source);
  print_fields(info.fields, config);
  fmt::print("\nAt lookback {}, horizon {} and {} channels: {} parameters.\n", kLookback, kHorizon, kChannels,
             model->parameter_count());
}

void models(const Options& options) {
  check(options.d > 0 && options.t > 0 && options.b > 0, "--width, --length and --batch must be at least 1");
  check(options.b == 1 || (!options.name.empty() && forecasters().count(options.name) == 0),
        "--batch is for the cost of one mixer or channel mixer; expected its name");
  if (options.name.empty()) return list(options);
  // The cost is that of passes that are really run.
  constexpr std::int64_t kWidest = 1 << 14, kNumbers = 1 << 25;
  check(options.d <= kWidest, "--width is ", options.d, "; expected at most ", kWidest);
  check(options.t <= kNumbers / options.d, "--length is ", options.t, "; expected at most ", kNumbers / options.d,
        " at width ", options.d);
  const auto rows = kNumbers / options.d / options.t;
  check(options.b <= rows, "--batch is ", options.b, "; expected at most ", rows, " at width ", options.d,
        " and length ", options.t);
  if (const auto found = mixers().find(options.name); found != mixers().end())
    return show_mixer(found->second, options);
  if (const auto found = channel_mixers().find(options.name); found != channel_mixers().end())
    return show_channel_mixer(found->second, options);
  if (const auto found = forecasters().find(options.name); found != forecasters().end())
    return show_forecaster(found->second, options);
  std::vector<std::string> names;
  for (const auto& [name, info] : mixers()) names.push_back(name);
  for (const auto& [name, info] : channel_mixers()) names.push_back(name);
  for (const auto& [name, info] : forecasters()) names.push_back(name);
  fail("unknown model '", options.name, "'", suggestion(options.name, names));
}

void define(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("name", options->name, "a mixer, channel mixer or forecaster: its fields, source, size and cost");
  app.add_option("settings", options->settings, "field=value of its configuration");
  app.add_option("--width", options->d, "width d of a mixer")->capture_default_str();
  app.add_option("--length", options->t, "steps t of a mixer's sequence")->capture_default_str();
  app.add_option("--batch", options->b, "sequences at a time, over which its work, memory and state are counted")
      ->capture_default_str();
  app.callback([options] { models(*options); });
}

const RegisterCommand registered("models", "list what can be built, or show one: fields, source, size, cost", define);

}  // namespace
}  // namespace longwave
