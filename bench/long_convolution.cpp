// Long convolutions with the kernel of a diagonal state-space model (S4D), forward and backward: ours against the same
// in plain libtorch operators, and against the rate of the transforms alone.
//   long_convolution [b h n t]          defaults 8 128 64 16384
// One JSON line for each measurement. Run with OMP_NUM_THREADS set; best settings for libtorch are
// OPENBLAS_CORETYPE=SkylakeX ATEN_CPU_CAPABILITY=avx512 on CPUs that have it.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <malloc.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "longwave/nn/diagonal_ssm.h"

namespace {

using at::Tensor;

struct Sizes {
  std::int64_t b = 8, h = 128, n = 64, t = 16384;
};

struct Inputs {
  Tensor u, log_dt, log_decay, frequency, c, skip;
};

Inputs make(const Sizes& s) {
  at::manual_seed(1);
  const auto half = s.n / 2;
  Inputs in{at::randn({s.b, s.t, s.h}),           at::rand({s.h, 1}) * std::log(100.0) + std::log(0.001),
            at::full({s.h, half}, std::log(0.5)), (M_PI * at::arange(half, at::kFloat)).repeat({s.h, 1}),
            at::randn({1, s.h, half, 2}),         at::randn({1, s.h})};
  for (auto* x : {&in.u, &in.log_dt, &in.log_decay, &in.frequency, &in.c, &in.skip}) x->requires_grad_(true);
  return in;
}

Tensor ours(const Inputs& in) {
  const auto a = at::complex(-at::exp(in.log_decay), in.frequency);
  const longwave::DiagonalSsm ssm{
      longwave::discretize_logarithm("zoh", a, at::ones({}, a.options()), at::exp(in.log_dt)),
      at::view_as_complex(in.c)};
  return longwave::diagonal_ssm(ssm, in.u, {}, nullptr, {.skip = in.skip});
}

/// As programs in plain operators do it: all powers of all poles, and transforms of the library.
Tensor plain(const Inputs& in) {
  const auto t = in.u.size(1);
  const auto a = at::complex(-at::exp(in.log_decay), in.frequency), z = at::exp(in.log_dt) * a;
  const auto v = at::view_as_complex(in.c)[0] * (at::exp(z) - 1) / a;
  const auto powers = at::exp(z.unsqueeze(-1) * at::arange(t, at::kFloat));  // [h, n / 2, t]
  const auto k = 2 * at::real(at::einsum("hn,hnl->hl", {v, powers}));
  const auto u = in.u.transpose(1, 2).contiguous();
  const auto y = at::fft_irfft(at::fft_rfft(u, 2 * t) * at::fft_rfft(k, 2 * t), 2 * t).narrow(2, 0, t);
  return (y + u * in.skip.unsqueeze(-1)).transpose(1, 2);
}

double seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_of(int runs, const std::function<void()>& body) {
  body();
  std::vector<double> all;
  for (int i = 0; i < runs; ++i) all.push_back(seconds(body));
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

void report(const char* name, const char* what, const Sizes& s, double time, double flops) {
  std::printf(
      "{\"name\": \"%s\", \"pass\": \"%s\", \"b\": %ld, \"h\": %ld, \"n\": %ld, \"t\": %ld, \"threads\": %d, "
      "\"ms\": %.2f, \"gflops\": %.1f}\n",
      name, what, s.b, s.h, s.n, s.t, at::get_num_threads(), 1e3 * time, flops / time * 1e-9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2000000000);
  at::set_num_threads(std::getenv("OMP_NUM_THREADS") ? std::atoi(std::getenv("OMP_NUM_THREADS")) : 2);
  Sizes s;
  std::int64_t* const sizes[] = {&s.b, &s.h, &s.n, &s.t};
  for (int i = 1; i < argc && i <= 4; ++i) *sizes[i - 1] = std::atoll(argv[i]);
  auto in = make(s);
  const auto rows = static_cast<double>(s.b * s.h), steps = static_cast<double>(s.t);
  // A real transform of length 2t is 5 t log2 t operations (a complex one of length t); forward: that of u, of the
  // product, of the kernel; backward: those of dy, u, du, and of the kernel and its gradient.
  const double transform = 5 * steps * std::log2(steps);
  const double forward = transform * (2 * rows + static_cast<double>(s.h)),
               backward = transform * (3 * rows + 2 * static_cast<double>(s.h));
  const auto weights = at::randn({s.b, s.t, s.h});
  const auto both = [&](const std::function<Tensor(const Inputs&)>& f) {
    return [&in, &weights, f] {
      for (auto* x : {&in.u, &in.log_dt, &in.log_decay, &in.frequency, &in.c, &in.skip}) x->mutable_grad() = Tensor();
      f(in).backward(weights);
    };
  };
  const auto run_forward = [&] {
    const at::NoGradGuard no_grad;
    ours(in);
  };
  report("s4d", "forward", s, median_of(5, run_forward), forward);
  report("s4d", "forward+backward", s, median_of(5, both(ours)), forward + backward);
  const auto k = at::randn({1, s.h, s.t}).requires_grad_();
  const auto convolution = [&](const Inputs& x) {
    k.mutable_grad() = Tensor();
    return longwave::ops::fft_convolution(x.u, k);
  };
  report("convolution", "forward+backward", s, median_of(5, both(convolution)), forward + backward);
  report("s4d in plain libtorch operators", "forward+backward", s, median_of(1, both(plain)), forward + backward);
}
