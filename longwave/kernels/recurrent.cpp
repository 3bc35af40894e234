#include "longwave/kernels/recurrent.h"

#include <omp.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/recurrent.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/recurrent_cells-inl.h"
#include "longwave/kernels/tile_product-inl.h"

#ifndef LONGWAVE_KERNELS_RECURRENT_SHAPE
#define LONGWAVE_KERNELS_RECURRENT_SHAPE
namespace longwave::kernels {
namespace {

constexpr std::int64_t kMostLanes = 16;
constexpr std::int64_t kMostRows = 48;  // of a work item: their states stay in the cache
constexpr std::int64_t kDepth = 128;    // of a product at once: 4 vectors of as many rows stay in L1

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

/// How rows are shared out: `items` work items a head.
struct Items {
  std::int64_t rows, items;
  explicit Items(const Recurrent<float>& x) {
    const std::int64_t threads = omp_get_max_threads();
    const auto wanted = x.heads % threads == 0 ? 1 : threads;
    rows = std::clamp<std::int64_t>((x.b + wanted - 1) / wanted, 1, kMostRows);
    items = (x.b + rows - 1) / rows;
  }
};

/// Floats of a head's packed recurrent matrix or its transpose, whatever the lanes.
std::int64_t packed_size(const Recurrent<float>& x) { return round_up(x.p, kMostLanes) * gates_of(x.cell) * x.p; }

/// Scratch of one work item: states twice (the product reads all of h while it is replaced), and a tile of products.
std::int64_t scratch_size(const Recurrent<float>& x, std::int64_t rows) {
  return rows * ((states_of(x.cell) + 1) * round_up(x.p, kMostLanes) + 4 * kMostLanes);
}
/// Gradients of the states, gradients of R h, and a tile of products.
std::int64_t scratch_grad_size(const Recurrent<float>& x, std::int64_t rows) {
  return rows * (states_of(x.cell) * round_up(x.p, kMostLanes) + gates_of(x.cell) * x.p + 4 * kMostLanes);
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace {

/// n of a vector's numbers; the others are zero.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V load_part(D d, const float* from, std::int64_t n) {
  if (n >= static_cast<std::int64_t>(hn::Lanes(d))) return hn::LoadU(d, from);
  HWY_ALIGN float whole[kMostLanes] = {};
  std::copy_n(from, n, whole);
  return hn::Load(d, whole);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_part(D d, V v, float* to, std::int64_t n) {
  if (n >= static_cast<std::int64_t>(hn::Lanes(d))) return hn::StoreU(v, d, to);
  HWY_ALIGN float whole[kMostLanes];
  hn::Store(v, d, whole);
  std::copy_n(whole, n, to);
}

/// One work item: some rows of one head.
struct Item {
  const Recurrent<float>& x;
  std::int64_t head, first_row, rows;
  std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  std::int64_t width = x.heads * x.p;
  std::int64_t units = round_up(x.p, lanes);  // of a row of scratch

  std::int64_t length(std::int64_t row) const { return x.lengths ? x.lengths[first_row + row] : x.t; }
  /// Offset of part k of `parts` of a tensor [b, t, parts, heads, p], and of one [b, parts, heads, p].
  std::int64_t at(std::int64_t row, std::int64_t time, std::int64_t parts, std::int64_t k) const {
    return (((first_row + row) * x.t + time) * parts + k) * width + head * x.p;
  }
  std::int64_t at_row(std::int64_t row, std::int64_t parts, std::int64_t k) const {
    return ((first_row + row) * parts + k) * width + head * x.p;
  }
};

/// c [rows, vectors] = a [rows, depth] b, kDepth of it at a time, so that this part of b is read once into L1.
HWY_INLINE void deep_product(TileProduct p, std::int64_t vectors) {
  const auto depth = p.depth;
  for (std::int64_t k = 0; k < depth; k += kDepth) {
    p.depth = std::min(kDepth, depth - k);
    tile_product(p, vectors);
    p.a += p.depth * p.a_step, p.b += p.depth * p.b_step;
    p.accumulate = true;
  }
}

// --- forward

/// Columns of a product at once: all gates of one vector of units, or four vectors of units of the one gate.
constexpr std::int64_t panel_vectors(Cell cell) { return gates_of(cell) == 1 ? 4 : 1; }

/// R of a head as panels: for each, p rows of [vectors of units, gates, lanes].
void pack(const Recurrent<float>& x, std::int64_t head, float* packed) {
  const Item item{x, head, 0, 0};
  const auto gates = gates_of(x.cell), wide = panel_vectors(x.cell) * item.lanes;
  for (std::int64_t first = 0; first < x.p; first += wide) {
    const auto columns = (std::min(wide, x.p - first) + item.lanes - 1) / item.lanes * gates * item.lanes;
    for (std::int64_t c = 0; c < columns; ++c) {
      const auto gate = c / item.lanes % gates, unit = first + c / (gates * item.lanes) * item.lanes + c % item.lanes;
      const float* r = x.r + head * x.r_head + gate * x.r_gate + unit * x.r_unit;
      for (std::int64_t from = 0; from < x.p; ++from) packed[from * columns + c] = unit < x.p ? r[from * x.r_from] : 0;
    }
    packed += x.p * columns;
  }
}

/// Are the products of so few rows and steps cheaper without packing?
bool is_direct(const Recurrent<float>& x) { return x.b * x.t <= 4; }

/// What the product of a panel gives, [rows, vectors of units, gates, lanes], from the matrix as it lies.
void direct_product(const Item& item, const float* h, std::int64_t first, std::int64_t vectors, float* tile) {
  const hn::ScalableTag<float> d;
  const auto& x = item.x;
  const auto gates = gates_of(x.cell);
  for (std::int64_t row = 0; row < item.rows; ++row, h += item.units)
    for (std::int64_t v = 0; v < vectors; ++v)
      for (std::int64_t gate = 0; gate < gates; ++gate, tile += item.lanes) {
        const auto unit = first + v * item.lanes, n = std::min(item.lanes, x.p - unit);
        const float* r = x.r + item.head * x.r_head + gate * x.r_gate + unit * x.r_unit;
        if (x.r_from == 1) {
          for (std::int64_t i = 0; i < item.lanes; ++i) tile[i] = i < n ? dot(h, r + i * x.r_unit, x.p) : 0;
          continue;
        }
        auto sum = hn::Zero(d);
        for (std::int64_t from = 0; from < x.p; ++from)
          sum = hn::MulAdd(hn::Set(d, h[from]), load_part(d, r + from * x.r_from, n), sum);
        hn::StoreU(sum, d, tile);
      }
}

/// One vector of units of one row at one step, from the tile's products.
template <Cell kCell>
HWY_INLINE void advance(const Item& item, std::int64_t row, std::int64_t time, std::int64_t unit, const float* product,
                        const float* h, float* h_next, float* states) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kGates = gates_of(kCell), kStates = states_of(kCell), kKept = kept_of(kCell);
  const auto& x = item.x;
  const auto n = std::min(item.lanes, x.p - unit), place = row * item.units + unit;
  const auto stride = item.rows * item.units;  // between the kinds of states
  if (time >= item.length(row)) {
    hn::StoreU(hn::LoadU(d, h + place), d, h_next + place);
    const auto none = hn::Zero(d);
    store_part(d, none, x.y + item.at(row, time, 1, 0) + unit, n);
    for (int k = 0; x.memory && k + 1 < kStates; ++k)
      store_part(d, none, x.memory + item.at(row, time, kStates - 1, k) + unit, n);
    for (int k = 0; x.kept && k < kKept; ++k) store_part(d, none, x.kept + item.at(row, time, kKept, k) + unit, n);
    return;
  }
  V p[kGates], q[kGates], s[kStates], kept[kKept + 1];
  const float* wx = x.wx + (item.first_row + row) * x.wx_row + time * x.wx_step + item.head * x.p + unit;
  const float* bias = x.bias + item.head * x.p + unit;
  for (int k = 0; k < kGates; ++k) {
    p[k] = hn::Add(load_part(d, wx + k * item.width, n), load_part(d, bias + k * item.width, n));
    q[k] = hn::LoadU(d, product + k * item.lanes);
  }
  if constexpr (kCell == Cell::gru) q[2] = hn::Add(q[2], load_part(d, bias + 3 * item.width, n));
  s[0] = hn::LoadU(d, h + place);
  for (int k = 1; k < kStates; ++k) s[k] = hn::LoadU(d, states + (k - 1) * stride + place);
  step_units<kCell>(d, p, q, s, kept);
  hn::StoreU(s[0], d, h_next + place);
  store_part(d, s[0], x.y + item.at(row, time, 1, 0) + unit, n);
  for (int k = 1; k < kStates; ++k) {
    hn::StoreU(s[k], d, states + (k - 1) * stride + place);
    if (x.memory) store_part(d, s[k], x.memory + item.at(row, time, kStates - 1, k - 1) + unit, n);
  }
  for (int k = 0; x.kept && k < kKept; ++k) store_part(d, kept[k], x.kept + item.at(row, time, kKept, k) + unit, n);
}

template <Cell kCell>
void run_item(const Item& item, const float* packed, float* scratch) {
  constexpr std::int64_t kGates = gates_of(kCell), kStates = states_of(kCell), kPanel = panel_vectors(kCell);
  const auto& x = item.x;
  const auto stride = item.rows * item.units, wide = kPanel * item.lanes;
  float *h = scratch, *h_next = h + stride, *states = h_next + stride, *tile = states + (kStates - 1) * stride;
  std::fill_n(scratch, (kStates + 1) * stride, 0.0f);
  for (std::int64_t row = 0; row < item.rows; ++row)
    for (std::int64_t k = 0; k < kStates; ++k)
      std::copy_n(x.state + item.at_row(row, kStates, k), x.p,
                  (k == 0 ? h : states + (k - 1) * stride) + row * item.units);
  for (std::int64_t step = 0; step < x.t; ++step) {
    const auto time = x.reverse ? x.t - 1 - step : step;
    const float* panel = packed;
    for (std::int64_t unit = 0; unit < x.p; unit += wide) {
      const auto vectors = (std::min(wide, x.p - unit) + item.lanes - 1) / item.lanes, columns = vectors * kGates;
      if (is_direct(x))
        direct_product(item, h, unit, vectors, tile);
      else
        deep_product({.rows = item.rows,
                      .depth = x.p,
                      .a = h,
                      .a_row = item.units,
                      .a_step = 1,
                      .b = panel,
                      .b_step = columns * item.lanes,
                      .b_vector = item.lanes,
                      .c = tile,
                      .c_row = columns * item.lanes,
                      .accumulate = false},
                     columns);
      panel += x.p * columns * item.lanes;
      for (std::int64_t row = 0; row < item.rows; ++row)
        for (std::int64_t v = 0; v < vectors; ++v)
          advance<kCell>(item, row, time, unit + v * item.lanes, tile + (row * columns + v * kGates) * item.lanes, h,
                         h_next, states);
    }
    std::swap(h, h_next);
  }
  for (std::int64_t row = 0; row < item.rows; ++row)
    for (std::int64_t k = 0; k < kStates; ++k)
      std::copy_n((k == 0 ? h : states + (k - 1) * stride) + row * item.units, x.p,
                  x.last + item.at_row(row, kStates, k));
}

// --- backward

/// The transpose of R of a head as panels of up to four vectors of units of the step before: for each, gates * p rows.
void pack_transposed(const Recurrent<float>& x, std::int64_t head, float* packed) {
  const Item item{x, head, 0, 0};
  const auto depth = gates_of(x.cell) * x.p;
  for (std::int64_t unit = 0; unit < x.p; unit += 4 * item.lanes) {
    const auto columns = std::min(4 * item.lanes, round_up(x.p - unit, item.lanes));
    for (std::int64_t gate = 0; gate < gates_of(x.cell); ++gate)
      for (std::int64_t c = 0; c < columns; ++c) {
        const float* r = x.r + head * x.r_head + (unit + c) * x.r_from + gate * x.r_gate;
        float* to = packed + gate * x.p * columns + c;
        for (std::int64_t k = 0; k < x.p; ++k) to[k * columns] = unit + c < x.p ? r[k * x.r_unit] : 0.0f;
      }
    packed += depth * columns;
  }
}

/// State k of a row's units after `time`, or before its first step.
HWY_INLINE const float* state_after(const Item& item, std::int64_t row, std::int64_t time, std::int64_t k) {
  const auto& x = item.x;
  const auto states = states_of(x.cell);
  if (time < 0 || time >= item.length(row)) return x.state + item.at_row(row, states, k);
  return k == 0 ? x.y + item.at(row, time, 1, 0) : x.memory + item.at(row, time, states - 1, k - 1);
}

/// One row at one step: gradients of what enters the gates.
template <Cell kCell>
HWY_INLINE void retreat(const RecurrentGrad<float>& g, const Item& item, std::int64_t row, std::int64_t time,
                        float* grads, float* dq_row) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kGates = gates_of(kCell), kStates = states_of(kCell), kKept = kept_of(kCell);
  const auto& x = item.x;
  const auto stride = item.rows * item.units, dwx = item.at(row, time, kGates, 0);
  if (time >= item.length(row)) {
    for (std::int64_t k = 0; k < kGates; ++k) {
      std::fill_n(g.dwx + dwx + k * item.width, x.p, 0.0f);
      std::fill_n(g.drh + dwx + k * item.width, x.p, 0.0f);
    }
    std::fill_n(dq_row, kGates * x.p, 0.0f);
    return;
  }
  const float *before[kStates], *after[kStates];
  for (int k = 0; k < kStates; ++k) {
    before[k] = state_after(item, row, x.reverse ? time + 1 : time - 1, k);
    after[k] = state_after(item, row, time, k);
  }
  const float* dy = g.dy ? g.dy + item.at(row, time, 1, 0) : nullptr;
  for (std::int64_t unit = 0; unit < x.p; unit += item.lanes) {
    const auto n = std::min(item.lanes, x.p - unit);
    V was[kStates], is[kStates], kept[kKept + 1], mine[kStates], dp[kGates], dq[kGates];
    float* grad = grads + row * item.units + unit;
    for (int k = 0; k < kStates; ++k) {
      was[k] = load_part(d, before[k] + unit, n), is[k] = load_part(d, after[k] + unit, n);
      mine[k] = hn::LoadU(d, grad + k * stride);
    }
    for (int k = 0; k < kKept; ++k) kept[k] = load_part(d, x.kept + item.at(row, time, kKept, k) + unit, n);
    if (dy) mine[0] = hn::Add(mine[0], load_part(d, dy + unit, n));
    step_units_grad<kCell>(d, was, is, kept, mine, dp, dq);
    for (int k = 0; k < kStates; ++k) hn::StoreU(mine[k], d, grad + k * stride);
    for (int k = 0; k < kGates; ++k) {
      store_part(d, dp[k], g.dwx + dwx + k * item.width + unit, n);
      if constexpr (kCell == Cell::gru) store_part(d, dq[k], g.drh + dwx + k * item.width + unit, n);
      store_part(d, dq[k], dq_row + k * x.p + unit, n);
    }
  }
}

/// to += from, each number bounded.
HWY_INLINE void add_clipped(const float* from, float* to, std::int64_t n, float bound) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += std::clamp(from[i], -bound, bound);
}

template <Cell kCell>
void run_item_grad(const RecurrentGrad<float>& g, const Item& item, const float* packed, float* scratch) {
  constexpr std::int64_t kGates = gates_of(kCell), kStates = states_of(kCell);
  const auto& x = item.x;
  const auto stride = item.rows * item.units, wide = 4 * item.lanes, depth = kGates * x.p;
  float *grads = scratch, *dq = grads + kStates * stride, *tile = dq + item.rows * depth;
  const bool clips = g.clip <= std::numeric_limits<float>::max();
  std::fill_n(grads, kStates * stride, 0.0f);
  for (std::int64_t row = 0; g.dlast && row < item.rows; ++row)
    for (std::int64_t k = 0; k < kStates; ++k)
      std::copy_n(g.dlast + item.at_row(row, kStates, k), x.p, grads + k * stride + row * item.units);
  for (std::int64_t step = x.t - 1; step >= 0; --step) {
    const auto time = x.reverse ? x.t - 1 - step : step;
    for (std::int64_t row = 0; row < item.rows; ++row) retreat<kCell>(g, item, row, time, grads, dq + row * depth);
    const float* panel = packed;
    for (std::int64_t unit = 0; unit < x.p; unit += wide) {
      const auto columns = std::min(wide, item.units - unit);
      deep_product({.rows = item.rows,
                    .depth = depth,
                    .a = dq,
                    .a_row = depth,
                    .a_step = 1,
                    .b = panel,
                    .b_step = columns,
                    .b_vector = item.lanes,
                    .c = clips ? tile : grads + unit,
                    .c_row = clips ? columns : item.units,
                    .accumulate = !clips},
                   columns / item.lanes);
      panel += depth * columns;
      for (std::int64_t row = 0; clips && row < item.rows; ++row)
        add_clipped(tile + row * columns, grads + row * item.units + unit, columns, g.clip);
    }
  }
  for (std::int64_t row = 0; row < item.rows; ++row)
    for (std::int64_t k = 0; k < kStates; ++k)
      std::copy_n(grads + k * stride + row * item.units, x.p, g.dstate + item.at_row(row, kStates, k));
}

/// Calls body(std::integral_constant<Cell>).
template <class Body>
void for_cell(Cell cell, Body body) {
  switch (cell) {
    case Cell::rnn_tanh:
      return body(std::integral_constant<Cell, Cell::rnn_tanh>());
    case Cell::rnn_relu:
      return body(std::integral_constant<Cell, Cell::rnn_relu>());
    case Cell::lstm:
      return body(std::integral_constant<Cell, Cell::lstm>());
    case Cell::gru:
      return body(std::integral_constant<Cell, Cell::gru>());
    case Cell::slstm:
      return body(std::integral_constant<Cell, Cell::slstm>());
  }
}

/// Packs every head, then runs body(item, packed matrix, scratch) for all work items.
template <class Pack, class Body>
void run_items(const Recurrent<float>& x, std::int64_t packed_size, std::int64_t scratch_size, float* workspace,
               Pack pack_head, Body body) {
  const Items items(x);
  float* scratch = workspace + x.heads * packed_size;
  constexpr std::int64_t kWorthThreads = 1 << 17;  // multiplications: some ten microseconds
  const bool threads = x.b * x.t * x.heads * gates_of(x.cell) * x.p * x.p > kWorthThreads;
#pragma omp parallel if (threads)
  {
#pragma omp for schedule(static)
    for (std::int64_t head = 0; head < x.heads; ++head) pack_head(x, head, workspace + head * packed_size);
#pragma omp for schedule(dynamic)
    for (std::int64_t i = 0; i < x.heads * items.items; ++i) {
      const auto head = i / items.items, first = i % items.items * items.rows;
      const Item item{x, head, first, std::min(items.rows, x.b - first)};
      body(item, workspace + head * packed_size, scratch + omp_get_thread_num() * scratch_size);
    }
  }
}

}  // namespace

void recurrent_all(const Recurrent<float>& x, float* workspace) {
  for_cell(x.cell, [&](auto cell) {
    const auto prepare = is_direct(x) ? [](const Recurrent<float>&, std::int64_t, float*) {} : pack;
    run_items(x, packed_size(x), scratch_size(x, Items(x).rows), workspace, prepare,
              [](const Item& item, const float* packed, float* scratch) {
                run_item<decltype(cell)::value>(item, packed, scratch);
              });
  });
}

void recurrent_grad_all(const RecurrentGrad<float>& g, float* workspace) {
  const auto& x = g.forward;
  for_cell(x.cell, [&](auto cell) {
    run_items(x, packed_size(x), scratch_grad_size(x, Items(x).rows), workspace, pack_transposed,
              [&](const Item& item, const float* packed, float* scratch) {
                run_item_grad<decltype(cell)::value>(g, item, packed, scratch);
              });
  });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(recurrent_all);
HWY_EXPORT(recurrent_grad_all);

std::int64_t recurrent_workspace(const Recurrent<float>& x) {
  return x.heads * packed_size(x) + omp_get_max_threads() * scratch_size(x, Items(x).rows);
}
void recurrent(const Recurrent<float>& x, float* workspace) { HWY_DYNAMIC_DISPATCH(recurrent_all)(x, workspace); }

std::int64_t recurrent_grad_workspace(const RecurrentGrad<float>& g) {
  const auto& x = g.forward;
  return x.heads * packed_size(x) + omp_get_max_threads() * scratch_grad_size(x, Items(x).rows);
}
void recurrent_grad(const RecurrentGrad<float>& g, float* workspace) {
  HWY_DYNAMIC_DISPATCH(recurrent_grad_all)(g, workspace);
}

}  // namespace longwave::kernels
#endif
