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
#include "longwave/kernels/panels-inl.h"
#include "longwave/kernels/parts-inl.h"
#include "longwave/kernels/rms-inl.h"

#ifndef LONGWAVE_KERNELS_VAR_ATTENTION_SHAPE
#define LONGWAVE_KERNELS_VAR_ATTENTION_SHAPE
namespace longwave::kernels {
namespace {

std::int64_t width_of(const VarAttention& a) { return a.h * a.e; }
std::int64_t maps_of(const VarAttention& a) { return 2 * a.layers * width_of(a); }

/// Sequences of a work item: about as many steps as a matrix product takes at its best.
std::int64_t group_of(const VarAttention& a) { return std::clamp<std::int64_t>(144 / a.t, 1, a.n); }
std::int64_t groups_of(const VarAttention& a) { return (a.n + group_of(a) - 1) / group_of(a); }
std::int64_t steps_of(const VarAttention& a) { return group_of(a) * a.t; }

/// Gradients that are sums over sequences, in this order.
struct VarSums {
  float *weight, *bias, *input_norm, *map_norm, *structural, *output_norm, *end;
  VarSums(const VarAttention& a, float* at)
      : weight(at),
        bias(weight + whole(maps_of(a) * width_of(a))),
        input_norm(bias + whole(maps_of(a))),
        map_norm(input_norm + whole(width_of(a))),
        structural(map_norm + whole(maps_of(a))),
        output_norm(structural + whole(width_of(a) * a.e)),
        end(output_norm + whole(width_of(a))) {}
};
std::int64_t sums_of(const VarAttention& a) {
  return whole(maps_of(a) * width_of(a)) + 2 * whole(maps_of(a)) + 2 * whole(width_of(a)) + whole(width_of(a) * a.e);
}

std::int64_t parts_of(const VarAttention& a) {
  return std::min(groups_of(a), std::clamp<std::int64_t>((8 << 20) / sums_of(a), 2, 16));
}

/// Weights in panels: weight', and the structural matrices as one block-diagonal matrix; backward also weight and the
/// transposed structural matrices, whose panels follow.
std::int64_t forward_panels(const VarAttention& a) {
  return in_panels(maps_of(a)) * width_of(a) + in_panels(width_of(a)) * width_of(a);
}
std::int64_t backward_panels(const VarAttention& a) {
  return forward_panels(a) + in_panels(width_of(a)) * (maps_of(a) + width_of(a));
}
/// While they are made: the block-diagonal matrix.
std::int64_t block_size(const VarAttention& a) { return width_of(a) * width_of(a); }

/// Scratch of one thread, named in the order of its parts.
struct VarScratch {
  float *x, *keys, *maps, *unit, *dunit, *total, *mixed, *dtotal, *dropped, *dx, *x_panels, *inverse, *state;
  VarScratch(const VarAttention& a, float* at)
      : x(at),
        keys(x + rows(a)),
        maps(keys + (a.layers + 1) * rows(a)),
        unit(maps + wide_rows(a)),
        dunit(unit + wide_rows(a)),
        total(dunit + wide_rows(a)),
        mixed(total + rows(a)),
        dtotal(mixed + rows(a)),
        dropped(dtotal + rows(a)),
        dx(dropped + rows(a)),
        x_panels(dx + 2 * rows(a)),
        inverse(x_panels + steps_of(a) * in_panels(width_of(a))),
        state(inverse + whole(steps_of(a))) {}
  static std::int64_t rows(const VarAttention& a) { return whole(steps_of(a) * width_of(a)); }
  static std::int64_t wide_rows(const VarAttention& a) { return whole(steps_of(a) * maps_of(a)); }
};
std::int64_t scratch_of(const VarAttention& a) {
  return (a.layers + 8) * VarScratch::rows(a) + 3 * VarScratch::wide_rows(a) + steps_of(a) * in_panels(width_of(a)) +
         whole(steps_of(a)) + whole(a.e * a.e);
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// Weights in panels, made once a call.
struct VarPanels {
  const float *maps, *structural, *maps_back, *structural_back;
  VarPanels(const VarAttention& a, const float* at)
      : maps(at),
        structural(maps + in_panels(maps_of(a)) * width_of(a)),
        maps_back(structural + in_panels(width_of(a)) * width_of(a)),
        structural_back(maps_back + in_panels(width_of(a)) * maps_of(a)) {}
};

/// `block`: scratch for the block-diagonal matrix.
void pack(const VarAttention& a, bool backward, float* panels, float* block) {
  const auto d = width_of(a);
  std::fill_n(block, d * d, 0.0f);
  for (std::int64_t row = 0; row < d; ++row)
    std::copy_n(a.structural + row * a.e, a.e, block + row * d + row / a.e * a.e);
  panels = pack_weight(columns_of(a.weight, d), d, maps_of(a), panels);
  panels = pack_weight(rows_of(block, d), d, d, panels);
  if (!backward) return;
  panels = pack_weight(rows_of(a.weight, d), maps_of(a), d, panels);
  pack_weight(columns_of(block, d), d, d, panels);
}

/// The sequences [first, first + count) of a work item.
struct VarGroup {
  const VarAttention& a;
  const VarPanels& w;
  const VarScratch s;
  std::int64_t first, count, d, maps, steps;

  VarGroup(const VarAttention& attention, const VarPanels& panels, std::int64_t group, float* scratch)
      : a(attention),
        w(panels),
        s(attention, scratch),
        first(group * group_of(a)),
        count(std::min(group_of(a), a.n - first)),
        d(width_of(a)),
        maps(maps_of(a)),
        steps(count * a.t) {}

  float* key(std::int64_t layer) const { return s.keys + layer * steps * d; }

  void attention(Sequences<const float> x, Sequences<const float> y, Sequences<const float> z, bool reverse,
                 Sequences<float> out) const {
    const CausalProduct p{x, y, z, out, count, a.t, a.h, a.e, reverse};
    const bool by_state = state_is_cheaper(p);
    for (std::int64_t row = 0; row < count; ++row)
      for (std::int64_t head = 0; head < a.h; ++head) causal_product_head(p, by_state, row, head, s.state);
  }
  template <class T>
  Sequences<T> wide(T* data) const {  // queries and values: the maps of a step lie together
    return {data, a.t * maps, maps};
  }
  template <class T>
  Sequences<T> narrow(T* data) const {
    return {data, a.t * d, d};
  }

  /// In place.
  void drop(std::int64_t layer, float* x) const {
    if (!a.dropout[layer].drops()) return;
    for_lanes(steps * d, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto factors = dropout_factors(tag, a.dropout[layer], first * a.t * d + i);
      hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), factors), tag, x + i);
    });
  }

  /// x, maps, unit, keys, total and mixed = x + structural' total, the last two at the odd steps.
  void compute() const {
    for (std::int64_t step = 0; step < steps; ++step)
      s.inverse[step] = rms_row(a.y + (first * a.t + step) * d, a.input_norm, d, a.eps, s.x + step * d);
    product(steps, maps, d, rows_of(s.x, d), w.maps, kPanel * d, false, s.maps, maps);
    for (std::int64_t step = 0; step < steps; ++step) {
      add_scaled(1, a.bias, s.maps + step * maps, maps);
      rms_groups(s.maps + step * maps, a.map_norm, 2 * a.layers * a.h, a.e, a.map_eps, s.unit + step * maps);
    }
    std::copy_n(s.x, steps * d, key(0));
    for (std::int64_t layer = 0; layer < a.layers; ++layer) {
      const float *query = s.unit + 2 * layer * d, *value = query + d;
      attention(narrow<const float>(key(layer)), wide(value), wide(query), false, narrow(key(layer + 1)));
      drop(layer, key(layer + 1));
    }
    for (std::int64_t pair = 0; pair < steps / 2; ++pair) {
      const auto at = pair * d, odd = (2 * pair + 1) * d;
      std::copy_n(key(1) + odd, d, s.total + at);
      for (std::int64_t layer = 2; layer <= a.layers; ++layer) add_scaled(1, key(layer) + odd, s.total + at, d);
      std::copy_n(s.x + odd, d, s.mixed + at);
    }
    product(steps / 2, d, d, rows_of(s.total, d), w.structural, kPanel * d, true, s.mixed, d);
  }

  void forward(float* out) const {
    compute();
    for (std::int64_t pair = 0; pair < steps / 2; ++pair)
      rms_row(s.mixed + pair * d, a.output_norm, d, a.eps, out + (first * a.t / 2 + pair) * d);
  }

  /// mixed becomes its gradient; dtotal and the sums that belong to it.
  void read_out_grad(const float* dout, const VarSums& to) const {
    for (std::int64_t pair = 0; pair < steps / 2; ++pair) {
      float* row = s.mixed + pair * d;
      const float inverse = 1 / std::sqrt(dot(row, row, d) / static_cast<float>(d) + a.eps);
      rms_row_grad(row, a.output_norm, inverse, dout + (first * a.t / 2 + pair) * d, d, nullptr, row, to.output_norm);
    }
    product(steps / 2, d, d, rows_of(s.mixed, d), w.structural_back, kPanel * d, false, s.dtotal, d);
    for (std::int64_t pair = 0; pair < steps / 2; ++pair)
      for (std::int64_t i = 0; i < d; ++i)
        add_scaled(s.total[pair * d + i], s.mixed + pair * d + i / a.e * a.e, to.structural + i * a.e, a.e);
  }

  /// dunit, and dx as far as it comes through the keys.
  void layers_grad() const {
    float *dkey = s.dx, *next = s.dx + steps * d;
    for (auto layer = a.layers - 1; layer >= 0; --layer) {
      if (layer == a.layers - 1)
        std::fill_n(s.dropped, steps * d, 0.0f);
      else
        std::copy_n(next, steps * d, s.dropped);
      for (std::int64_t pair = 0; pair < steps / 2; ++pair)
        add_scaled(1, s.dtotal + pair * d, s.dropped + (2 * pair + 1) * d, d);
      drop(layer, s.dropped);
      const float *query = s.unit + 2 * layer * d, *value = query + d;
      float *dquery = s.dunit + 2 * layer * d, *dvalue = dquery + d;
      const auto k = narrow<const float>(key(layer)), g = narrow<const float>(s.dropped);
      attention(wide(value), k, g, false, wide(dquery));
      attention(wide(query), g, k, true, wide(dvalue));
      attention(g, wide(query), wide(value), true, narrow(layer == 0 ? dkey : next));
    }
  }

  void backward(const VarAttentionGrad& g, const VarSums& to, bool accumulate) const {
    compute();
    read_out_grad(g.dout, to);
    layers_grad();
    for (std::int64_t step = 0; step < steps; ++step) {  // the maps become their gradients
      const auto at = step * maps;
      rms_groups_grad(s.maps + at, a.map_norm, s.dunit + at, 2 * a.layers * a.h, a.e, a.map_eps, s.maps + at,
                      to.map_norm);
    }
    add_column_sums(s.maps, steps, maps, maps, to.bias);
    const float* panels = s.x;
    if (d != kPanel) {
      pack_panels(rows_of(s.x, d), steps, d, 0, in_panels(d) / kPanel, s.x_panels);
      panels = s.x_panels;
    }
    product(maps, d, steps, columns_of(s.maps, maps), panels, kPanel * steps, accumulate, to.weight, d);
    product(steps, d, maps, rows_of(s.maps, maps), w.maps_back, kPanel * maps, true, s.dx, d);
    for (std::int64_t pair = 0; pair < steps / 2; ++pair)
      add_scaled(1, s.mixed + pair * d, s.dx + (2 * pair + 1) * d, d);
    for (std::int64_t step = 0; step < steps; ++step) {
      const auto at = (first * a.t + step) * d;
      rms_row_grad(a.y + at, a.input_norm, s.inverse[step], s.dx + step * d, d, nullptr, g.dy + at, to.input_norm);
    }
  }
};

void var_attention_all(const VarAttention& a, float* out, float* workspace) {
  const VarPanels panels(a, workspace);
  float* scratch = workspace + forward_panels(a);
  pack(a, false, workspace, scratch);
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t group = 0; group < groups_of(a); ++group)
    VarGroup(a, panels, group, scratch + omp_get_thread_num() * scratch_of(a)).forward(out);
}

void var_attention_grad_all(const VarAttention& a, const VarAttentionGrad& g, float* workspace) {
  const VarPanels panels(a, workspace);
  const auto parts = parts_of(a), size = sums_of(a), groups = groups_of(a);
  float *sums = workspace + backward_panels(a), *scratch = sums + parts * size;
  pack(a, true, workspace, scratch);
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    const VarSums to(a, sums + part * size);
    std::fill(to.bias, to.end, 0.0f);
    const auto begin = part * groups / parts, end = (part + 1) * groups / parts;
    for (auto group = begin; group < end; ++group)
      VarGroup(a, panels, group, scratch + omp_get_thread_num() * scratch_of(a)).backward(g, to, group > begin);
  }
  const VarSums from(a, sums);
  const auto reduce = [&](float* sum, float* to, std::int64_t n) { reduce_parts(sum, parts, size, n, to); };
  reduce(from.weight, g.dweight, maps_of(a) * width_of(a));
  reduce(from.bias, g.dbias, maps_of(a));
  reduce(from.input_norm, g.dinput_norm, width_of(a));
  reduce(from.map_norm, g.dmap_norm, maps_of(a));
  reduce(from.structural, g.dstructural, width_of(a) * a.e);
  reduce(from.output_norm, g.doutput_norm, width_of(a));
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(var_attention_all);
HWY_EXPORT(var_attention_grad_all);

std::int64_t var_attention_workspace(const VarAttention& a) {
  return forward_panels(a) + std::max(block_size(a), omp_get_max_threads() * scratch_of(a));
}
std::int64_t var_attention_grad_workspace(const VarAttention& a) {
  return backward_panels(a) + parts_of(a) * sums_of(a) + std::max(block_size(a), omp_get_max_threads() * scratch_of(a));
}

void var_attention(const VarAttention& a, float* out, float* workspace) {
  HWY_DYNAMIC_DISPATCH(var_attention_all)(a, out, workspace);
}
void var_attention_grad(const VarAttention& a, const VarAttentionGrad& g, float* workspace) {
  HWY_DYNAMIC_DISPATCH(var_attention_grad_all)(a, g, workspace);
}

}  // namespace longwave::kernels
#endif
