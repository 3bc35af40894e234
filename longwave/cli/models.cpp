// `longwave models [NAME]`: what can be built here, and what one of them consists of and costs.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cmath>
#include <set>

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

constexpr std::int64_t kNumbers = 1 << 25;                             // [b, t, d] of the longest passes that are run
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

std::shared_ptr<SequenceMixer> build(const MixerInfo& info, const Json& config, std::int64_t d, std::int64_t t) {
  auto mixer = info.make({d, t}, config, 0);
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
    const auto mixer = build(info, info.resolve({}, "model", false), options.d, options.t);
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

struct Work {
  double flops = 0, peak = 0;  // peak: bytes of tensors
  std::set<std::string> unknown;
};

Work measured(const std::function<void()>& work) {
  count_tensor_memory(work);  // the first call also makes what is kept, as gradients are
  FlopCount count;
  const auto memory = count_tensor_memory([&] { count = count_flops(work); });
  return {count.flops, memory.peak, {count.unknown.begin(), count.unknown.end()}};
}

/// Forward, and forward and backward.
template <class Part>
std::array<Work, 2> work_of(Part& part, std::int64_t b, std::int64_t t, std::int64_t d) {
  const auto x = at::zeros({b, t, d}).requires_grad_();  // as the output of a layer before
  part.train();  // in evaluation layers keep what they once computed of their weights
  const auto forward = measured([&] {
    const at::NoGradGuard no_grad;
    part.forward(x);
  });
  return {forward, measured([&] { part.forward(x).sum().backward(); })};
}

/// At `t` steps, from what was counted at three lengths: c0 + c1 t + c2 f(t), f(t) = t^2 or t log t as the cost grows.
double extended(const std::array<std::int64_t, 3>& lengths, const std::array<double, 3>& values, Cost cost, double t) {
  const auto f = [&](double n) { return cost == Cost::quadratic ? n * n : n * std::log2(n); };
  auto terms = at::empty({3, 3}, at::kDouble), value = at::empty({3, 1}, at::kDouble);
  for (int i = 0; i < 3; ++i) {
    const auto n = static_cast<double>(lengths[i]) / t;  // of the order of one
    const double row[] = {1, n, f(n * t) / f(t)};
    for (int j = 0; j < 3; ++j) terms[i][j] = row[j];
    value[i] = values[i];
  }
  return at::linalg_solve(terms, value).sum().item<double>();
}

void print_work(const std::array<Work, 2>& work, const std::string& remark) {
  const char* names[] = {"forward", "forward and backward"};
  for (int i = 0; i < 2; ++i) {
    fmt::print("  {:<22} {:>10.4g} MFLOP, {} of tensors at its peak", names[i], work[i].flops / 1e6,
               size_text(work[i].peak));
    if (!work[i].unknown.empty()) fmt::print(" (without {})", join({work[i].unknown.begin(), work[i].unknown.end()}));
    fmt::print("\n");
  }
  if (!remark.empty()) fmt::print("  {}\n", remark);
}

/// Passes that are really run; of sequences that would take too long or too much memory, from three shorter ones.
/// `build`: the part for that many steps.
template <class Build>
void print_work(const Build& build, Cost cost, const Options& options) {
  constexpr std::int64_t kPairs = 1 << 28;
  auto longest = kNumbers / options.d / options.b;
  if (cost == Cost::quadratic)
    longest = std::min(longest, static_cast<std::int64_t>(std::sqrt(static_cast<double>(kPairs / options.b))));
  if (options.t <= longest) return print_work(work_of(*build(options.t), options.b, options.t, options.d), "");
  std::array<std::int64_t, 3> lengths{};
  std::array<std::array<Work, 2>, 3> counted;
  for (int i = 0; i < 3; ++i) {
    lengths[i] = std::int64_t{1} << (static_cast<int>(std::log2(static_cast<double>(longest))) - 3 + i);
    counted[i] = work_of(*build(lengths[i]), options.b, lengths[i], options.d);
  }
  auto work = counted[2];
  for (int pass = 0; pass < 2; ++pass)
    for (const auto value : {&Work::flops, &Work::peak})
      work[pass].*value = extended(lengths, {counted[0][pass].*value, counted[1][pass].*value, counted[2][pass].*value},
                                   cost, static_cast<double>(options.t));
  print_work(work, fmt::format("Counted at {}, {} and {} steps and carried on from there.", lengths[0], lengths[1],
                               lengths[2]));
}

void print_size(const Module& part, const Options& options) {
  const auto rows = options.b == 1 ? "one sequence" : fmt::format("{} sequences", options.b);
  fmt::print("\nAt width {}, {} of {} steps:\n  {:<22} {:>10}\n", options.d, rows, options.t, "parameters",
             part.parameter_count());
}

void show_mixer(const MixerInfo& info, const Options& options) {
  const auto config = info.resolve(settings_of_words(options.settings), "", false);
  const auto mixer = build(info, config, options.d, options.t);  // refuses what it cannot be before anything is printed
  const auto properties = mixer->properties();
  print_head(info.title, info.summary, info.source);
  fmt::print("Family: {}. {}, {}; cost in the length: {}.\n", info.family, properties.causal ? "Causal" : "Not causal",
             properties.streams ? "streams" : "does not stream", name_of(properties.cost));
  if (!properties.reason.empty()) fmt::print("  {}\n", properties.reason);
  print_fields(info.fields, config);
  print_size(*mixer, options);
  if (properties.streams) {
    const at::NoGradGuard no_grad;
    // Of another one: libtorch warns of tensors that this one would keep here and give up while they are counted.
    fmt::print("  {:<22} {:>10}\n", "state",
               state_text(*build(info, config, options.d, options.t), options.d, options.b));
  }
  {
    const at::NoGradGuard no_grad;
    const auto width = build(info, config, options.d, 4)->forward(at::zeros({1, 4, options.d}), {}, nullptr).size(-1);
    if (width != options.d)
      fmt::print("  {:<22} {:>10}, not the input's: no layer of a model\n", "width of the output", width);
  }
  print_work([&](std::int64_t steps) { return build(info, config, options.d, steps); }, properties.cost, options);
}

void show_channel_mixer(const ChannelInfo& info, const Options& options) {
  const auto config = info.resolve(settings_of_words(options.settings), "", false);
  const auto mixer = build(info, config, options);
  print_head(info.title, info.summary, info.source);
  fmt::print("Mixes the channels of each step alone; cost in the length: {}.\n", name_of(Cost::linear));
  print_fields(info.fields, config);
  print_size(*mixer, options);
  print_work([&](std::int64_t) { return mixer; }, Cost::linear, options);
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
  constexpr std::int64_t kWidest = 1 << 14;
  check(options.d <= kWidest, "--width is ", options.d, "; expected at most ", kWidest);
  constexpr std::int64_t kShortest = 64;
  check(options.b <= kNumbers / options.d / kShortest, "--batch is ", options.b, "; expected at most ",
        kNumbers / options.d / kShortest, " at width ", options.d);
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
  app.add_option("--length", options->t, "steps t of a mixer's sequence; of many the costs follow from those of fewer")
      ->capture_default_str();
  app.add_option("--batch", options->b, "sequences at a time, over which its work, memory and state are counted")
      ->capture_default_str();
  app.callback([options] { models(*options); });
}

const RegisterCommand registered("models", "list what can be built, or show one: fields, source, size, cost", define);

}  // namespace
}  // namespace longwave
