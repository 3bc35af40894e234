#include <algorithm>
#include <complex>
#include <vector>

#include "longwave/kernels/diagonal_ssm.h"

namespace longwave::kernels {
namespace {

/// One state of one channel of one row.
template <class T>
struct Lane {
  using Complex = std::complex<T>;
  const DiagonalSsm<T>& s;
  std::int64_t row, n, d;

  std::int64_t coefficient() const { return n * s.d + d; }
  std::int64_t state() const { return row * s.coefficients() + coefficient(); }
  Complex load(const T* planes, std::int64_t at) const {
    return planes ? Complex(planes[at], s.planes == 2 ? planes[at + s.n * s.d] : T(0)) : Complex(0);
  }
  void store(Complex value, T* planes, std::int64_t at) const {
    planes[at] = value.real();
    if (s.planes == 2) planes[at + s.n * s.d] = value.imag();
  }
  void add(Complex value, T* planes, std::int64_t at) const { store(load(planes, at) + value, planes, at); }
  Complex a() const { return load(s.a, coefficient()); }
  Complex b() const { return load(s.b_in, coefficient()); }
  Complex c() const { return load(s.c_out, coefficient()); }
  std::int64_t at(std::int64_t step) const {
    return (row * s.t + (s.reverse ? s.length(row) - 1 - step : step)) * s.d + d;
  }

  /// States before each step, and behind the last.
  std::vector<Complex> states() const {
    std::vector<Complex> h{load(s.h_init, state())};
    for (std::int64_t step = 0; step < s.length(row); ++step) {
      const T x = s.x[at(step)];
      h.push_back(a() * h.back() + b() * x * (s.liquid ? h.back() + T(1) : Complex(1)));
    }
    return h;
  }
};

template <class T, class Body>
void for_lanes(const DiagonalSsm<T>& s, Body body) {
  for (std::int64_t row = 0; row < s.b; ++row)
    for (std::int64_t n = 0; n < s.n; ++n)
      for (std::int64_t d = 0; d < s.d; ++d) body(Lane<T>{s, row, n, d});
}

template <class T>
void grad_of_lane(const Lane<T>& lane, const DiagonalSsmGrad<T>& g) {
  const auto& s = lane.s;
  const auto h = lane.states();
  auto carry = lane.load(g.dh_last, lane.state());  // gradient of the state behind the step that later steps give
  for (auto step = s.length(lane.row) - 1; step >= 0; --step) {
    const auto at = lane.at(step);
    const T x = s.x[at];
    const auto before = h[step], drive = s.liquid ? before + T(1) : std::complex<T>(1);  // what b x is multiplied by
    const auto lambda = carry + std::conj(lane.c()) * g.dy[at];
    lane.add(g.dy[at] * std::conj(h[step + 1]), g.dc, lane.coefficient());
    lane.add(lambda * std::conj(before), g.da, lane.coefficient());
    lane.add(lambda * std::conj(drive) * x, g.db, lane.coefficient());
    g.dx[at] += std::real(lambda * std::conj(lane.b() * drive));
    carry = lambda * std::conj(s.liquid ? lane.a() + lane.b() * x : lane.a());
  }
  lane.store(carry, g.dh_init, lane.state());
}

}  // namespace

template <class T>
void diagonal_ssm_reference(const DiagonalSsm<T>& s, T* y, T* h_last) {
  std::fill_n(y, s.b * s.t * s.d, T(0));
  for_lanes(s, [&](const Lane<T>& lane) {
    const auto h = lane.states();
    for (std::int64_t step = 0; step < s.length(lane.row); ++step)
      y[lane.at(step)] += std::real(lane.c() * h[step + 1]);
    lane.store(h.back(), h_last, lane.state());
  });
}

template <class T>
void diagonal_ssm_grad_reference(const DiagonalSsm<T>& s, const DiagonalSsmGrad<T>& g) {
  std::fill_n(g.dx, s.b * s.t * s.d, T(0));
  for (T* x : {g.da, g.db, g.dc}) std::fill_n(x, s.coefficients(), T(0));
  for_lanes(s, [&](const Lane<T>& lane) { grad_of_lane(lane, g); });
}

template void diagonal_ssm_reference(const DiagonalSsm<float>&, float*, float*);
template void diagonal_ssm_reference(const DiagonalSsm<double>&, double*, double*);
template void diagonal_ssm_grad_reference(const DiagonalSsm<float>&, const DiagonalSsmGrad<float>&);
template void diagonal_ssm_grad_reference(const DiagonalSsm<double>&, const DiagonalSsmGrad<double>&);

}  // namespace longwave::kernels
