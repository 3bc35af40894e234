#include "longwave/kernels/fft_convolution.h"
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

}  // namespace
}  // namespace longwave::kernels
