// Times the recurrent cells and softmax attention, forward and backward, against the same with libtorch's operators.
//
// usage: recurrent_attention [REPEATS [CASE]]
// Prints a JSON line for each case (whose name contains CASE): milliseconds (median) of ours and of libtorch's, their
// ratio, for ours the share of the rate that a large matrix product reaches here, and the same for forward alone;
// cpu_*: processor time of all threads, which other processes hardly touch. Process settings (threads, instruction
// sets) come from the environment: OMP_NUM_THREADS, OPENBLAS_CORETYPE, ATEN_CPU_CAPABILITY.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "longwave/nn/recurrent.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

using at::Tensor;

struct Milliseconds {
  double wall, cpu;  // cpu: of all threads
};

Milliseconds now() {
  const auto of = [](clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
  };
  return {of(CLOCK_MONOTONIC), of(CLOCK_PROCESS_CPUTIME_ID)};
}

/// Medians of `repeats` calls after one that warms up.
Milliseconds time_of(int repeats, const std::function<void()>& body) {
  body();
  std::vector<double> wall, cpu;
  for (int i = 0; i < repeats; ++i) {
    const auto start = now();
    body();
    const auto end = now();
    wall.push_back(end.wall - start.wall), cpu.push_back(end.cpu - start.cpu);
  }
  for (auto* times : {&wall, &cpu}) std::nth_element(times->begin(), times->begin() + repeats / 2, times->end());
  const auto middle = static_cast<std::size_t>(repeats / 2);
  return {wall[middle], cpu[middle]};
}

/// A product of 2048 x 2048 matrices.
Milliseconds time_of_product(int repeats) {
  const auto a = at::randn({2048, 2048}), b = at::randn({2048, 2048});
  auto c = at::empty({2048, 2048});
  return time_of(repeats, [&] { at::mm_out(c, a, b); });
}
const double kProductFlops = 2 * std::pow(2048.0, 3);

struct Case {
  std::string name;
  double flops;  // of forward and backward
  std::vector<Tensor> leaves;
  std::function<Tensor()> ours, theirs;
};

void report(const Case& c, int repeats, const Milliseconds& product) {
  const auto both = [&](const std::function<Tensor()>& op) {
    const auto grad = at::randn(op().sizes());
    return time_of(repeats, [&] {
      for (const auto& leaf : c.leaves) leaf.mutable_grad() = Tensor();
      op().backward(grad);
    });
  };
  const auto forward = [&](const std::function<Tensor()>& op) {
    const at::NoGradGuard no_grad;
    return time_of(repeats, op);
  };
  const auto ours = both(c.ours), theirs = both(c.theirs);
  const auto ours_forward = forward(c.ours), theirs_forward = forward(c.theirs);
  const double products = c.flops / kProductFlops;
  fmt::print(
      "{{\"case\": \"{}\", \"ms\": {:.2f}, \"torch_ms\": {:.2f}, \"ratio\": {:.2f}, \"of_gemm\": {:.3f}, \"cpu_ms\": "
      "{:.2f}, "
      "\"cpu_ratio\": {:.2f}, \"cpu_of_gemm\": {:.3f}, \"forward_ms\": {:.2f}, \"torch_forward_ms\": {:.2f}}}\n",
      c.name, ours.wall, theirs.wall, theirs.wall / ours.wall, products * product.wall / ours.wall, ours.cpu,
      theirs.cpu / ours.cpu, products * product.cpu / ours.cpu, ours_forward.wall, theirs_forward.wall);
  std::fflush(stdout);
}

Case recurrent(ops::Cell cell, std::int64_t b, std::int64_t t, std::int64_t d) {
  Case c;
  const auto gates = kernels::gates_of(cell);
  c.name = fmt::format("{} b{} t{} d{}",
                       cell == ops::Cell::lstm  ? "lstm"
                       : cell == ops::Cell::gru ? "gru"
                                                : "rnn",
                       b, t, d);
  c.flops = 12.0 * static_cast<double>(b * t * gates * d * d);
  const double bound = 1 / std::sqrt(static_cast<double>(d));
  const auto leaf = [&](std::vector<std::int64_t> sizes) {
    c.leaves.push_back(at::empty(sizes).uniform_(-bound, bound).requires_grad_());
    return c.leaves.back();
  };
  const auto x = leaf({b, t, d});
  const RecurrentWeights w{leaf({gates * d, d}), leaf({gates * d, d}), leaf({gates * d}), leaf({gates * d})};
  const RecurrentShape shape{.cell = cell, .input = d, .hidden = d};
  const auto state = at::zeros({b, kernels::states_of(cell), 1, d});
  c.ours = [=] { return run_recurrent(shape, {w}, x, {}, state).y; };
  c.theirs = [=] {
    const std::vector<Tensor> weights = {w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh};
    const auto h = at::zeros({1, b, d});
    if (cell == ops::Cell::lstm)
      return std::get<0>(at::lstm(x, std::vector<Tensor>{h, h}, weights, true, 1, 0, true, false, true));
    if (cell == ops::Cell::gru) return std::get<0>(at::gru(x, h, weights, true, 1, 0, true, false, true));
    return std::get<0>(at::rnn_tanh(x, h, weights, true, 1, 0, true, false, true));
  };
  return c;
}

Case attention(std::int64_t b, std::int64_t h, std::int64_t t, std::int64_t e) {
  Case c;
  c.name = fmt::format("causal attention b{} h{} t{} e{}", b, h, t, e);
  c.flops = 7.0 * static_cast<double>(b * h * t * t * e);  // half the square: 2 products forward, 5 backward
  for (int i = 0; i < 3; ++i) c.leaves.push_back(at::randn({b, t, h, e}).requires_grad_());
  const auto q = c.leaves[0], k = c.leaves[1], v = c.leaves[2];
  c.ours = [=] { return std::get<0>(ops::softmax_attention(q, k, v, {})); };
  const auto hidden = at::ones({t, t}, at::kBool).triu(1);
  c.theirs = [=] {
    const auto scores = at::matmul(q.transpose(1, 2) / std::sqrt(static_cast<double>(e)), k.permute({0, 2, 3, 1}));
    const auto weights = at::softmax(scores.masked_fill(hidden, -INFINITY), -1);
    return at::matmul(weights, v.transpose(1, 2)).transpose(1, 2);
  };
  return c;
}

int run(int argc, char** argv) {
  const int repeats = argc > 1 ? std::atoi(argv[1]) : 5;
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) at::set_num_threads(std::atoi(threads));
  const auto product = time_of_product(repeats);
  fmt::print("{{\"threads\": {}, \"gemm_gflops\": {:.0f}, \"gemm_gflops_of_cpu_time\": {:.0f}}}\n",
             at::get_num_threads(), kProductFlops / product.wall / 1e6, kProductFlops / product.cpu / 1e6);
  std::fflush(stdout);
  const std::string wanted = argc > 2 ? argv[2] : "";
  std::vector<Case> cases;
  for (const auto cell : {ops::Cell::lstm, ops::Cell::gru, ops::Cell::rnn_tanh})
    cases.push_back(recurrent(cell, 32, 512, 256));
  cases.push_back(recurrent(ops::Cell::lstm, 1, 512, 256));
  for (const std::int64_t t : {512, 2048, 4096}) cases.push_back(attention(2, 8, t, 64));
  for (const auto& c : cases)
    if (c.name.find(wanted) != std::string::npos) report(c, repeats, product);
  return 0;
}

}  // namespace
}  // namespace longwave

int main(int argc, char** argv) { return longwave::run(argc, argv); }
