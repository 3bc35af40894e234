// Times linear attention, the delta rule and blocks built on them, forward and backward, against the same in chunks of
// libtorch's operators.
//
// usage: linear_attention [REPEATS [CASE]]
// Prints a JSON line for each case: milliseconds (median) of ours and of libtorch's at its best chunk length, their
// ratio, processor time beside wall time, and for ours the share of the rate that a large matrix product reaches here.
// Process settings (threads, instruction sets, malloc) come from the environment: OMP_NUM_THREADS, OPENBLAS_CORETYPE,
// ATEN_CPU_CAPABILITY.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "longwave/mixers/mixer.h"
#include "longwave/ops/delta_rule.h"
#include "longwave/ops/gated_linear_attention.h"

namespace longwave {
namespace {

using at::Tensor;

/// Wall and processor time, in milliseconds; the latter adds up threads and holds on a busy machine too.
struct Times {
  double wall = 0, cpu = 0;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Medians of `repeats` calls after one that warms up.
Times measure(int repeats, const std::function<void()>& body) {
  body();
  std::vector<double> wall, cpu;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto cpu_start = std::clock();
    body();
    cpu.push_back(1e3 * static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
    wall.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return {median(wall), median(cpu)};
}

/// Operations a millisecond of processor time of a product of 2048 x 2048 matrices.
double product_rate(int repeats) {
  const auto a = at::randn({2048, 2048}), b = at::randn({2048, 2048});
  auto c = at::empty({2048, 2048});
  return 2 * std::pow(2048.0, 3) / measure(repeats, [&] { at::mm_out(c, a, b); }).cpu;
}

// --- the same with libtorch's operators: whole chunks at once, states from chunk to chunk by one loop

/// [b, t, h, e] as [b, h, chunks, chunk, e].
Tensor chunks_of(const Tensor& x, std::int64_t chunk) {
  return x.transpose(1, 2).unflatten(2, {x.size(1) / chunk, chunk});
}

/// States before each chunk, [b, h, chunks, k, v], from what each chunk adds and how it decays what is there.
Tensor states_before(const Tensor& added, const Tensor& decay) {
  std::vector<Tensor> before;
  auto state = at::zeros_like(added.select(2, 0));
  for (std::int64_t i = 0; i < added.size(2); ++i) {
    before.push_back(state);
    state = (decay.defined() ? state * decay.select(2, i) : state) + added.select(2, i);
  }
  return at::stack(before, 2);
}

/// g: undefined, [b, t, h] or, per channel, [b, t, h, k].
Tensor attention_of_torch(const Tensor& q_all, const Tensor& k_all, const Tensor& v_all, const Tensor& g_all,
                          std::int64_t chunk) {
  const auto q = chunks_of(q_all, chunk), k = chunks_of(k_all, chunk), v = chunks_of(v_all, chunk);
  if (!g_all.defined()) {
    const auto before = at::matmul(k.transpose(-1, -2), v).cumsum(2);
    const auto shifted = at::cat({at::zeros_like(before.narrow(2, 0, 1)), before.narrow(2, 0, before.size(2) - 1)}, 2);
    const auto y = at::matmul(at::matmul(q, k.transpose(-1, -2)).tril(), v) + at::matmul(q, shifted);
    return y.flatten(2, 3).transpose(1, 2);
  }
  const auto g = chunks_of(g_all.dim() == 4 ? g_all : g_all.unsqueeze(-1), chunk);
  const auto sum = g.cumsum(3), end = sum.narrow(3, chunk - 1, 1);
  const auto hidden = at::ones({chunk, chunk}, at::kBool).triu(1);
  Tensor scores;
  if (g_all.dim() == 4) {  // exponents that neither overflow nor need a loop: differences for all pairs of a chunk
    const auto difference = sum.unsqueeze(4) - sum.unsqueeze(3);  // [b, h, n, chunk, chunk, k]
    const auto decay = at::exp(difference.masked_fill(hidden.unsqueeze(-1), -INFINITY));
    scores = (q.unsqueeze(4) * k.unsqueeze(3) * decay).sum(-1);
  } else {
    const auto difference = (sum - sum.transpose(-1, -2)).masked_fill(hidden, -INFINITY);
    scores = at::matmul(q, k.transpose(-1, -2)) * at::exp(difference);
  }
  const auto added = at::matmul((k * at::exp(end - sum)).transpose(-1, -2), v);
  const auto before = states_before(added, at::exp(end).transpose(-1, -2));
  const auto y = at::matmul(scores, v) + at::matmul(q * at::exp(sum), before);
  return y.flatten(2, 3).transpose(1, 2);
}

/// The chunked (WY) form.
Tensor delta_of_torch(const Tensor& q_all, const Tensor& k_all, const Tensor& v_all, const Tensor& beta_all,
                      std::int64_t chunk) {
  const auto q = chunks_of(q_all, chunk), k = chunks_of(k_all, chunk), v = chunks_of(v_all, chunk);
  const auto beta = chunks_of(beta_all.unsqueeze(-1), chunk);
  const auto kk = at::matmul(k * beta, k.transpose(-1, -2)).tril(-1) + at::eye(chunk);
  const auto solved = at::linalg_solve_triangular(kk, at::cat({v * beta, k * beta}, -1), false, true, true);
  const auto u = solved.narrow(-1, 0, v.size(-1)), w = solved.narrow(-1, v.size(-1), k.size(-1));
  const auto scores = at::matmul(q, k.transpose(-1, -2)).tril();
  std::vector<Tensor> outputs;
  auto state = at::zeros({q.size(0), q.size(1), q.size(4), v.size(4)});
  for (std::int64_t i = 0; i < q.size(2); ++i) {
    const auto corrected = u.select(2, i) - at::matmul(w.select(2, i), state);
    outputs.push_back(at::matmul(q.select(2, i), state) + at::matmul(scores.select(2, i), corrected));
    state = state + at::matmul(k.select(2, i).transpose(-1, -2), corrected);
  }
  return at::stack(outputs, 2).flatten(2, 3).transpose(1, 2);
}

// --- cases

struct Case {
  std::string name;
  double flops;  // of forward and backward, triangles counted as such
  std::vector<Tensor> leaves;
  std::function<Tensor()> ours;
  std::function<Tensor(std::int64_t chunk)> theirs;
};

Times both(const Case& c, int repeats, const std::function<Tensor()>& op) {
  const auto grad = at::randn(op().sizes());
  return measure(repeats, [&] {
    for (const auto& leaf : c.leaves) leaf.mutable_grad() = Tensor();
    op().backward(grad);
  });
}

void report(const Case& c, int repeats, double rate) {
  const auto ours = both(c, repeats, c.ours);
  Times theirs{1e30, 1e30};
  std::int64_t best = 0;
  for (const std::int64_t chunk : {16, 32, 64, 128, 256}) {
    if (c.name.find("gla") == 0 && chunk > 32) break;  // pairs of a chunk for every channel no longer fit
    const auto difference = (c.theirs(chunk) - c.ours()).abs().max().item<float>();
    if (!(difference < 1e-2)) fmt::print(stderr, "{} chunk {}: results differ by {}\n", c.name, chunk, difference);
    const auto times = both(c, std::min(repeats, 3), [&] { return c.theirs(chunk); });
    if (times.cpu < theirs.cpu) theirs = times, best = chunk;
  }
  fmt::print(
      "{{\"case\": \"{}\", \"ms\": {:.1f}, \"cpu_ms\": {:.1f}, \"torch_ms\": {:.1f}, \"torch_cpu_ms\": {:.1f}, "
      "\"torch_chunk\": {}, \"ratio\": {:.2f}, \"cpu_ratio\": {:.2f}, \"of_gemm\": {:.3f}}}\n",
      c.name, ours.wall, ours.cpu, theirs.wall, theirs.cpu, best, theirs.wall / ours.wall, theirs.cpu / ours.cpu,
      c.flops / ours.cpu / rate);
  std::fflush(stdout);
}

enum class Kind { linear, ssd, gla, delta };

Case operator_case(const std::string& name, Kind kind, std::int64_t b, std::int64_t h, std::int64_t t, std::int64_t dk,
                   std::int64_t dv) {
  Case c;
  // A step: 2 products of width chunk / 2 and 2 of the state forward; 5 and 5 backward. Of the delta rule: more.
  const double pairs = 32 * static_cast<double>(dk + dv) / 2, state = static_cast<double>(dk * dv);
  c.flops = 2 * static_cast<double>(b * h * t) * (7 * pairs + 7 * state);
  c.name = fmt::format("{} b{} h{} t{} k{} v{}", name, b, h, t, dk, dv);
  const auto leaf = [&](Tensor x) {
    c.leaves.push_back(x.detach().requires_grad_());
    return c.leaves.back();
  };
  const double size = 1 / std::sqrt(static_cast<double>(dk));
  const auto q = leaf(at::randn({b, t, h, dk}) * size), k = leaf(at::randn({b, t, h, dk}) * size),
             v = leaf(at::randn({b, t, h, dv}));
  if (kind == Kind::delta) {
    const auto beta = leaf(at::rand({b, t, h}));
    c.ours = [=] { return ops::delta_rule(q, k, v, beta).o; };
    c.theirs = [=](std::int64_t chunk) { return delta_of_torch(q, k, v, beta, chunk); };
    return c;
  }
  Tensor g;
  if (kind == Kind::ssd) g = leaf(-0.1 * at::rand({b, t, h}));
  if (kind == Kind::gla) g = leaf(-0.1 * at::rand({b, t, h, dk}));
  c.ours = [=] { return ops::gated_linear_attention(q, k, v, g).o; };
  c.theirs = [=](std::int64_t chunk) { return attention_of_torch(q, k, v, g, chunk); };
  return c;
}

/// Milliseconds of a whole block, ours; its part around the operator is libtorch's on both sides.
void report_block(const char* name, std::int64_t t, int repeats) {
  const auto& info = find_mixer(name);
  const auto mixer = info.make({256, t}, info.resolve({}, "mixer", false), 1);
  const auto x = at::randn({1, t, 256}).requires_grad_();
  const auto grad = at::randn({1, t, 256});
  const auto times = measure(repeats, [&] { mixer->forward(x).backward(grad); });
  fmt::print("{{\"case\": \"{} block b1 t{} d256\", \"ms\": {:.1f}, \"cpu_ms\": {:.1f}}}\n", name, t, times.wall,
             times.cpu);
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  const int repeats = argc > 1 ? std::atoi(argv[1]) : 5;
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) at::set_num_threads(std::atoi(threads));
  const double rate = product_rate(repeats);
  fmt::print("{{\"threads\": {}, \"gemm_gflops_of_a_thread\": {:.0f}}}\n", at::get_num_threads(), rate / 1e6);
  std::fflush(stdout);
  const std::string only = argc > 2 ? argv[2] : "";
  const auto wanted = [&](const std::string& name) { return only.empty() || only == name; };
  if (wanted("linear")) report(operator_case("linear", Kind::linear, 8, 8, 4096, 64, 64), repeats, rate);
  if (wanted("ssd")) report(operator_case("ssd", Kind::ssd, 1, 8, 4096, 128, 64), repeats, rate);
  if (wanted("gla")) report(operator_case("gla", Kind::gla, 1, 4, 4096, 32, 64), repeats, rate);
  if (wanted("delta")) report(operator_case("delta", Kind::delta, 1, 4, 4096, 64, 64), repeats, rate);
  for (const char* name : {"linear_attention", "mamba2", "gla", "deltanet"})
    if (wanted(std::string(name) + " block")) report_block(name, 4096, repeats);
  return 0;
}

}  // namespace
}  // namespace longwave

int main(int argc, char** argv) { return longwave::run(argc, argv); }
