// `longwave doctor`: what this machine offers, what is used of it, what is wrong and how to mend it.

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "longwave/cli/command.h"
#include "longwave/cli/diagnosis.h"
#include "longwave/nn/environment.h"

namespace longwave {
namespace {

/// The shortest of a few runs, in seconds.
template <class Action>
double seconds(const Action& action) {
  double best = 1e9;
  for (int run = 0; run < 4; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    action();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

double matrix_gflops() {
  constexpr std::int64_t n = 640;
  const auto a = at::ones({n, n}), b = at::ones({n, n});
  auto out = at::empty({n, n});
  return 2e-9 * n * n * n / seconds([&] { at::matmul_out(out, a, b); });
}

/// Bytes read and written by a product of a long vector with a number.
double memory_gigabytes_per_second() {
  constexpr std::int64_t n = 4 << 20;  // 16 MB: beyond the private caches
  const auto a = at::ones({n}), two = at::ones({}) + 1;
  auto out = at::empty({n});
  return 1e-9 * 2 * n * sizeof(float) / seconds([&] { at::mul_out(out, a, two); });
}

void print_text(const Json& report) {
  const auto row = [](const char* name, const std::string& value) { fmt::print("{:<18}{}\n", name, value); };
  const auto text = [&](const char* key) { return report[key].get<std::string>(); };
  const auto words = [&](const char* key) { return join(report[key].get<std::vector<std::string>>(), " "); };
  const auto gigabytes = static_cast<double>(report["memory_bytes"].get<std::int64_t>()) / (1 << 30);
  row("cpu", text("cpu"));
  row("features", words("features"));
  row("cores, threads",
      fmt::format("{} usable, {} used", report["cores"].get<int>(), report["aten_threads"].get<int>()));
  row("memory", fmt::format("{:.1f} GB; malloc: {}", gigabytes, text("malloc")));
  row("denormals", text("denormals"));
  row("libtorch", text("libtorch") + (report["cuda"].get<bool>() ? ", with CUDA" : ", without CUDA"));
  row("aten kernels", text("aten_capability"));
  row("blas", text("blas_file") + (text("blas_core").empty() ? "" : ", core " + text("blas_core")));
  row("large products", text("large_products").empty() ? "by the BLAS" : text("large_products"));
  row("highway targets", words("highway_targets"));
  for (const auto& [name, variable] : report["variables"].items())
    row("variable", fmt::format("{}={} (set by {})", name, variable["value"].get<std::string>(),
                                variable["set_by"].get<std::string>()));
  row("measured", fmt::format("matrix product {:.0f} GFLOP/s, memory {:.1f} GB/s", report["gemm_gflops"].get<double>(),
                              report["memory_gb_per_s"].get<double>()));
  for (const auto& problem : report["problems"]) fmt::print("\nproblem: {}\n", problem.get<std::string>());
  if (report["problems"].empty()) fmt::print("\nnothing wrong\n");
}

void doctor(bool json) {
  auto report = environment_report();
  report["gemm_gflops"] = matrix_gflops();
  report["memory_gb_per_s"] = memory_gigabytes_per_second();
  report["problems"] = diagnose(report);
  if (json)
    fmt::print("{}\n", report.dump(2));
  else
    print_text(report);
}

void define(CLI::App& app) {
  const auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "print JSON");
  app.callback([json] { doctor(*json); });
}

const RegisterCommand registered("doctor", "what this machine offers, what is used of it, and what to mend", define);

}  // namespace
}  // namespace longwave
