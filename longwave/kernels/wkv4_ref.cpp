#include <algorithm>
#include <array>
#include <cmath>

#include "longwave/kernels/wkv4.h"

namespace longwave::kernels {
namespace {

template <class T>
struct State {
  T a, b, p;
  static State load(const T* x, std::int64_t c) { return {x[0], x[c], x[2 * c]}; }
  void store(T* x, std::int64_t c) const { x[0] = a, x[c] = b, x[2 * c] = p; }
};

template <class T>
State<T> next(const State<T>& s, T w, T k, T v) {
  const T p = std::max(s.p - w, k), keep = std::exp(s.p - w - p), add = std::exp(k - p);
  return {keep * s.a + add * v, keep * s.b + add, p};
}

template <class T>
T read(const State<T>& s, T u, T k, T v) {
  const T top = std::max(s.p, u + k), past = std::exp(s.p - top), now = std::exp(u + k - top);
  return (past * s.a + now * v) / (past * s.b + now);
}

/// ds: gradient of the state after the step on entry, before it on return. `s`: the state before.
/// In y the maximum cancels; in the next state it does not, since p is part of it.
template <class T>
void step_back(const State<T>& s, T w, T u, T k, T v, T dy, State<T>& ds, T& dw, T& du, T& dk, T& dv) {
  const T p = std::max(s.p - w, k), keep = std::exp(s.p - w - p), add = std::exp(k - p);
  const T d_past = keep * (ds.a * s.a + ds.b * s.b), d_now = add * (ds.a * v + ds.b);
  const T d_top = ds.p - d_past - d_now;
  const bool past_wins = s.p - w >= k;
  dv = add * ds.a;
  dk = d_now + (past_wins ? T(0) : d_top);
  const T d_exponent = d_past + (past_wins ? d_top : T(0));  // of s.p - w
  dw -= d_exponent;
  ds = {keep * ds.a, keep * ds.b, d_exponent};

  const T top = std::max(s.p, u + k), past = std::exp(s.p - top), now = std::exp(u + k - top);
  const T denominator = past * s.b + now, y = (past * s.a + now * v) / denominator;
  const T d_numerator = dy / denominator, d_denominator = -d_numerator * y;
  ds.a += past * d_numerator;
  ds.b += past * d_denominator;
  ds.p += past * (d_numerator * s.a + d_denominator * s.b);
  dv += now * d_numerator;
  const T d_key = now * (d_numerator * v + d_denominator);
  dk += d_key;
  du += d_key;
}

template <class T>
std::int64_t steps_of(const Wkv4<T>& p, std::int64_t row) {
  return p.lengths ? p.lengths[row] : p.t;
}

template <class T>
void channel_back(const Wkv4<T>& p, const Wkv4Grad<T>& grad, std::int64_t row, std::int64_t c) {
  State<T> ds = grad.d_final ? State<T>::load(grad.d_final + row * 3 * p.c + c, p.c) : State<T>{0, 0, 0};
  T dw = 0, du = 0;
  std::array<State<T>, kStateSpacing> states;
  const auto at = [&](std::int64_t t) { return (row * p.t + t) * p.c + c; };
  const auto steps = steps_of(p, row);
  for (auto t = steps; t < p.t; ++t) grad.dk[at(t)] = grad.dv[at(t)] = 0;
  for (auto kept = states_kept(steps) - 1; kept >= 0; --kept) {
    const auto begin = kept * kStateSpacing, end = std::min(steps, begin + kStateSpacing);
    states[0] = State<T>::load(grad.states + (row * states_kept(p.t) + kept) * 3 * p.c + c, p.c);
    for (auto t = begin; t + 1 < end; ++t)
      states[t + 1 - begin] = next(states[t - begin], p.w[c], p.k[at(t)], p.v[at(t)]);
    for (auto t = end - 1; t >= begin; --t)
      step_back(states[t - begin], p.w[c], p.u[c], p.k[at(t)], p.v[at(t)], grad.dy[at(t)], ds, dw, du, grad.dk[at(t)],
                grad.dv[at(t)]);
  }
  grad.dw[row * p.c + c] = dw;
  grad.du[row * p.c + c] = du;
  ds.store(grad.d_initial + row * 3 * p.c + c, p.c);
}

}  // namespace

template <class T>
void wkv4_reference(const Wkv4<T>& p, const Wkv4Out<T>& out) {
#pragma omp parallel for collapse(2)
  for (std::int64_t row = 0; row < p.rows; ++row)
    for (std::int64_t c = 0; c < p.c; ++c) {
      auto s = State<T>::load(p.initial + row * 3 * p.c + c, p.c);
      const auto at = [&](std::int64_t t) { return (row * p.t + t) * p.c + c; };
      const auto steps = steps_of(p, row);
      for (auto t = steps; t < p.t; ++t) out.y[at(t)] = 0;
      for (std::int64_t t = 0; t < steps; ++t) {
        if (out.states && t % kStateSpacing == 0)
          s.store(out.states + (row * states_kept(p.t) + t / kStateSpacing) * 3 * p.c + c, p.c);
        out.y[at(t)] = read(s, p.u[c], p.k[at(t)], p.v[at(t)]);
        s = next(s, p.w[c], p.k[at(t)], p.v[at(t)]);
      }
      s.store(out.final_state + row * 3 * p.c + c, p.c);
    }
}

template <class T>
void wkv4_grad_reference(const Wkv4<T>& p, const Wkv4Grad<T>& grad) {
#pragma omp parallel for collapse(2)
  for (std::int64_t row = 0; row < p.rows; ++row)
    for (std::int64_t c = 0; c < p.c; ++c) channel_back(p, grad, row, c);
}

template void wkv4_reference(const Wkv4<float>&, const Wkv4Out<float>&);
template void wkv4_reference(const Wkv4<double>&, const Wkv4Out<double>&);
template void wkv4_grad_reference(const Wkv4<float>&, const Wkv4Grad<float>&);
template void wkv4_grad_reference(const Wkv4<double>&, const Wkv4Grad<double>&);

}  // namespace longwave::kernels
