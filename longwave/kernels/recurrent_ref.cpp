#include <algorithm>
#include <cmath>
#include <vector>

#include "longwave/kernels/recurrent.h"

namespace longwave::kernels {
namespace {

template <class T>
T sigma(T x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
template <class T>
T log_sigma(T x) {
  return std::min(x, T(0)) - std::log1p(std::exp(-std::abs(x)));
}

/// What the sLSTM keeps, e^(l - m). In the first step m = i may lie far below l; what is kept is 0 then, and an
/// infinite factor of it would make NaN.
template <class T>
T keep_of(T l, T m) {
  return std::exp(std::min(l - m, T(80)));
}

/// One unit at one step: `pre` = p + b, `rh` = q (+ b_g), s its state (h, c, n, m), kept what backward needs.
template <class T>
void step(Cell cell, const T* pre, const T* rh, T* s, T* kept) {
  switch (cell) {
    case Cell::rnn_tanh:
      s[0] = std::tanh(pre[0] + rh[0]);
      return;
    case Cell::rnn_relu:
      s[0] = std::max(pre[0] + rh[0], T(0));
      return;
    case Cell::lstm:
      kept[0] = sigma(pre[0] + rh[0]), kept[1] = sigma(pre[1] + rh[1]);
      kept[2] = std::tanh(pre[2] + rh[2]), kept[3] = sigma(pre[3] + rh[3]);
      s[1] = kept[1] * s[1] + kept[0] * kept[2];
      s[0] = kept[3] * std::tanh(s[1]);
      return;
    case Cell::gru:
      kept[0] = sigma(pre[0] + rh[0]), kept[1] = sigma(pre[1] + rh[1]);
      kept[2] = std::tanh(pre[2] + kept[0] * rh[2]), kept[3] = rh[2];
      s[0] = kept[1] * s[0] + (1 - kept[1]) * kept[2];
      return;
    case Cell::slstm: {
      const T i = pre[0] + rh[0], f = pre[1] + rh[1], l = log_sigma(f) + s[3];
      const T m = s[2] == 0 ? i : std::max(i, l), grow = std::exp(i - m), keep = keep_of(l, m);
      kept[0] = i, kept[1] = f, kept[2] = std::tanh(pre[2] + rh[2]), kept[3] = sigma(pre[3] + rh[3]);
      s[1] = keep * s[1] + grow * kept[2];
      s[2] = std::max(keep * s[2] + grow, T(1));
      s[3] = m;
      s[0] = kept[3] * s[1] / s[2];
    }
  }
}

/// The share of a maximum's gradient that goes to `mine`; a tie is split, as the frameworks do.
template <class T>
T share(T mine, T other) {
  return mine > other ? T(1) : mine == other ? T(0.5) : T(0);
}

/// Gradients of one unit at one step. `before` and `after`: its state; d: gradient of the state after, replaced by that
/// of the state before (without the path through R). dpre, drh: of W x + b and of R h.
template <class T>
void step_grad(Cell cell, const T* before, const T* after, const T* kept, T* d, T* dpre, T* drh) {
  const T dh = d[0];
  switch (cell) {
    case Cell::rnn_tanh:
      dpre[0] = drh[0] = dh * (1 - after[0] * after[0]);
      d[0] = 0;
      return;
    case Cell::rnn_relu:
      dpre[0] = drh[0] = after[0] > 0 ? dh : T(0);
      d[0] = 0;
      return;
    case Cell::lstm: {
      const T i = kept[0], f = kept[1], z = kept[2], o = kept[3], squashed = std::tanh(after[1]);
      const T dc = d[1] + dh * o * (1 - squashed * squashed);
      dpre[0] = dc * z * i * (1 - i);
      dpre[1] = dc * before[1] * f * (1 - f);
      dpre[2] = dc * i * (1 - z * z);
      dpre[3] = dh * squashed * o * (1 - o);
      std::copy_n(dpre, 4, drh);
      d[0] = 0, d[1] = dc * f;
      return;
    }
    case Cell::gru: {
      const T r = kept[0], z = kept[1], n = kept[2], inner = kept[3];
      const T dn = dh * (1 - z) * (1 - n * n);
      dpre[0] = drh[0] = dn * inner * r * (1 - r);
      dpre[1] = drh[1] = dh * (before[0] - n) * z * (1 - z);
      dpre[2] = dn, drh[2] = dn * r;
      d[0] = dh * z;
      return;
    }
    case Cell::slstm: {
      const T i = kept[0], f = kept[1], z = kept[2], o = kept[3], l = log_sigma(f) + before[3];
      const bool first = before[2] == 0;
      const T grow = std::exp(i - after[3]), keep = keep_of(l, after[3]), ratio = after[1] / after[2];
      const T dc = d[1] + dh * o / after[2];
      const T dn = (d[2] - dh * o * ratio / after[2]) * share(keep * before[2] + grow, T(1));
      const T dgrow = (dc * z + dn) * grow, dkeep = (dc * before[1] + dn * before[2]) * keep;
      const T dm = d[3] - dgrow - dkeep, to_i = first ? T(1) : share(i, l);
      const T dl = dkeep + dm * (1 - to_i);
      dpre[0] = dgrow + dm * to_i;
      dpre[1] = dl * sigma(-f);
      dpre[2] = dc * grow * (1 - z * z);
      dpre[3] = dh * ratio * o * (1 - o);
      std::copy_n(dpre, 4, drh);
      d[0] = 0, d[1] = dc * keep, d[2] = dn * keep, d[3] = dl;
    }
  }
}

/// Where the numbers of one row and head lie.
template <class T>
struct Place {
  const Recurrent<T>& x;
  std::int64_t row, head;
  std::int64_t width = x.heads * x.p;

  std::int64_t length() const { return x.lengths ? x.lengths[row] : x.t; }
  std::int64_t time(std::int64_t step) const { return x.reverse ? x.t - 1 - step : step; }
  /// Offset of part k of `parts` of a tensor [b, t, parts, heads, p].
  std::int64_t at(std::int64_t time, std::int64_t parts, std::int64_t k) const {
    return ((row * x.t + time) * parts + k) * width + head * x.p;
  }
  /// The same of [b, parts, heads, p].
  std::int64_t at_row(std::int64_t parts, std::int64_t k) const { return (row * parts + k) * width + head * x.p; }
  /// Where the recurrent matrix has its number from a unit to a gate of another.
  std::int64_t weight(std::int64_t from, std::int64_t gate, std::int64_t unit) const {
    return head * x.r_head + from * x.r_from + gate * x.r_gate + unit * x.r_unit;
  }
};

template <class T>
void run_row(const Recurrent<T>& x, std::int64_t row, std::int64_t head) {
  const auto gates = gates_of(x.cell), states = states_of(x.cell), kept = kept_of(x.cell), biases = biases_of(x.cell);
  const Place<T> place{x, row, head};
  std::vector<T> state(states * x.p), rh(gates * x.p);
  for (std::int64_t k = 0; k < states; ++k) std::copy_n(x.state + place.at_row(states, k), x.p, &state[k * x.p]);
  for (std::int64_t s = 0; s < x.t; ++s) {
    const auto time = place.time(s);
    const bool valid = time < place.length();
    std::fill(rh.begin(), rh.end(), T(0));
    for (std::int64_t from = 0; valid && from < x.p; ++from)
      for (std::int64_t k = 0; k < gates * x.p; ++k) rh[k] += state[from] * x.r[place.weight(from, k / x.p, k % x.p)];
    for (std::int64_t unit = 0; unit < x.p; ++unit) {
      T pre[4] = {}, q[4] = {}, now[4] = {}, keep[4] = {};
      for (std::int64_t k = 0; k < states; ++k) now[k] = state[k * x.p + unit];
      if (valid) {
        for (std::int64_t k = 0; k < gates; ++k) {
          pre[k] = x.wx[row * x.wx_row + time * x.wx_step + (k * x.heads + head) * x.p + unit] +
                   x.bias[(k * x.heads + head) * x.p + unit];
          q[k] = rh[k * x.p + unit];
        }
        if (biases > gates) q[2] += x.bias[(3 * x.heads + head) * x.p + unit];
        step(x.cell, pre, q, now, keep);
      }
      for (std::int64_t k = 0; k < states; ++k) state[k * x.p + unit] = now[k];
      x.y[place.at(time, 1, 0) + unit] = valid ? now[0] : T(0);
      for (std::int64_t k = 1; x.memory && k < states; ++k)
        x.memory[place.at(time, states - 1, k - 1) + unit] = valid ? now[k] : T(0);
      for (std::int64_t k = 0; x.kept && k < kept; ++k) x.kept[place.at(time, kept, k) + unit] = keep[k];
    }
  }
  for (std::int64_t k = 0; k < states; ++k) std::copy_n(&state[k * x.p], x.p, x.last + place.at_row(states, k));
}

template <class T>
void run_row_grad(const RecurrentGrad<T>& g, std::int64_t row, std::int64_t head) {
  const auto& x = g.forward;
  const auto gates = gates_of(x.cell), states = states_of(x.cell), kept = kept_of(x.cell);
  const Place<T> place{x, row, head};
  std::vector<T> d(states * x.p), drh(gates * x.p);
  if (g.dlast)
    for (std::int64_t k = 0; k < states; ++k) std::copy_n(g.dlast + place.at_row(states, k), x.p, &d[k * x.p]);
  // State k of a unit after `time`, or before the first step.
  const auto state_at = [&](std::int64_t time, std::int64_t k, std::int64_t unit) {
    if (time < 0 || time >= place.length()) return x.state[place.at_row(states, k) + unit];
    return k == 0 ? x.y[place.at(time, 1, 0) + unit] : x.memory[place.at(time, states - 1, k - 1) + unit];
  };
  for (std::int64_t s = x.t - 1; s >= 0; --s) {
    const auto time = place.time(s), before_time = x.reverse ? time + 1 : time - 1;
    const bool valid = time < place.length();
    for (std::int64_t unit = 0; unit < x.p; ++unit) {
      T before[4], after[4], keep[4], mine[4] = {}, dpre[4] = {}, dq[4] = {};
      if (valid) {
        for (std::int64_t k = 0; k < states; ++k) {
          before[k] = state_at(before_time, k, unit), after[k] = state_at(time, k, unit);
          mine[k] = d[k * x.p + unit];
        }
        for (std::int64_t k = 0; k < kept; ++k) keep[k] = x.kept[place.at(time, kept, k) + unit];
        if (g.dy) mine[0] += g.dy[place.at(time, 1, 0) + unit];
        step_grad(x.cell, before, after, keep, mine, dpre, dq);
        for (std::int64_t k = 0; k < states; ++k) d[k * x.p + unit] = mine[k];
      }
      for (std::int64_t k = 0; k < gates; ++k) {
        g.dwx[place.at(time, gates, k) + unit] = dpre[k];
        g.drh[place.at(time, gates, k) + unit] = drh[k * x.p + unit] = dq[k];
      }
    }
    for (std::int64_t from = 0; valid && from < x.p; ++from) {
      T sum = 0;
      for (std::int64_t k = 0; k < gates * x.p; ++k) sum += x.r[place.weight(from, k / x.p, k % x.p)] * drh[k];
      d[from] += std::clamp(sum, -g.clip, g.clip);
    }
  }
  for (std::int64_t k = 0; k < states; ++k) std::copy_n(&d[k * x.p], x.p, g.dstate + place.at_row(states, k));
}

}  // namespace

template <class T>
void recurrent_reference(const Recurrent<T>& x) {
  for (std::int64_t row = 0; row < x.b; ++row)
    for (std::int64_t head = 0; head < x.heads; ++head) run_row(x, row, head);
}

template <class T>
void recurrent_grad_reference(const RecurrentGrad<T>& g) {
  for (std::int64_t row = 0; row < g.forward.b; ++row)
    for (std::int64_t head = 0; head < g.forward.heads; ++head) run_row_grad(g, row, head);
}

template void recurrent_reference(const Recurrent<float>&);
template void recurrent_reference(const Recurrent<double>&);
template void recurrent_grad_reference(const RecurrentGrad<float>&);
template void recurrent_grad_reference(const RecurrentGrad<double>&);

}  // namespace longwave::kernels
