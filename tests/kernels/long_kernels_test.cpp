#include <complex>

#include "longwave/kernels/cauchy.h"
#include "longwave/kernels/fft_convolution.h"
#include "longwave/kernels/pole_convolution.h"
#include "longwave/kernels/vandermonde.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

struct Convolution {
  std::int64_t b, t, h, c, l, origin;
  bool gates;
};

Results convolution_results(const Convolution& s, Form form) {
  const auto in = s.b * s.t * s.h, out = in * s.c, taps = s.c * s.h * s.l;
  Random random;
  const auto u = random.numbers(in), gate_in = random.numbers(in), gate_out = random.numbers(out);
  const auto k = random.numbers(taps), dy = random.numbers(out);
  const auto plan = fft_plan(fft_length((s.t + std::max(s.l - 1 - s.origin, s.origin) + 1) / 2));
  const auto steps = [&](const Numbers& x, bool given = true) {
    const auto width = static_cast<std::int64_t>(x.size()) / (s.b * s.t);
    return given ? Steps<const float>{x.data(), s.t * width, width} : Steps<const float>{};
  };
  const auto parts = fft_convolution_parts(s.b, s.h);
  auto y = unwritten(out), sums = s.gates ? unwritten(out) : Numbers();
  auto du = unwritten(in), dgate_in = s.gates ? unwritten(in) : Numbers(), dk = unwritten(parts * taps);
  const FftConvolution p{.plan = &plan,
                         .u = steps(u),
                         .gate_in = steps(gate_in, s.gates),
                         .gate_out = steps(gate_out, s.gates),
                         .k = k.data(),
                         .y = y.data(),
                         .sums = s.gates ? sums.data() : nullptr,
                         .b = s.b,
                         .t = s.t,
                         .h = s.h,
                         .c = s.c,
                         .l = s.l,
                         .origin = s.origin};
  const FftConvolutionGrad g{.plan = &plan,
                             .u = p.u,
                             .gate_in = p.gate_in,
                             .gate_out = p.gate_out,
                             .dy = steps(dy),
                             .k = k.data(),
                             .du = du.data(),
                             .dgate_in = s.gates ? dgate_in.data() : nullptr,
                             .dk = dk.data(),
                             .b = s.b,
                             .t = s.t,
                             .h = s.h,
                             .c = s.c,
                             .l = s.l,
                             .origin = s.origin,
                             .parts = parts};
  if (form == Form::reference) {
    fft_convolution_reference(p);
    fft_convolution_grad_reference(g);
  } else {
    fft_convolution(p, Workspace(fft_convolution_workspace(plan, false)));
    fft_convolution_grad(g, Workspace(fft_convolution_workspace(plan, true)));
  }
  return {y, sums, du, dgate_in, testing::sum_of_parts(dk, parts)};
}

TEST(FftConvolutionKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& s : std::vector<Convolution>{{1, 1, 1, 1, 1, 0, false},
                                                {2, 5, 3, 1, 5, 0, true},
                                                {3, 33, 17, 2, 33, 0, false},
                                                {2, 50, 5, 2, 31, 9, true},
                                                {5, 20, 1, 1, 39, 19, true},
                                                {1, 130, 18, 1, 130, 0, true},
                                                {2, 7, 33, 3, 3, 2, false},
                                                {2, 16, 4, 1, 16, 0, true},
                                                {1, 31, 16, 1, 31, 0, false},
                                                {1, 128, 2, 1, 100, 0, false}})
    testing::expect_matches_reference([&](Form form) { return convolution_results(s, form); }, 1e-5,
                                      std::to_string(s.t) + " steps, " + std::to_string(s.l) + " taps");
}

Results vandermonde_results(std::int64_t r, std::int64_t h, std::int64_t n, std::int64_t t, Form form) {
  Random random;
  const auto v = random.numbers(2 * r * h * n), dk = random.numbers(r * h * t);
  auto x = random.numbers(2 * h * n);
  for (std::size_t i = 0; i < x.size(); i += 2) x[i] = -std::abs(x[i]) / 20;  // decays, slowly
  const auto parts = vandermonde_parts(r, h);
  auto k = unwritten(r * h * t), dv = unwritten(2 * r * h * n), dx = unwritten(parts * 2 * h * n);
  const Vandermonde p{v.data(), x.data(), k.data(), r, h, n, t};
  const VandermondeGrad g{v.data(), x.data(), dk.data(), dv.data(), dx.data(), r, h, n, t, parts};
  if (form == Form::reference) {
    vandermonde_reference(p);
    vandermonde_grad_reference(g);
  } else {
    const Workspace workspace(vandermonde_workspace(n, t));
    vandermonde(p, workspace);
    vandermonde_grad(g, workspace);
  }
  return {k, dv, testing::sum_of_parts(dx, parts)};
}

TEST(VandermondeKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [r, h, n, t] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 1}, {2, 3, 5, 15}, {3, 1, 4, 16}, {1, 2, 33, 100}, {9, 1, 7, 290}, {2, 9, 3, 257}})
    testing::expect_matches_reference(
        [&, r = r, h = h, n = n, t = t](Form form) { return vandermonde_results(r, h, n, t, form); }, 1e-5,
        std::to_string(n) + " poles, " + std::to_string(t) + " steps");
}

/// `p` with its sizes and directions; its tensors are made here. all: with a skip and lengths.
Results pole_convolution_results(PoleConvolution<float> p, bool all, Form form) {
  const auto sequence = p.b * p.t * p.d;
  const auto lengths = all ? testing::some_lengths(p.b, p.t) : std::vector(static_cast<std::size_t>(p.b), p.t);
  Random random;
  const auto x = testing::ending_at(lengths, p.t, random.numbers(sequence));
  const auto dy = testing::ending_at(lengths, p.t, random.numbers(sequence));
  auto pole = random.numbers(2 * p.plane());  // inside the unit circle, of any frequency; less one
  for (std::int64_t i = 0; i < p.plane(); ++i) {
    float &re = pole[static_cast<std::size_t>(i)], &im = pole[static_cast<std::size_t>(i + p.plane())];
    const auto g = std::exp(std::complex<double>(-0.01 - 0.3 * re * re, 2 * im)) - 1.0;
    re = static_cast<float>(g.real()), im = static_cast<float>(g.imag());
  }
  const auto w = random.numbers(2 * p.directions * p.plane()), skip = random.numbers(p.d);
  auto y = unwritten(sequence), dx = y, dg = unwritten(2 * p.plane()), dw = unwritten(2 * p.directions * p.plane());
  auto dskip = all ? unwritten(p.d) : Numbers();
  p.x = x.data(), p.g = pole.data(), p.w = w.data();
  p.skip = all ? skip.data() : nullptr, p.lengths = all ? lengths.data() : nullptr;
  const Workspace workspace(pole_convolution_grad_workspace(p));
  const PoleConvolutionGrad<float> g{dy.data(), dx.data(), dg.data(), dw.data(), dskip.data(), workspace};
  if (form == Form::reference) {
    pole_convolution_reference(p, y.data());
    pole_convolution_grad_reference(p, g);
  } else {
    pole_convolution(p, y.data());
    pole_convolution_grad(p, g);
  }
  return {y, dx, dg, dw, dskip};
}

void expect_pole_convolution(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t n, double tolerance) {
  for (const int directions : {1, 2})
    for (const bool all : {false, true}) {
      PoleConvolution<float> p{};
      p.b = b, p.t = t, p.d = d, p.n = n, p.directions = directions;
      testing::expect_matches_reference([&](Form form) { return pole_convolution_results(p, all, form); }, tolerance,
                                        std::to_string(t) + " steps of " + std::to_string(d) + ", " +
                                            std::to_string(n) + " poles, directions " + std::to_string(directions));
    }
}

TEST(PoleConvolutionKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (std::int64_t n = 1; n <= kMostPoles; ++n)
    for (const auto& [b, t, d] :
         std::vector<std::array<std::int64_t, 3>>{{1, 1, 1}, {3, 31, 5}, {2, 33, 32}, {3, 41, 35}})
      expect_pole_convolution(b, t, d, n, 3e-5);
}

TEST(PoleConvolutionKernel, MatchesTheReferenceOverManySteps) { expect_pole_convolution(1, 4099, 3, 2, 1e-4); }

/// In the precision T. The nodes of the fast form have real parts that nobody may look at.
template <class T>
Results cauchy_results(std::int64_t m, std::int64_t h, std::int64_t n, std::int64_t l, Form form) {
  Random random;
  const auto wide = [](const Numbers& x) { return std::vector<T>(x.begin(), x.end()); };
  const auto narrow = [](const std::vector<T>& x) { return Numbers(x.begin(), x.end()); };
  const auto v = wide(random.numbers(2 * m * h * n)), dr = wide(random.numbers(2 * m * h * l));
  auto w = wide(random.numbers(2 * h * n, 2)), z = wide(random.numbers(2 * l, 2));
  for (std::size_t i = 0; i < w.size(); i += 2) w[i] = T(-0.5) - std::abs(w[i]);
  for (std::size_t i = 0; i < z.size(); i += 2)
    z[i] = form == Form::reference ? 0 : std::numeric_limits<T>::quiet_NaN();
  auto r = wide(unwritten(2 * m * h * l)), dv = wide(unwritten(2 * m * h * n)), dw = wide(unwritten(2 * h * n));
  const Cauchy<T> p{v.data(), w.data(), z.data(), r.data(), m, h, n, l};
  const CauchyGrad<T> g{v.data(), w.data(), z.data(), dr.data(), dv.data(), dw.data(), m, h, n, l};
  form == Form::reference ? cauchy_ref(p) : cauchy_imaginary(p);
  form == Form::reference ? cauchy_grad_ref(g) : cauchy_grad_imaginary(g);
  return {narrow(r), narrow(dv), narrow(dw)};
}

TEST(CauchyKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [m, h, n, l] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 1}, {2, 3, 5, 7}, {4, 1, 2, 16}, {1, 5, 33, 65}, {3, 2, 4, 257}}) {
    const auto run = [&, m = m, h = h, n = n, l = l](bool twice, Form form) {
      return twice ? cauchy_results<double>(m, h, n, l, form) : cauchy_results<float>(m, h, n, l, form);
    };
    const auto what = std::to_string(n) + " poles, " + std::to_string(l) + " nodes";
    testing::expect_matches_reference([&](Form form) { return run(false, form); }, 1e-5, "float, " + what);
    testing::expect_matches_reference([&](Form form) { return run(true, form); }, 1e-7, "double, " + what);
  }
}

}  // namespace
}  // namespace longwave::kernels
