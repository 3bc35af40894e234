// Times a training step (forward, backward, clip, AdamW) of one forecaster, as the trainer does it.
//
// usage: train_step MODEL LOOKBACK HORIZON CHANNELS BATCH STEPS [field=value ...]
// Prints one JSON line: seconds of every step, peak resident memory in MiB. Process settings (threads, instruction
// sets) come from the environment; train_steps.py sets the same for both sides, and gives PyTorch our malloc.

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>

#include "longwave/io/toml.h"
#include "longwave/models/forecaster.h"
#include "longwave/train/optimizer.h"

namespace longwave {
namespace {

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

Settings fields_of(int argc, char** argv, int first) {
  Settings fields;
  for (int i = first; i < argc; ++i) {
    const std::string text = argv[i];
    const auto equals = text.find('=');
    check(equals != std::string::npos, "argument '", text, "'; expected field=value");
    const auto value = Json::parse(text.substr(equals + 1), nullptr, false);
    fields[text.substr(0, equals)] = {value.is_discarded() ? Json(text.substr(equals + 1)) : value, "command line"};
  }
  return fields;
}

int run(int argc, char** argv) {
  check(argc >= 7, "usage: train_step MODEL LOOKBACK HORIZON CHANNELS BATCH STEPS [field=value ...]");
  const auto number = [&](int i) { return std::strtoll(argv[i], nullptr, 10); };
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) at::set_num_threads(std::atoi(threads));
  const auto lookback = number(2), horizon = number(3), channels = number(4), batch = number(5), steps = number(6);
  const auto& info = find_forecaster(argv[1]);
  const ForecastSizes sizes{lookback, horizon, channels, channels, lookback, 4};
  const auto model = info.make(sizes, info.resolve(fields_of(argc, argv, 7), "model", false), 1);
  model->train();
  AdamW optimizer(*model, {.beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.1});
  ForecastInput in;
  in.x = at::randn({batch, lookback, channels});
  in.x_mark = at::zeros({batch, lookback, 4});
  in.x_dec = at::zeros({batch, lookback + horizon, channels});
  in.y_mark = at::zeros({batch, lookback + horizon, 4});
  in.with_losses = true;
  const auto y = at::randn({batch, horizon, channels});
  const double before = peak_mib();
  std::vector<double> seconds;
  for (std::int64_t step = 0; step < steps + 2; ++step) {
    const auto start = std::chrono::steady_clock::now();
    optimizer.zero_grad();
    const auto out = model->forward(in);
    auto loss = at::mse_loss(out.forecast, y);
    for (const auto& [name, extra] : out.extra_losses) loss = loss + extra;
    loss.backward();
    optimizer.step(1e-4, 0.9, std::min(1.0, 1 / (optimizer.gradient_norm() + 1e-6)));
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  seconds.erase(seconds.begin(), seconds.begin() + 2);  // allocation and library start-up
  const Json line{{"model", argv[1]},
                  {"seconds", seconds},
                  {"peak_mib", peak_mib()},
                  {"step_mib", peak_mib() - before},
                  {"parameters", model->parameter_count()}};
  fmt::print("{}\n", line.dump());
  return 0;
}

}  // namespace
}  // namespace longwave

int main(int argc, char** argv) {
  try {
    return longwave::run(argc, argv);
  } catch (const longwave::UserError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
