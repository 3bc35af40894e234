#include <algorithm>
#include <cmath>
#include <complex>
#include <type_traits>
#include <vector>

#include "longwave/kernels/conjugate.h"
#include "longwave/kernels/selective_scan.h"

namespace longwave::kernels {
namespace {

template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

/// A number of n among planes that are `stride` apart: real, or complex with n further numbers for its imaginary part.
template <class Z, class T>
Z number(const T* x, std::int64_t n, std::int64_t states, std::int64_t stride) {
  if constexpr (std::is_same_v<Z, T>)
    return x[n * stride];
  else
    return {x[n * stride], x[(states + n) * stride]};
}
template <class Z, class T>
void add_number(Z z, T* x, std::int64_t n, std::int64_t states, std::int64_t stride) {
  x[n * stride] += std::real(z);
  if constexpr (!std::is_same_v<Z, T>) x[(states + n) * stride] += std::imag(z);
}

/// One channel of one row, with states of type Z: T or complex, then one of a conjugate pair.
template <class T, class Z>
struct Channel {
  const SelectiveScan<T>& s;
  std::int64_t row, d;
  static constexpr T kFactor = std::is_same_v<Z, T> ? 1 : 2;

  std::int64_t length() const { return s.lengths ? s.lengths[row] : s.t; }
  std::int64_t group() const { return d / (s.d / s.groups); }
  T u(std::int64_t t) const { return s.u.at(row, t)[d]; }
  T raw_step(std::int64_t t) const { return s.delta.at(row, t)[d] + (s.delta_bias ? s.delta_bias[d] : T(0)); }
  T step(std::int64_t t) const {
    const T raw = raw_step(t);
    return !s.softplus ? raw : raw > 20 ? raw : std::log1p(std::exp(raw));
  }
  Z b_in(std::int64_t t, std::int64_t n) const {
    return number<Z>(s.b_in.at(row, t) + group() * s.planes(), n, s.n, 1);
  }
  Z c_out(std::int64_t t, std::int64_t n) const {
    return number<Z>(s.c_out.at(row, t) + group() * s.planes(), n, s.n, 1);
  }
  Z a(std::int64_t n) const { return number<Z>(s.a + d, n, s.n, s.d); }
  T skip() const { return s.skip ? s.skip[d] : T(0); }
  std::int64_t states_at() const { return row * s.planes() * s.d + d; }
  Z state(const T* states, std::int64_t n) const {
    return states ? number<Z>(states + states_at(), n, s.n, s.d) : Z(0);
  }

  /// States after each step, [length + 1, n], the initial one first.
  std::vector<Z> states() const {
    std::vector<Z> h(static_cast<std::size_t>((length() + 1) * s.n));
    for (std::int64_t n = 0; n < s.n; ++n) h[n] = state(s.h_init, n);
    for (std::int64_t t = 0; t < length(); ++t)
      for (std::int64_t n = 0; n < s.n; ++n)
        h[(t + 1) * s.n + n] = std::exp(step(t) * a(n)) * h[t * s.n + n] + step(t) * u(t) * b_in(t, n);
    return h;
  }
  T output(const std::vector<Z>& h, std::int64_t t) const {  // before the gate
    T y = skip() * u(t);
    for (std::int64_t n = 0; n < s.n; ++n) y += kFactor * std::real(c_out(t, n) * h[(t + 1) * s.n + n]);
    return y;
  }
};

template <class T, class Z>
void grad_of_channel(const Channel<T, Z>& c, const SelectiveScanGrad<T>& g) {
  const auto& s = c.s;
  const auto h = c.states();
  std::vector<Z> carry(static_cast<std::size_t>(s.n));  // gradient of the state after step t that later steps give
  for (std::int64_t n = 0; n < s.n; ++n) carry[n] = c.state(g.dh_last, n);
  for (auto t = c.length() - 1; t >= 0; --t) {
    const auto i = (c.row * s.t + t) * s.d + c.d;
    const auto group = ((c.row * s.t + t) * s.groups + c.group()) * s.planes();
    const T step = c.step(t), u = c.u(t);
    T dy = g.dy[i];
    if (s.z.data) {
      const T z = s.z.at(c.row, t)[c.d], q = sigmoid(z);
      g.dz[i] = dy * c.output(h, t) * q * (1 + z * (1 - q));
      dy *= z * q;
    }
    T du = c.skip() * dy, dstep = 0;
    g.dskip[c.d] += dy * u;
    for (std::int64_t n = 0; n < s.n; ++n) {
      const Z decay = std::exp(step * c.a(n)), kept = decay * h[t * s.n + n];
      const Z lambda = carry[n] + c.kFactor * dy * conjugate(c.c_out(t, n));
      add_number(c.kFactor * dy * conjugate(h[(t + 1) * s.n + n]), g.dc + group, n, s.n, 1);
      add_number(step * u * lambda, g.db + group, n, s.n, 1);
      add_number(step * lambda * conjugate(kept), g.da + c.d, n, s.n, s.d);
      du += step * std::real(conjugate(lambda) * c.b_in(t, n));
      dstep += std::real(conjugate(lambda) * (u * c.b_in(t, n) + c.a(n) * kept));
      carry[n] = lambda * conjugate(decay);
    }
    const T draw = s.softplus ? dstep * sigmoid(c.raw_step(t)) : dstep;
    g.du[i] = du;
    g.ddelta[i] = draw;
    g.dbias[c.d] += draw;
  }
  for (std::int64_t n = 0; n < s.n; ++n) add_number(carry[n], g.dh_init + c.states_at(), n, s.n, s.d);
}

template <class T, class Z>
void scan_channel(const Channel<T, Z>& c, const SelectiveScanOut<T>& out) {
  const auto& s = c.s;
  const auto h = c.states();
  for (std::int64_t t = 0; t < c.length(); ++t) {
    T y = c.output(h, t);
    if (s.z.data) y *= s.z.at(c.row, t)[c.d] * sigmoid(s.z.at(c.row, t)[c.d]);
    out.y[(c.row * s.t + t) * s.d + c.d] = y;
  }
  for (std::int64_t n = 0; n < s.n; ++n) add_number(h[c.length() * s.n + n], out.h_last + c.states_at(), n, s.n, s.d);
}

/// body(channel) for each, of the type that its states have.
template <class T, class Body>
void for_channels(const SelectiveScan<T>& s, Body body) {
  for (std::int64_t row = 0; row < s.b; ++row)
    for (std::int64_t d = 0; d < s.d; ++d)
      if (s.complex)
        body(Channel<T, std::complex<T>>{s, row, d});
      else
        body(Channel<T, T>{s, row, d});
}

}  // namespace

template <class T>
void selective_scan_reference(const SelectiveScan<T>& s, const SelectiveScanOut<T>& out) {
  std::fill_n(out.y, s.b * s.t * s.d, T(0));
  std::fill_n(out.h_last, s.b * s.planes() * s.d, T(0));
  for_channels(s, [&](const auto& channel) { scan_channel(channel, out); });
}

template <class T>
void selective_scan_grad_reference(const SelectiveScan<T>& s, const SelectiveScanGrad<T>& g) {
  const auto sequence = s.b * s.t * s.d, grouped = s.b * s.t * s.groups * s.planes();
  for (T* x : {g.du, g.ddelta}) std::fill_n(x, sequence, T(0));
  if (g.dz) std::fill_n(g.dz, sequence, T(0));
  for (T* x : {g.db, g.dc}) std::fill_n(x, grouped, T(0));
  for (T* x : {g.dskip, g.dbias}) std::fill_n(x, s.d, T(0));
  std::fill_n(g.da, s.planes() * s.d, T(0));
  std::fill_n(g.dh_init, s.b * s.planes() * s.d, T(0));
  for_channels(s, [&](const auto& channel) { grad_of_channel(channel, g); });
}

template void selective_scan_reference(const SelectiveScan<float>&, const SelectiveScanOut<float>&);
template void selective_scan_reference(const SelectiveScan<double>&, const SelectiveScanOut<double>&);
template void selective_scan_grad_reference(const SelectiveScan<float>&, const SelectiveScanGrad<float>&);
template void selective_scan_grad_reference(const SelectiveScan<double>&, const SelectiveScanGrad<double>&);

}  // namespace longwave::kernels
