#include "bench/measure.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "bench/kernel_rates.h"
#include "longwave/base/memory.h"
#include "longwave/base/policy.h"
#include "longwave/nn/environment.h"

namespace longwave::bench {
namespace {

/// The value of a line "name: value kB" of a file of /proc, in bytes.
double kilobytes_of(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string word; file >> word;)
    if (double value = 0; word == name + ":" && file >> value) return value * 1024;
  return 0;
}

double triad_bandwidth(std::int64_t numbers, int runs) {
  std::vector<float> a(static_cast<std::size_t>(numbers)), b(a.size(), 1), c(a.size(), 2);
  float *to = a.data(), *first = b.data(), *second = c.data();
  double best = 1e30;
  for (int run = 0; run < runs; ++run)
    best = std::min(best, seconds_of([&] {
#pragma omp parallel for schedule(static)
                      for (std::int64_t i = 0; i < numbers; ++i) to[i] = first[i] + 0.5f * second[i];
                    }));
  return 3.0 * sizeof(float) * static_cast<double>(numbers) / best;
}

double gemm_rate() {
  const auto a = at::randn({2048, 2048}), b = at::randn({2048, 2048});
  auto c = at::empty({2048, 2048});
  return 2 * std::pow(2048.0, 3) / median_seconds(0.5, [&] { at::mm_out(c, a, b); });
}

void prepare_process(char** words) {
  const auto cpu = detect_cpu();
  bool complete = true;
  for (const auto& [name, value] : preferred_environment(cpu)) complete = complete && std::getenv(name.c_str());
  apply_process_policy(cpu);
  if (!complete) execv("/proc/self/exe", words);
  at::set_num_threads(compute_threads(cpu));
}

}  // namespace

int main_of(int count, char** words, int (*run)(int count, char** words)) {
  prepare_process(words);
  try {
    return run(count, words);
  } catch (const UserError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}

Json machine_record() {
  const auto report = environment_report();
  const auto* commit = std::getenv("BENCH_COMMIT");
  return {{"cpu", report["cpu"]},
          {"threads", report["threads"]},
          {"malloc", report["malloc"]},
          {"aten", report["aten_capability"]},
          {"blas_core", report["blas_core"]},
          {"large_products", report["large_products"]},
          {"highway", report["highway_targets"].empty() ? Json() : report["highway_targets"][0]},
          {"commit", commit ? commit : "unknown"}};
}

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  const auto middle = static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), values.begin() + middle, values.end());
  return values[static_cast<std::size_t>(middle)];
}

double median_seconds(double budget, const std::function<void()>& body) {
  std::vector<double> all;
  constexpr double kEnough = 0.02;
  for (double total = 0; all.empty() || (total < budget && (all.size() < 50 || total < kEnough)); total += all.back())
    all.push_back(seconds_of(body));
  return median(all);
}

Peak peak_of(const std::function<void()>& body) {
  release_memory();  // what earlier calls left
  reset_peak_memory();
  const double before = kilobytes_of("/proc/self/status", "VmRSS");
  const double seconds = seconds_of(body);
  return {std::max(0.0, peak_memory_bytes() - before), seconds};
}

double available_memory() { return kilobytes_of("/proc/meminfo", "MemAvailable"); }

void print(const Json& record) {
  fmt::print("{}\n", record.dump());
  std::fflush(stdout);
}

Json MachineLimits::json() const {
  return {{"bytes_per_s", bandwidth},           {"tensor_bytes_per_s", tensor_bandwidth},
          {"gemm_flops_per_s", gemm},           {"gemm_flops_per_s_of_one_thread", gemm_one_thread},
          {"exponentials_per_s", exponentials}, {"fft_flops_per_s", fft}};
}

MachineLimits measure_limits() {
  MachineLimits limits{.bandwidth = triad_bandwidth(128 << 20, 5),
                       .tensor_bandwidth = triad_bandwidth(4 << 20, 50),
                       .gemm = gemm_rate()};
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  limits.gemm_one_thread = gemm_rate();
  at::set_num_threads(threads);
  limits.exponentials = measure_exp_rate();
  limits.fft = measure_fft_rate();
  return limits;
}

}  // namespace longwave::bench
