// One streaming step of a model of four layers of width 256 for every mixer that streams, with its defaults, one
// sequence. Its limit: every weight and the state read once (the state also written) at the bandwidth of memory.
//
// usage: mixer_streaming [--save FOLDER] [NAME ...]
// Prints one JSON line for each mixer: seconds a step (median of runs of 50 steps, with one thread or all, whichever is
// faster), bytes of weights and of state. With --save also writes FOLDER/NAME.safetensors: weights ("in.*"), the input
// of all steps ("x"), the output of the last of 50 steps ("out"); compare_streaming.py holds the step against the same
// in PyTorch.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "bench/measure.h"
#include "longwave/models/backbone.h"
#include "longwave/nn/tensor_file.h"

namespace longwave::bench {
namespace {

constexpr std::int64_t kWidth = 256, kLayers = 4;
constexpr int kSteps = 50;

double bytes_of(const TensorMap& tensors) {
  double bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += static_cast<double>(tensor.numel() * tensor.element_size());
  return bytes;
}

void measure_mixer(const MixerInfo& info, double bandwidth, const std::filesystem::path& folder) {
  const at::NoGradGuard no_grad;
  Backbone model({.mixer = info.name, .d_model = kWidth, .layers = kLayers, .l_max = 4096}, 1);
  model.eval();
  Json record{{"mixer", info.name}, {"d", kWidth}, {"layers", kLayers}};
  if (!model.properties().streams) {
    record["left_out"] = model.properties().reason;
    return print(record);
  }
  const auto x = at::randn({1, 1, kWidth});
  State state;
  at::Tensor y;
  const auto stream = [&] {
    state = model.initial_state(1);
    for (int i = 0; i < kSteps; ++i) y = model.forward(x, {}, &state);
  };
  stream();  // what a mixer keeps for its steps is made once
  double seconds = 1e9;
  const int all = at::get_num_threads();
  for (const int threads : std::set<int>{1, all}) {  // a step is short: threads may cost more than they save
    at::set_num_threads(threads);
    const double with_these = median_seconds(0.5, stream) / kSteps;
    if (with_these >= seconds) continue;
    seconds = with_these;
    record["threads"] = threads;
  }
  at::set_num_threads(all);
  const double weights = bytes_of(model.state()), carried = bytes_of(state);
  const double limit = (weights + 2 * carried) / bandwidth;
  record["seconds"] = seconds;
  record["weight_bytes"] = weights;
  record["state_bytes"] = carried;
  record["limit_seconds"] = limit;
  record["times_limit"] = seconds / limit;
  print(record);
  if (folder.empty()) return;
  TensorMap tensors{{"x", x}, {"out", y}};
  for (const auto& [name, tensor] : model.state()) tensors["in." + name] = tensor;
  write_tensors(folder / (info.name + ".safetensors"), tensors);
}

int run(int count, char** words) {
  std::set<std::string> names;
  std::filesystem::path folder;
  for (int i = 1; i < count; ++i) {
    if (std::string(words[i]) == "--save" && i + 1 < count)
      folder = words[++i];
    else
      names.insert(find_mixer(words[i]).name);
  }
  const auto limits = measure_limits();
  auto machine = machine_record();
  machine["limits"] = limits.json();
  print(machine);
  for (const auto& [name, info] : mixers())
    if (names.empty() || names.count(name)) measure_mixer(info, limits.bandwidth, folder);
  return 0;
}

}  // namespace
}  // namespace longwave::bench

int main(int count, char** words) { return longwave::bench::main_of(count, words, longwave::bench::run); }
