#include <algorithm>
#include <vector>

#include "longwave/kernels/fft_convolution.h"

namespace longwave::kernels {
namespace {

double gate(const Steps<const float>& g, std::int64_t b, std::int64_t t, std::int64_t i) {
  return g.data ? g.at(b, t)[i] : 1;
}

/// Calls body(b, s, t, tap, in, out) for every pair of an input and an output step that a tap of the kernel connects:
/// in is the feature's place in a step of u, out that in a step of y, tap that of the weight in k.
template <class Problem, class Body>
void for_taps(const Problem& p, Body body) {
  for (std::int64_t b = 0; b < p.b; ++b)
    for (std::int64_t c = 0; c < p.c; ++c)
      for (std::int64_t h = 0; h < p.h; ++h)
        for (std::int64_t t = 0; t < p.t; ++t)
          for (std::int64_t i = 0; i < p.l; ++i) {
            const auto s = t + p.origin - i;
            if (s >= 0 && s < p.t) body(b, s, t, (c * p.h + h) * p.l + i, h, c * p.h + h);
          }
}

}  // namespace

void fft_convolution_reference(const FftConvolution& p) {
  const auto width = p.c * p.h;
  std::vector<double> sums(p.b * p.t * width);
  for_taps(p, [&](auto b, auto s, auto t, auto tap, auto in, auto out) {
    sums[(b * p.t + t) * width + out] += p.k[tap] * gate(p.gate_in, b, s, in) * p.u.at(b, s)[in];
  });
  for (std::int64_t b = 0; b < p.b; ++b)
    for (std::int64_t t = 0; t < p.t; ++t)
      for (std::int64_t i = 0; i < width; ++i) {
        const auto at = (b * p.t + t) * width + i;
        p.y[at] = static_cast<float>(gate(p.gate_out, b, t, i) * sums[at]);
        if (p.sums) p.sums[at] = static_cast<float>(sums[at]);
      }
}

void fft_convolution_grad_reference(const FftConvolutionGrad& p) {
  std::vector<double> dgated(p.b * p.t * p.h), dk(p.c * p.h * p.l);  // dgated: of gate_in u
  for_taps(p, [&](auto b, auto s, auto t, auto tap, auto in, auto out) {
    const double d = gate(p.gate_out, b, t, out) * p.dy.at(b, t)[out];
    dgated[(b * p.t + s) * p.h + in] += p.k[tap] * d;
    dk[tap] += d * gate(p.gate_in, b, s, in) * p.u.at(b, s)[in];
  });
  for (std::int64_t b = 0; b < p.b; ++b)
    for (std::int64_t t = 0; t < p.t; ++t)
      for (std::int64_t i = 0; i < p.h; ++i) {
        const auto at = (b * p.t + t) * p.h + i;
        p.du[at] = static_cast<float>(gate(p.gate_in, b, t, i) * dgated[at]);
        if (p.dgate_in) p.dgate_in[at] = static_cast<float>(p.u.at(b, t)[i] * dgated[at]);
      }
  std::copy(dk.begin(), dk.end(), p.dk);
  std::fill_n(p.dk + dk.size(), (p.parts - 1) * p.c * p.h * p.l, 0.0f);
}

}  // namespace longwave::kernels
