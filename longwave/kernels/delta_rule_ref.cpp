#include <algorithm>
#include <cmath>
#include <vector>

#include "longwave/kernels/delta_rule.h"

namespace longwave::kernels {
namespace {

/// One head of one row, with S as a plain array [k, v].
template <class T>
struct Head {
  const DeltaRule<T>& p;
  std::int64_t row, head;

  const T* q(std::int64_t t) const { return p.q.at(row, t, head); }
  const T* k(std::int64_t t) const { return p.k.at(row, t, head); }
  T beta(std::int64_t t) const { return *p.beta.at(row, t, head); }
  T decay(std::int64_t t) const { return p.g.data ? std::exp(*p.g.at(row, t, head)) : T(1); }
  std::int64_t state_size() const { return p.dk * p.dv; }
  std::int64_t index() const { return row * p.h + head; }

  /// error = v_t - S'' k_t with S' = decay * s
  void find_error(std::int64_t t, const T* s, T* error) const {
    const T w = decay(t);
    std::copy_n(p.v.at(row, t, head), p.dv, error);
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j) error[j] -= w * s[i * p.dv + j] * k(t)[i];
  }

  /// `after` may be `before`.
  void step_state(std::int64_t t, const T* before, T* after, T* error) const {
    find_error(t, before, error);
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j)
        after[i * p.dv + j] = decay(t) * before[i * p.dv + j] + beta(t) * k(t)[i] * error[j];
  }

  void forward(const DeltaRuleOut<T>& out) const {
    std::vector<T> error(p.dv);
    T* s = out.final_state + index() * state_size();
    if (p.initial)
      std::copy_n(p.initial + index() * state_size(), state_size(), s);
    else
      std::fill_n(s, state_size(), T(0));
    for (std::int64_t t = 0; t < p.t; ++t) {
      if (out.states && t % kStateSpacing == 0)
        std::copy_n(s, state_size(), out.states + (index() * states_kept(p.t) + t / kStateSpacing) * state_size());
      step_state(t, s, s, error.data());
      T* o = out.o.at(row, t, head);
      std::fill_n(o, p.dv, T(0));
      for (std::int64_t i = 0; i < p.dk; ++i)
        for (std::int64_t j = 0; j < p.dv; ++j) o[j] += p.scale * q(t)[i] * s[i * p.dv + j];
    }
  }

  /// ds: gradient of the state after step t on entry, before it on return. `before`, `after`: the states themselves.
  void step_back(std::int64_t t, const T* before, const T* after, const DeltaRuleGrad<T>& grad, T* ds) const {
    const T w = decay(t);
    const T* d_o = grad.d_o.at(row, t, head);
    T *dq = grad.dq.at(row, t, head), *dk = grad.dk.at(row, t, head), *dv = grad.dv.at(row, t, head);
    std::fill_n(dq, p.dk, T(0));
    std::fill_n(dk, p.dk, T(0));
    std::fill_n(dv, p.dv, T(0));
    std::vector<T> error(p.dv);
    find_error(t, before, error.data());
    T dbeta = 0, dg = 0;
    for (std::int64_t i = 0; i < p.dk; ++i)
      for (std::int64_t j = 0; j < p.dv; ++j) {
        const auto ij = i * p.dv + j;
        dq[i] += p.scale * after[ij] * d_o[j];
        ds[ij] += p.scale * q(t)[i] * d_o[j];
        dbeta += ds[ij] * k(t)[i] * error[j];
        dk[i] += ds[ij] * beta(t) * error[j];
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

  void backward(const DeltaRuleGrad<T>& grad) const {
    const auto size = state_size();
    std::vector<T> ds(size, T(0)), states((kStateSpacing + 1) * size), error(p.dv);
    if (grad.d_final) std::copy_n(grad.d_final + index() * size, size, ds.data());
    for (auto kept = states_kept(p.t) - 1; kept >= 0; --kept) {
      const auto begin = kept * kStateSpacing, end = std::min(p.t, begin + kStateSpacing);
      std::copy_n(grad.states + (index() * states_kept(p.t) + kept) * size, size, states.data());
      const auto state = [&](std::int64_t t) { return states.data() + (t - begin) * size; };  // before step t
      for (auto t = begin; t < end; ++t) step_state(t, state(t), state(t + 1), error.data());
      for (auto t = end - 1; t >= begin; --t) step_back(t, state(t), state(t + 1), grad, ds.data());
    }
    if (grad.d_initial) std::copy_n(ds.data(), size, grad.d_initial + index() * size);
  }
};

}  // namespace

template <class T>
void delta_rule_reference(const DeltaRule<T>& p, const DeltaRuleOut<T>& out) {
#pragma omp parallel for collapse(2)
  for (std::int64_t row = 0; row < p.b; ++row)
    for (std::int64_t head = 0; head < p.h; ++head) Head<T>{p, row, head}.forward(out);
}

template <class T>
void delta_rule_grad_reference(const DeltaRule<T>& p, const DeltaRuleGrad<T>& grad) {
#pragma omp parallel for collapse(2)
  for (std::int64_t row = 0; row < p.b; ++row)
    for (std::int64_t head = 0; head < p.h; ++head) Head<T>{p, row, head}.backward(grad);
}

template void delta_rule_reference(const DeltaRule<float>&, const DeltaRuleOut<float>&);
template void delta_rule_reference(const DeltaRule<double>&, const DeltaRuleOut<double>&);
template void delta_rule_grad_reference(const DeltaRule<float>&, const DeltaRuleGrad<float>&);
template void delta_rule_grad_reference(const DeltaRule<double>&, const DeltaRuleGrad<double>&);

}  // namespace longwave::kernels
