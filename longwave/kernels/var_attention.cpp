#include "longwave/kernels/var_attention.h"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/var_attention.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/causal_product-inl.h"
#include "longwave/kernels/dropout-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/rms-inl.h"

#ifndef LONGWAVE_KERNELS_VAR_ATTENTION_SHAPE
#define LONGWAVE_KERNELS_VAR_ATTENTION_SHAPE
namespace longwave::kernels {
namespace {

std::int64_t width_of(const VarAttention& a) { return a.h * a.e; }
std::int64_t sequence_of(const VarAttention& a) { return a.t * width_of(a); }
std::int64_t norm_size_of(const VarAttention& a) { return 2 * a.layers * width_of(a); }
std::int64_t parts_of(const VarAttention& a) { return std::min<std::int64_t>(a.n, 32); }

/// Scratch of one thread, in sequences [t, h, e]: normalised maps, keys of all layers; backward also the gradients of
/// the maps, of the keys and of the dropped keys. And the state of a head.
std::int64_t forward_scratch(const VarAttention& a) { return (3 * a.layers + 1) * sequence_of(a) + a.e * a.e; }
std::int64_t backward_scratch(const VarAttention& a) {
  return forward_scratch(a) + (2 * a.layers + 2) * sequence_of(a);
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// One sequence: where its parts lie in the scratch memory of a thread.
struct VarSequence {
  const VarAttention& a;
  std::int64_t row, width, size;
  float *unit, *keys, *state;  // normalised maps [2 layers, t, h, e], keys [layers + 1, t, h, e], [e, e]

  VarSequence(const VarAttention& attention, std::int64_t row_, float* scratch)
      : a(attention), row(row_), width(width_of(a)), size(sequence_of(a)), unit(scratch) {
    keys = unit + 2 * a.layers * size;
    state = keys + (a.layers + 1) * size;
  }
  float* query(std::int64_t layer) const { return unit + 2 * layer * size; }
  float* value(std::int64_t layer) const { return unit + (2 * layer + 1) * size; }
  float* key(std::int64_t layer) const { return keys + layer * size; }
  float* after() const { return state + a.e * a.e; }

  void normalise() const {
    for (std::int64_t step = 0; step < a.t; ++step)
      for (std::int64_t map = 0; map < 2 * a.layers; ++map)
        rms_groups(a.maps + ((row * a.t + step) * 2 * a.layers + map) * width, a.norm_weight + map * width, a.h, a.e,
                   a.eps, unit + map * size + step * width);
  }

  void product(const float* x, const float* y, const float* z, bool reverse, float* out) const {
    const auto in = [&](const float* data) { return Sequences<const float>{data, 0, width}; };
    const CausalProduct p{in(x), in(y), in(z), {out, 0, width}, 1, a.t, a.h, a.e, reverse};
    const bool by_state = state_is_cheaper(p);
    for (std::int64_t head = 0; head < a.h; ++head) causal_product_head(p, by_state, 0, head, state);
  }

  /// In place.
  void drop(std::int64_t layer, float* x) const {
    if (!a.dropout[layer].drops()) return;
    for_lanes(size, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto factors = dropout_factors(tag, a.dropout[layer], row * size + i);
      hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), factors), tag, x + i);
    });
  }

  /// Keys of the first `count` layers after the observations.
  void chain(std::int64_t count) const {
    std::copy_n(a.keys + row * size, size, key(0));
    for (std::int64_t layer = 0; layer < count; ++layer) {
      product(key(layer), value(layer), query(layer), false, key(layer + 1));
      drop(layer, key(layer + 1));
    }
  }
};

void sequence_forward(const VarAttention& a, std::int64_t row, float* total, float* scratch) {
  const VarSequence s(a, row, scratch);
  s.normalise();
  s.chain(a.layers);
  for (std::int64_t pair = 0; pair < a.t / 2; ++pair) {
    float* out = total + (row * a.t / 2 + pair) * s.width;
    const auto odd = (2 * pair + 1) * s.width;
    std::copy_n(s.key(1) + odd, s.width, out);
    for (std::int64_t layer = 2; layer <= a.layers; ++layer) add_scaled(1, s.key(layer) + odd, out, s.width);
  }
}

void sequence_backward(const VarAttention& a, const VarAttentionGrad& g, std::int64_t row, float* dnorm,
                       float* scratch) {
  const VarSequence s(a, row, scratch);
  float *dunit = s.after(), *dropped = dunit + 2 * a.layers * s.size, *dkey = dropped + s.size;
  s.normalise();
  s.chain(a.layers - 1);
  for (auto layer = a.layers - 1; layer >= 0; --layer) {
    if (layer == a.layers - 1)
      std::fill_n(dropped, s.size, 0.0f);
    else
      std::copy_n(dkey, s.size, dropped);
    for (std::int64_t pair = 0; pair < a.t / 2; ++pair)
      add_scaled(1, g.dtotal + (row * a.t / 2 + pair) * s.width, dropped + (2 * pair + 1) * s.width, s.width);
    s.drop(layer, dropped);
    s.product(s.value(layer), s.key(layer), dropped, false, dunit + 2 * layer * s.size);
    s.product(s.query(layer), dropped, s.key(layer), true, dunit + (2 * layer + 1) * s.size);
    s.product(dropped, s.query(layer), s.value(layer), true, layer == 0 ? g.dkeys + row * s.size : dkey);
  }
  for (std::int64_t step = 0; step < a.t; ++step)
    for (std::int64_t map = 0; map < 2 * a.layers; ++map) {
      const auto at = ((row * a.t + step) * 2 * a.layers + map) * s.width, weight = map * s.width;
      rms_groups_grad(a.maps + at, a.norm_weight + weight, dunit + map * s.size + step * s.width, a.h, a.e, a.eps,
                      g.dmaps + at, dnorm + weight);
    }
}

void var_attention_all(const VarAttention& a, float* total, float* workspace) {
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t row = 0; row < a.n; ++row)
    sequence_forward(a, row, total, workspace + omp_get_thread_num() * forward_scratch(a));
}

void var_attention_grad_all(const VarAttention& a, const VarAttentionGrad& g, float* workspace) {
  const auto parts = parts_of(a), size = norm_size_of(a);
  float* scratch = workspace + parts * size;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    float* dnorm = workspace + part * size;
    std::fill_n(dnorm, size, 0.0f);
    for (auto row = part * a.n / parts; row < (part + 1) * a.n / parts; ++row)
      sequence_backward(a, g, row, dnorm, scratch + omp_get_thread_num() * backward_scratch(a));
  }
  std::fill_n(g.dnorm_weight, size, 0.0f);
  for (std::int64_t part = 0; part < parts; ++part) add_scaled(1, workspace + part * size, g.dnorm_weight, size);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(var_attention_all);
HWY_EXPORT(var_attention_grad_all);

std::int64_t var_attention_workspace(const VarAttention& a) { return omp_get_max_threads() * forward_scratch(a); }
std::int64_t var_attention_grad_workspace(const VarAttention& a) {
  return parts_of(a) * norm_size_of(a) + omp_get_max_threads() * backward_scratch(a);
}

void var_attention(const VarAttention& a, float* total, float* workspace) {
  HWY_DYNAMIC_DISPATCH(var_attention_all)(a, total, workspace);
}
void var_attention_grad(const VarAttention& a, const VarAttentionGrad& g, float* workspace) {
  HWY_DYNAMIC_DISPATCH(var_attention_grad_all)(a, g, workspace);
}

}  // namespace longwave::kernels
#endif
