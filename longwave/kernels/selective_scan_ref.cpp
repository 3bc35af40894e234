#include <algorithm>
#include <cmath>
#include <vector>

#include "longwave/kernels/selective_scan.h"

namespace longwave::kernels {
namespace {

template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

/// One channel of one row.
template <class T>
struct Channel {
  const SelectiveScan<T>& s;
  std::int64_t row, d;

  std::int64_t length() const { return s.lengths ? s.lengths[row] : s.t; }
  std::int64_t group() const { return d / (s.d / s.groups); }
  T u(std::int64_t t) const { return s.u.at(row, t)[d]; }
  T raw_step(std::int64_t t) const { return s.delta.at(row, t)[d] + (s.delta_bias ? s.delta_bias[d] : T(0)); }
  T step(std::int64_t t) const {
    const T raw = raw_step(t);
    return !s.softplus ? raw : raw > 20 ? raw : std::log1p(std::exp(raw));
  }
  T b_in(std::int64_t t, std::int64_t n) const { return s.b_in.at(row, t)[group() * s.n + n]; }
  T c_out(std::int64_t t, std::int64_t n) const { return s.c_out.at(row, t)[group() * s.n + n]; }
  T a(std::int64_t n) const { return s.a[n * s.d + d]; }
  T skip() const { return s.skip ? s.skip[d] : T(0); }
  std::int64_t state_at(std::int64_t n) const { return (row * s.n + n) * s.d + d; }
  T h_init(std::int64_t n) const { return s.h_init ? s.h_init[state_at(n)] : T(0); }

  /// States after each step, [length + 1, n], the initial one first.
  std::vector<T> states() const {
    std::vector<T> h(static_cast<std::size_t>((length() + 1) * s.n));
    for (std::int64_t n = 0; n < s.n; ++n) h[n] = h_init(n);
    for (std::int64_t t = 0; t < length(); ++t)
      for (std::int64_t n = 0; n < s.n; ++n)
        h[(t + 1) * s.n + n] = std::exp(step(t) * a(n)) * h[t * s.n + n] + step(t) * b_in(t, n) * u(t);
    return h;
  }
  T output(const std::vector<T>& h, std::int64_t t) const {  // before the gate
    T y = skip() * u(t);
    for (std::int64_t n = 0; n < s.n; ++n) y += c_out(t, n) * h[(t + 1) * s.n + n];
    return y;
  }
};

template <class T>
void grad_of_channel(const Channel<T>& c, const SelectiveScanGrad<T>& g) {
  const auto& s = c.s;
  const auto h = c.states();
  std::vector<T> carry(static_cast<std::size_t>(s.n));  // gradient of the state after step t that later steps give
  for (std::int64_t n = 0; n < s.n; ++n) carry[n] = g.dh_last ? g.dh_last[c.state_at(n)] : T(0);
  for (auto t = c.length() - 1; t >= 0; --t) {
    const auto i = (c.row * s.t + t) * s.d + c.d;
    const auto group = ((c.row * s.t + t) * s.groups + c.group()) * s.n;
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
      const T lambda = carry[n] + c.c_out(t, n) * dy, decay = std::exp(step * c.a(n));
      const T kept = decay * h[t * s.n + n];
      g.dc[group + n] += dy * h[(t + 1) * s.n + n];
      g.db[group + n] += lambda * step * u;
      g.da[n * s.d + c.d] += lambda * step * kept;
      du += lambda * step * c.b_in(t, n);
      dstep += lambda * (c.b_in(t, n) * u + c.a(n) * kept);
      carry[n] = lambda * decay;
    }
    const T draw = s.softplus ? dstep * sigmoid(c.raw_step(t)) : dstep;
    g.du[i] = du;
    g.ddelta[i] = draw;
    g.dbias[c.d] += draw;
  }
  for (std::int64_t n = 0; n < s.n; ++n) g.dh_init[c.state_at(n)] = carry[n];
}

}  // namespace

template <class T>
void selective_scan_reference(const SelectiveScan<T>& s, const SelectiveScanOut<T>& out) {
  std::fill_n(out.y, s.b * s.t * s.d, T(0));
  for (std::int64_t row = 0; row < s.b; ++row)
    for (std::int64_t d = 0; d < s.d; ++d) {
      const Channel<T> c{s, row, d};
      const auto h = c.states();
      for (std::int64_t t = 0; t < c.length(); ++t) {
        T y = c.output(h, t);
        if (s.z.data) y *= s.z.at(row, t)[d] * sigmoid(s.z.at(row, t)[d]);
        out.y[(row * s.t + t) * s.d + d] = y;
      }
      for (std::int64_t n = 0; n < s.n; ++n) out.h_last[c.state_at(n)] = h[c.length() * s.n + n];
    }
}

template <class T>
void selective_scan_grad_reference(const SelectiveScan<T>& s, const SelectiveScanGrad<T>& g) {
  const auto sequence = s.b * s.t * s.d, grouped = s.b * s.t * s.groups * s.n;
  for (T* x : {g.du, g.ddelta}) std::fill_n(x, sequence, T(0));
  if (g.dz) std::fill_n(g.dz, sequence, T(0));
  for (T* x : {g.db, g.dc}) std::fill_n(x, grouped, T(0));
  for (T* x : {g.dskip, g.dbias}) std::fill_n(x, s.d, T(0));
  std::fill_n(g.da, s.n * s.d, T(0));
  for (std::int64_t row = 0; row < s.b; ++row)
    for (std::int64_t d = 0; d < s.d; ++d) grad_of_channel(Channel<T>{s, row, d}, g);
}

template void selective_scan_reference(const SelectiveScan<float>&, const SelectiveScanOut<float>&);
template void selective_scan_reference(const SelectiveScan<double>&, const SelectiveScanOut<double>&);
template void selective_scan_grad_reference(const SelectiveScan<float>&, const SelectiveScanGrad<float>&);
template void selective_scan_grad_reference(const SelectiveScan<double>&, const SelectiveScanGrad<double>&);

}  // namespace longwave::kernels
