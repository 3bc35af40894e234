// Times every registered mixer (or those named) with its defaults: forward, forward + backward, and one streaming step,
// over lengths of one sequence. The work per step of a linear mixer should not depend on the length.
//
// usage: mixer_times [--width D] [--longest T] [NAME ...]
// Prints one JSON line for each mixer and length: microseconds per step (of the best of some runs), microseconds of a
// streaming step of one sequence, and the state's bytes.

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <set>

#include "longwave/base/policy.h"
#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

/// Seconds of the fastest of some runs that take about half a second together, at least three.
template <class Body>
double best_seconds(Body body) {
  double best = 1e30, total = 0;
  for (int runs = 0; runs < 3 || (total < 0.5 && runs < 50); ++runs) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

/// Microseconds of a step that continues a stream, and the bytes that it carries on.
Json measure_step(SequenceMixer& mixer, std::int64_t d) {
  const at::NoGradGuard no_grad;
  mixer.eval();
  if (!mixer.properties().streams) return {{"step_us", nullptr}};
  auto state = mixer.initial_state(1);
  const auto x = at::randn({1, 1, d});
  constexpr int kSteps = 200;
  const double seconds = best_seconds([&] {
    for (int i = 0; i < kSteps; ++i) mixer.forward(x, {}, &state);
  });
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : mixer.initial_state(1)) bytes += tensor.numel() * tensor.element_size();
  return {{"step_us", seconds / kSteps * 1e6}, {"state_bytes", bytes}};
}

Json measure(const MixerInfo& info, std::int64_t d, std::int64_t t) {
  const auto mixer = info.make({d, t}, info.resolve({}, "mixer", false), 1);
  const auto x = at::randn({1, t, d}).requires_grad_(), weight = at::randn({1, t, d});
  Json line{{"mixer", info.name}, {"d", d}, {"t", t}};
  line["forward_us"] = 1e6 / static_cast<double>(t) * best_seconds([&] {
                         const at::NoGradGuard no_grad;
                         mixer->forward(x);
                       });
  line["both_us"] = 1e6 / static_cast<double>(t) * best_seconds([&] {
                      mixer->zero_grad();
                      x.mutable_grad() = at::Tensor();
                      mixer->forward(x).backward(weight);
                    });
  line.update(measure_step(*mixer, d));
  return line;
}

int run(int argc, char** argv) {
  std::int64_t d = 256, longest = 16384;
  std::set<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if ((argument == "--width" || argument == "--longest") && i + 1 < argc)
      (argument == "--width" ? d : longest) = std::strtoll(argv[++i], nullptr, 10);
    else
      names.insert(find_mixer(argument).name);
  }
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) at::set_num_threads(std::atoi(threads));
  for (const auto& [name, info] : mixers()) {
    if (!names.empty() && !names.count(name)) continue;
    for (std::int64_t t = 256; t <= longest; t *= 4) {
      fmt::print("{}\n", measure(info, d, t).dump());
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace longwave

int main(int argc, char** argv) {
  longwave::apply_process_policy(longwave::detect_cpu());
  try {
    return longwave::run(argc, argv);
  } catch (const longwave::UserError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
