// Seconds and peak memory of one training step (forward, backward, clipping, AdamW) of a forecaster on random data:
//   model_step MODEL LOOKBACK HORIZON [STEPS]     batch 32, 7 channels
// Prints one JSON line. For comparable numbers: OMP_NUM_THREADS, OPENBLAS_CORETYPE and ATEN_CPU_CAPABILITY as the
// program `longwave` sets them.
#include <malloc.h>
#include <sys/resource.h>

#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "longwave/models/forecaster.h"
#include "longwave/train/optimizer.h"

namespace {

using namespace longwave;

double peak_megabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double step_seconds(Forecaster& model, AdamW& optimizer, const ForecastInput& in, const at::Tensor& y) {
  const auto start = std::chrono::steady_clock::now();
  optimizer.zero_grad();
  const auto out = model.forward(in);
  auto loss = at::mse_loss(out.forecast, y);
  for (const auto& [name, extra] : out.extra_losses) loss = loss + extra;
  loss.backward();
  const double norm = optimizer.gradient_norm();
  optimizer.step(1e-4, 0.9, std::min(1.0, 1 / (norm + 1e-6)));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "usage: model_step MODEL LOOKBACK HORIZON [STEPS]\n");
    return 2;
  }
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2000000000);
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) at::set_num_threads(std::atoi(threads));
  const std::int64_t lookback = std::atoll(words[2]), horizon = std::atoll(words[3]);
  const int steps = count > 4 ? std::atoi(words[4]) : 20;
  const auto& info = find_forecaster(words[1]);
  const auto model = info.make({.lookback = lookback, .horizon = horizon, .channels = 7, .targets = 7},
                               info.resolve({}, "model", false), 1);
  model->train();
  AdamW optimizer(*model, {.beta2 = 0.95, .weight_decay = 0.1});
  ForecastInput in;
  in.x = at::randn({32, lookback, 7});
  in.x_mark = at::rand({32, lookback, 4}) - 0.5;
  const auto y = at::randn({32, horizon, 7});
  step_seconds(*model, optimizer, in, y);  // warm-up
  std::vector<double> seconds;
  for (int i = 0; i < steps; ++i) seconds.push_back(step_seconds(*model, optimizer, in, y));
  std::sort(seconds.begin(), seconds.end());
  std::printf(
      "{\"model\": \"%s\", \"lookback\": %lld, \"horizon\": %lld, \"threads\": %d, \"min_ms\": %.2f, \"median_ms\": "
      "%.2f, "
      "\"peak_mb\": %.0f}\n",
      words[1], static_cast<long long>(lookback), static_cast<long long>(horizon), at::get_num_threads(),
      1e3 * seconds.front(), 1e3 * seconds[seconds.size() / 2], peak_megabytes());
}
