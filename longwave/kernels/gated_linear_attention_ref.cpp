#include <algorithm>
#include <cmath>
#include <vector>

#include "longwave/kernels/gated_linear_attention.h"

namespace longwave::kernels {
namespace {

/// One head of one row, with S as a plain array [k, v].
template <class T>
struct Head {
  const GatedLinearAttention<T>& p;
  std::int64_t row, head;

  const T* q(std::int64_t t) const { return p.q.at(row, t, head); }
  const T* k(std::int64_t t) const { return p.k.at(row, t, head); }
  const T* v(std::int64_t t) const { return p.v.at(row, t, head); }
  T u(std::int64_t i) const { return p.u[head * p.dk + i]; }
  T decay(std::int64_t t, std::int64_t i) const {
    return p.g.data ? std::exp(p.g.at(row, t, head)[p.per_channel ? i : 0]) : T(1);
  }
  std::int64_t state_size() const { return p.dk * p.dv; }
  std::int64_t index() const { return row * p.h + head; }

  T beta(std::int64_t t) const { return *p.beta.at(row, t, head); }
  T gain(std::int64_t t) const { return p.gain.data ? *p.gain.at(row, t, head) : T(1); }
  T skip(std::int64_t j) const { return p.skip ? p.skip[head * p.dv + j] : T(0); }

  /// v_t, or for the delta rule what S' does not answer yet: v_t - S'' k_t, S' = decay * s.
  std::vector<T> error(std::int64_t t, const T* s) const {
    std::vector<T> x(v(t), v(t) + p.dv);
    if (p.beta.data)
      for (std::int64_t i = 0; i < p.dk; ++i)
        for (std::int64_t j = 0; j < p.dv; ++j) x[j] -= decay(t, i) * s[i * p.dv + j] * k(t)[i];
    return x;
  }

  /// `after` may be `before`.
  void step_state(std::int64_t t, const T* before, T* after) const {
    const auto x = error(t, before);
    const T rate = p.beta.data ? beta(t) : gain(t);
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j)
        after[i * p.dv + j] = decay(t, i) * before[i * p.dv + j] + rate * k(t)[i] * x[j];
  }

  void forward(const GatedLinearAttentionOut<T>& out) const {
    T* s = out.final_state + index() * state_size();
    if (p.initial)
      std::copy_n(p.initial + index() * state_size(), state_size(), s);
    else
      std::fill_n(s, state_size(), T(0));
    for (std::int64_t t = 0; t < p.t; ++t) {
      if (out.states && t % kStateSpacing == 0)
        std::copy_n(s, state_size(), out.states + (index() * states_kept(p.t) + t / kStateSpacing) * state_size());
      T* o = out.o.at(row, t, head);
      std::fill_n(o, p.dv, T(0));
      if (p.u) read_before(t, s, o);
      step_state(t, s, s);
      if (!p.u) read_after(t, s, o);
      for (std::int64_t j = 0; j < p.dv; ++j) o[j] += skip(j) * v(t)[j];
    }
  }

  void read_after(std::int64_t t, const T* s, T* o) const {
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j) o[j] += p.scale * q(t)[i] * s[i * p.dv + j];
  }
  void read_before(std::int64_t t, const T* s, T* o) const {
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j) o[j] += p.scale * q(t)[i] * (s[i * p.dv + j] + u(i) * k(t)[i] * v(t)[j]);
  }

  /// ds: gradient of the state after step t on entry, before it on return. `before`, `after`: the states themselves.
  void step_back(std::int64_t t, const T* before, const T* after, const GatedLinearAttentionGrad<T>& grad,
                 T* ds) const {
    const T* d_o = grad.d_o.at(row, t, head);
    T *dq = grad.dq.at(row, t, head), *dk = grad.dk.at(row, t, head), *dv = grad.dv.at(row, t, head);
    T* dg = grad.dg.data ? grad.dg.at(row, t, head) : nullptr;
    std::fill_n(dq, p.dk, T(0));
    std::fill_n(dk, p.dk, T(0));
    std::fill_n(dv, p.dv, T(0));
    if (dg) std::fill_n(dg, p.per_channel ? p.dk : 1, T(0));
    for (std::int64_t i = 0; i < p.dk; ++i) {
      const T qi = p.scale * q(t)[i], ki = k(t)[i], w = decay(t, i);
      T from_decay = 0, from_bonus = 0;
      for (std::int64_t j = 0; j < p.dv; ++j) {
        const auto ij = i * p.dv + j;
        if (!p.u) {
          dq[i] += p.scale * after[ij] * d_o[j];
          ds[ij] += qi * d_o[j];
        } else {
          dq[i] += p.scale * (before[ij] + u(i) * ki * v(t)[j]) * d_o[j];
          dk[i] += qi * u(i) * v(t)[j] * d_o[j];
          dv[j] += qi * u(i) * ki * d_o[j];
          from_bonus += qi * ki * v(t)[j] * d_o[j];
        }
        dk[i] += ds[ij] * gain(t) * v(t)[j];
        dv[j] += ds[ij] * ki;  // so far of what is written
        from_decay += ds[ij] * before[ij] * w;
        ds[ij] = ds[ij] * w + (p.u ? qi * d_o[j] : T(0));
      }
      if (p.u) grad.du[index() * p.dk + i] += from_bonus;
      if (dg) dg[p.per_channel ? i : 0] += from_decay;
    }
    T dgain = 0;
    for (std::int64_t j = 0; j < p.dv; ++j) {
      dgain += dv[j] * v(t)[j];
      dv[j] = gain(t) * dv[j] + skip(j) * d_o[j];
      if (p.skip) grad.dskip[index() * p.dv + j] += d_o[j] * v(t)[j];
    }
    if (p.gain.data) *grad.dgain.at(row, t, head) = dgain;
  }

  /// The same for the delta rule.
  void step_back_rule(std::int64_t t, const T* before, const T* after, const GatedLinearAttentionGrad<T>& grad,
                      T* ds) const {
    const T w = decay(t, 0);
    const T* d_o = grad.d_o.at(row, t, head);
    T *dq = grad.dq.at(row, t, head), *dk = grad.dk.at(row, t, head), *dv = grad.dv.at(row, t, head);
    std::fill_n(dq, p.dk, T(0));
    std::fill_n(dk, p.dk, T(0));
    std::fill_n(dv, p.dv, T(0));
    const auto x = error(t, before);
    T dbeta = 0, dg = 0;
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j) {
        const auto ij = i * p.dv + j;
        dq[i] += p.scale * after[ij] * d_o[j];
        ds[ij] += p.scale * q(t)[i] * d_o[j];
        dbeta += ds[ij] * k(t)[i] * x[j];
        dk[i] += ds[ij] * beta(t) * x[j];
        dv[j] += ds[ij] * beta(t) * k(t)[i];  // the gradient of the error too
      }
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j) {
        const auto ij = i * p.dv + j;
        dk[i] -= w * before[ij] * dv[j];
        ds[ij] = w * (ds[ij] - k(t)[i] * dv[j]);
        dg += ds[ij] * before[ij];
      }
    *grad.dbeta.at(row, t, head) = dbeta;
    if (grad.dg.data) *grad.dg.at(row, t, head) = dg;
  }

  void backward(const GatedLinearAttentionGrad<T>& grad) const {
    const auto size = state_size();
    std::vector<T> ds(size, T(0)), states((kStateSpacing + 1) * size);
    if (grad.d_final) std::copy_n(grad.d_final + index() * size, size, ds.data());
    if (p.u) std::fill_n(grad.du + index() * p.dk, p.dk, T(0));
    if (p.skip) std::fill_n(grad.dskip + index() * p.dv, p.dv, T(0));
    for (auto kept = states_kept(p.t) - 1; kept >= 0; --kept) {
      const auto begin = kept * kStateSpacing, end = std::min(p.t, begin + kStateSpacing);
      std::copy_n(grad.states + (index() * states_kept(p.t) + kept) * size, size, states.data());
      const auto state = [&](std::int64_t t) { return states.data() + (t - begin) * size; };  // before step t
      for (auto t = begin; t < end; ++t) step_state(t, state(t), state(t + 1));
      for (auto t = end - 1; t >= begin; --t)
        if (p.beta.data)
          step_back_rule(t, state(t), state(t + 1), grad, ds.data());
        else
          step_back(t, state(t), state(t + 1), grad, ds.data());
    }
    if (grad.d_initial) std::copy_n(ds.data(), size, grad.d_initial + index() * size);
  }
};

}  // namespace

template <class T>
void gated_linear_attention_reference(const GatedLinearAttention<T>& p, const GatedLinearAttentionOut<T>& out) {
#pragma omp parallel for collapse(2)
  for (std::int64_t row = 0; row < p.b; ++row)
    for (std::int64_t head = 0; head < p.h; ++head) Head<T>{p, row, head}.forward(out);
}

template <class T>
void gated_linear_attention_grad_reference(const GatedLinearAttention<T>& p, const GatedLinearAttentionGrad<T>& grad) {
#pragma omp parallel for collapse(2)
  for (std::int64_t row = 0; row < p.b; ++row)
    for (std::int64_t head = 0; head < p.h; ++head) Head<T>{p, row, head}.backward(grad);
}

template void gated_linear_attention_reference(const GatedLinearAttention<float>&,
                                               const GatedLinearAttentionOut<float>&);
template void gated_linear_attention_reference(const GatedLinearAttention<double>&,
                                               const GatedLinearAttentionOut<double>&);
template void gated_linear_attention_grad_reference(const GatedLinearAttention<float>&,
                                                    const GatedLinearAttentionGrad<float>&);
template void gated_linear_attention_grad_reference(const GatedLinearAttention<double>&,
                                                    const GatedLinearAttentionGrad<double>&);

}  // namespace longwave::kernels
