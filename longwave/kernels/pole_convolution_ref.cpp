#include <algorithm>
#include <complex>
#include <vector>

#include "longwave/kernels/pole_convolution.h"

namespace longwave::kernels {
namespace {

/// Whether number i of x belongs to a step within the length of its row.
template <class T>
bool is_real(const PoleConvolution<T>& s, std::int64_t i) {
  return i / s.d % s.t < s.length(i / s.d / s.t);
}

/// One state of one channel of one row, in one direction.
template <class T>
struct Lane {
  using Complex = std::complex<T>;
  const PoleConvolution<T>& s;
  std::int64_t row, n, d;
  int direction;

  Complex load(const T* planes) const {
    const auto at = n * s.d + d;
    return {planes[at], planes[at + s.plane()]};
  }
  void add(Complex value, T* planes) const {
    const auto at = n * s.d + d;
    planes[at] += value.real();
    planes[at + s.plane()] += value.imag();
  }
  std::int64_t weights() const { return 2 * direction * s.plane(); }
  Complex g() const { return load(s.g); }
  Complex w() const { return load(s.w + weights()); }
  bool backwards() const { return direction > 0; }
  std::int64_t steps() const { return s.length(row); }
  std::int64_t at(std::int64_t step) const { return (row * s.t + (backwards() ? steps() - 1 - step : step)) * s.d + d; }

  /// States before each step, and behind the last.
  std::vector<Complex> states() const {
    std::vector<Complex> h{0};
    for (std::int64_t step = 0; step < steps(); ++step) h.push_back(h.back() + g() * h.back() + s.x[at(step)]);
    return h;
  }
  /// The one that the output of a step sees.
  std::size_t seen(std::int64_t step) const { return static_cast<std::size_t>(backwards() ? step : step + 1); }
};

template <class T, class Body>
void for_lanes(const PoleConvolution<T>& s, Body body) {
  for (int direction = 0; direction < s.directions; ++direction)
    for (std::int64_t row = 0; row < s.b; ++row)
      for (std::int64_t n = 0; n < s.n; ++n)
        for (std::int64_t d = 0; d < s.d; ++d) body(Lane<T>{s, row, n, d, direction});
}

template <class T>
void grad_of_lane(const Lane<T>& lane, const PoleConvolutionGrad<T>& g) {
  const auto h = lane.states();
  std::complex<T> behind = 0, dg = 0, dw = 0;  // behind: gradient of the state behind a step
  for (auto step = lane.steps() - 1; step >= 0; --step) {
    const T dy = g.dy[lane.at(step)];
    const auto reached = std::conj(lane.w()) * dy;
    dw += std::conj(h[lane.seen(step)]) * dy;
    if (!lane.backwards()) behind += reached;
    dg += behind * std::conj(h[static_cast<std::size_t>(step)]);
    g.dx[lane.at(step)] += behind.real();
    behind += std::conj(lane.g()) * behind;
    if (lane.backwards()) behind += reached;
  }
  lane.add(dg, g.dg);
  lane.add(dw, g.dw + lane.weights());
}

}  // namespace

template <class T>
void pole_convolution_reference(const PoleConvolution<T>& s, T* y) {
  for (std::int64_t i = 0; i < s.b * s.t * s.d; ++i) y[i] = s.skip && is_real(s, i) ? s.skip[i % s.d] * s.x[i] : T(0);
  for_lanes(s, [&](const Lane<T>& lane) {
    const auto h = lane.states();
    for (std::int64_t step = 0; step < lane.steps(); ++step)
      y[lane.at(step)] += std::real(lane.w() * h[lane.seen(step)]);
  });
}

template <class T>
void pole_convolution_grad_reference(const PoleConvolution<T>& s, const PoleConvolutionGrad<T>& g) {
  std::fill_n(g.dg, 2 * s.plane(), T(0));
  std::fill_n(g.dw, 2 * s.directions * s.plane(), T(0));
  if (s.skip) std::fill_n(g.dskip, s.d, T(0));
  for (std::int64_t i = 0; i < s.b * s.t * s.d; ++i) {
    const bool skips = s.skip && is_real(s, i);
    g.dx[i] = skips ? s.skip[i % s.d] * g.dy[i] : T(0);
    if (skips) g.dskip[i % s.d] += g.dy[i] * s.x[i];
  }
  for_lanes(s, [&](const Lane<T>& lane) { grad_of_lane(lane, g); });
}

template void pole_convolution_reference(const PoleConvolution<float>&, float*);
template void pole_convolution_reference(const PoleConvolution<double>&, double*);
template void pole_convolution_grad_reference(const PoleConvolution<float>&, const PoleConvolutionGrad<float>&);
template void pole_convolution_grad_reference(const PoleConvolution<double>&, const PoleConvolutionGrad<double>&);

}  // namespace longwave::kernels
