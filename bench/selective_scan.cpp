// Times the selective scan of Mamba, forward and forward + backward, over lengths; against the time that its
// exponentials alone take at the measured rate (b t d n of them forward, and once more backward, where the decays are
// computed again), and with --eager against the same equations in ATen operators: a scan by doubling over [b, t, d, n].
//
// usage: selective_scan [--eager] [--gate]
// Prints one JSON line for each length: median milliseconds, peak resident memory of the call beyond its inputs.

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "bench/exp_rate.h"
#include "longwave/base/fields.h"
#include "longwave/base/memory.h"
#include "longwave/base/policy.h"
#include "longwave/ops/selective_scan.h"

namespace longwave {
namespace {

using at::Tensor;
using ops::SelectiveScanInputs;

/// h[t] = a[t] h[t-1] + x[t] in log2(t) steps over whole tensors.
Tensor scan_by_doubling(Tensor a, Tensor x) {
  for (std::int64_t reach = 1; reach < x.size(1); reach *= 2) {
    const auto late_a = a.slice(1, reach), late_x = x.slice(1, reach), early_a = a.slice(1, 0, -reach);
    x = at::cat({x.slice(1, 0, reach), late_x + late_a * x.slice(1, 0, -reach)}, 1);
    a = at::cat({a.slice(1, 0, reach), late_a * early_a}, 1);
  }
  return x;
}

Tensor eager(const SelectiveScanInputs& in) {
  const auto step = at::softplus(in.delta + in.delta_bias).unsqueeze(-1);
  const auto h = scan_by_doubling(at::exp(step * in.A), step * in.u.unsqueeze(-1) * in.B.unsqueeze(2));
  const auto y = at::matmul(h, in.C.unsqueeze(-1)).squeeze(-1) + in.D * in.u;
  return in.z.defined() ? y * at::silu(in.z) : y;
}

SelectiveScanInputs random_inputs(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t n, bool gate) {
  const auto leaf = [](const Tensor& x) { return x.detach().requires_grad_(); };
  return {.u = leaf(at::randn({b, t, d})),
          .delta = leaf(at::randn({b, t, d})),
          .A = leaf(-at::arange(1, n + 1, at::kFloat).repeat({d, 1})),
          .B = leaf(at::randn({b, t, n})),
          .C = leaf(at::randn({b, t, n})),
          .D = leaf(at::randn({d})),
          .z = gate ? leaf(at::randn({b, t, d})) : Tensor(),
          .delta_bias = leaf(at::randn({d}) - 4),
          .delta_softplus = true,
          .state = {},
          .lengths = {}};
}

/// Median milliseconds.
template <class Body>
double median_ms(int repeats, Body body) {
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
  return times[repeats / 2];
}

template <class Forward>
Json measure(const SelectiveScanInputs& in, int repeats, Forward forward) {
  const auto weight = at::randn(in.u.sizes());
  const auto both = [&] {
    for (const auto* x : {&in.u, &in.delta, &in.A, &in.B, &in.C, &in.D, &in.z, &in.delta_bias})
      if (x->defined()) const_cast<Tensor*>(x)->mutable_grad() = Tensor();
    forward(in).backward(weight);
  };
  reset_peak_memory();
  const double before = peak_memory_bytes();
  both();  // also start-up, so that it is not timed; malloc keeps the memory that this takes
  const double peak = peak_memory_bytes() - before;
  const auto forward_ms = median_ms(repeats, [&] {
    const at::NoGradGuard no_grad;
    forward(in);
  });
  return {{"forward_ms", forward_ms}, {"both_ms", median_ms(repeats, both)}, {"peak_mib", peak / (1 << 20)}};
}

int run(int argc, char** argv) {
  bool with_eager = false, gate = false;
  for (int i = 1; i < argc; ++i) {
    with_eager = with_eager || std::strcmp(argv[i], "--eager") == 0;
    gate = gate || std::strcmp(argv[i], "--gate") == 0;
  }
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) at::set_num_threads(std::atoi(threads));
  const double rate = bench::measure_exp_rate();
  const std::int64_t d = 256, n = 16;
  for (const auto& [b, t] : {std::pair<std::int64_t, std::int64_t>{4, 2048}, {1, 256}, {1, 4096}, {1, 65536}}) {
    const auto in = random_inputs(b, t, d, n, gate);
    auto line = measure(in, t > 10000 ? 5 : 21, [](const auto& x) { return ops::selective_scan(x).y; });
    const double limit = 2e3 * b * t * d * n / rate;
    line.update({{"b", b},
                 {"t", t},
                 {"d", d},
                 {"n", n},
                 {"threads", at::get_num_threads()},
                 {"exp_per_s", rate},
                 {"limit_ms", limit},
                 {"times_limit", line["both_ms"].get<double>() / limit}});
    if (with_eager && t == 2048) {
      line["eager"] = measure(in, 1, eager);
      line["speedup"] = line["eager"]["both_ms"].get<double>() / line["both_ms"].get<double>();
    }
    fmt::print("{}\n", line.dump());
  }
  return 0;
}

}  // namespace
}  // namespace longwave

int main(int argc, char** argv) {
  longwave::apply_process_policy(longwave::detect_cpu());
  return longwave::run(argc, argv);
}
