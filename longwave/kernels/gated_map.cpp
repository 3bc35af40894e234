#include "longwave/kernels/gated_map.h"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/gated_map.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/activation-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/parts-inl.h"
#include "longwave/kernels/row_tiles-inl.h"

#ifndef LONGWAVE_KERNELS_GATED_MAP_SHAPE
#define LONGWAVE_KERNELS_GATED_MAP_SHAPE
namespace longwave::kernels {
namespace {

/// Outputs of a block; its products a and b lie side by side, rows not a power of two apart, which would share cache
/// sets.
constexpr std::int64_t kOutputs = 2 * kPanel, kStride = 2 * kOutputs + 16;

RowTiles tiling_of(const GatedMap& m) { return {m.rows, 2 * m.d_out * m.d_in}; }

/// Floats of the gradients that are sums over rows: weight and bias.
std::int64_t sums_of(const GatedMap& m) { return whole(2 * m.d_out * m.d_in) + whole(2 * m.d_out); }
std::int64_t parts_of(const GatedMap& m) { return tiling_of(m).parts(sums_of(m)); }

/// The weight in panels: forward A' and B', backward all of it.
std::int64_t forward_panels(const GatedMap& m) { return 2 * in_panels(m.d_out) * m.d_in; }
std::int64_t backward_panels(const GatedMap& m) { return in_panels(m.d_in) * 2 * m.d_out; }

/// Scratch of one thread: n of a tile and products of a step; backward also the slopes of the GELU and n in panels.
std::int64_t forward_scratch(const GatedMap& m) {
  const auto t = tiling_of(m);
  return t.tile * whole(m.d_in) + t.step * kStride;
}
std::int64_t backward_scratch(const GatedMap& m) {
  const auto t = tiling_of(m);
  return t.tile * (2 * whole(m.d_in) + in_panels(m.d_in)) + t.step * kStride;
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// n of a tile: its rows of x, or their GELU in `buffer` with its slopes in `slopes` (or null).
const float* inputs(const GatedMap& m, Tile tile, float* buffer, float* slopes) {
  const float* x = m.x + tile.row * m.d_in;
  if (!m.gelu) return x;
  for_lanes(tile.rows * m.d_in, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto [value, slope] = Gelu::both(tag, hn::LoadU(tag, x + i));
    hn::StoreU(value, tag, buffer + i);
    if (slopes) hn::StoreU(slope, tag, slopes + i);
  });
  return buffer;
}

/// Products of outputs j, j + 1, .. of the 2 d_out, with their bias.
template <class D>
HWY_INLINE hn::Vec<D> with_bias(D tag, const GatedMap& m, const float* product, std::int64_t j) {
  const auto z = hn::LoadU(tag, product);
  return m.bias ? hn::Add(z, hn::LoadU(tag, m.bias + j)) : z;
}

/// Rows of a step up to its last valid one: nothing is multiplied for those behind, the end of a padded sequence.
std::int64_t needed_rows(const GatedMap& m, Tile step) {
  auto rows = step.rows;
  while (rows > 0 && !m.is_valid(step.row + rows - 1)) --rows;
  return rows;
}

void forward_tile(const GatedMap& m, Tile tile, const float* panels, float* y, float* scratch) {
  const auto tiling = tiling_of(m);
  const float* n = inputs(m, tile, scratch, nullptr);
  float* buffer = scratch + tiling.tile * whole(m.d_in);
  for (std::int64_t first = 0; first < m.d_out; first += kOutputs) {
    const auto width = std::min(kOutputs, m.d_out - first);
    tile.for_steps(tiling.step, [&](Tile step, std::int64_t at) HWY_ATTR {
      float* a = m.product ? m.product + step.row * 2 * m.d_out + first : buffer;
      float* b = a + (m.product ? m.d_out : kOutputs);
      const auto stride = m.product ? 2 * m.d_out : kStride;
      const float* of = panels + first * m.d_in;
      for (float* z : {a, b}) {
        product(needed_rows(m, step), width, m.d_in, rows_of(n + at * m.d_in, m.d_in), of, kPanel * m.d_in, false, z,
                stride);
        of += in_panels(m.d_out) * m.d_in;
      }
      for (std::int64_t r = 0; r < step.rows; ++r) {
        float* out = y + (step.row + r) * m.d_out + first;
        if (!m.is_valid(step.row + r)) {
          std::fill_n(out, width, 0.0f);
          continue;
        }
        for_lanes(width, [&](auto tag, std::int64_t j) HWY_ATTR {
          const auto gate = sigmoid(tag, with_bias(tag, m, b + r * stride + j, m.d_out + first + j));
          const auto value = with_bias(tag, m, a + r * stride + j, first + j);
          hn::StoreU(hn::Mul(value, gate), tag, out + j);
        });
      }
    });
  }
}

void gated_map_all(const GatedMap& m, float* y, float* workspace) {
  const auto rows = tiling_of(m).tile;
  float* scratch = workspace;
  for (std::int64_t half = 0; half < 2; ++half)
    scratch = pack_weight(columns_of(m.weight + half * m.d_out * m.d_in, m.d_in), m.d_in, m.d_out, scratch);
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t row = 0; row < m.rows; row += rows)
    forward_tile(m, {row, std::min(rows, m.rows - row)}, workspace, y,
                 scratch + omp_get_thread_num() * forward_scratch(m));
}

/// Gradients dz of the products of a step, a's at `dz` and b's kOutputs behind, outputs from `first` on; their sums are
/// added to dbias.
void gate_grad(const GatedMap& m, const float* dy, Tile step, std::int64_t first, std::int64_t width, float* dz,
               float* dbias) {
  for (std::int64_t r = 0; r < step.rows; ++r) {
    if (!m.is_valid(step.row + r)) {
      std::fill_n(dz + r * kStride, width, 0.0f);
      std::fill_n(dz + r * kStride + kOutputs, width, 0.0f);
      continue;
    }
    const float *a = m.product + (step.row + r) * 2 * m.d_out + first, *b = a + m.d_out;
    for_lanes(width, [&](auto tag, std::int64_t j) HWY_ATTR {
      const auto add = [&](std::int64_t at, std::int64_t of, auto d) HWY_ATTR {
        hn::StoreU(d, tag, dz + r * kStride + at);
        hn::StoreU(hn::Add(hn::LoadU(tag, dbias + of), d), tag, dbias + of);
      };
      const auto gate = sigmoid(tag, with_bias(tag, m, b + j, m.d_out + first + j));
      const auto da = hn::Mul(hn::LoadU(tag, dy + (step.row + r) * m.d_out + first + j), gate);
      const auto value = with_bias(tag, m, a + j, first + j);
      add(j, first + j, da);
      add(kOutputs + j, m.d_out + first + j, hn::Mul(hn::Mul(da, value), hn::Sub(hn::Set(tag, 1.0f), gate)));
    });
  }
}

/// `panels` are those of the weight. dweight and dbias are sums of a part, to which it adds.
void backward_tile(const GatedMap& m, const GatedMapGrad& g, Tile tile, const float* panels, float* dweight,
                   float* dbias, float* scratch) {
  const auto tiling = tiling_of(m);
  float *slopes = scratch + tiling.tile * whole(m.d_in), *panel_buffer = slopes + tiling.tile * whole(m.d_in);
  float* dz = panel_buffer + tiling.tile * in_panels(m.d_in);
  const float* n = tile_panels(inputs(m, tile, scratch, slopes), tile, tiling.step, m.d_in, panel_buffer);
  float* dx = g.dx + tile.row * m.d_in;
  for (std::int64_t first = 0; first < m.d_out; first += kOutputs) {
    const auto width = std::min(kOutputs, m.d_out - first);
    tile.for_steps(tiling.step, [&](Tile step, std::int64_t at) HWY_ATTR {
      const auto rows = needed_rows(m, step);
      gate_grad(m, g.dy, {step.row, rows}, first, width, dz, dbias);
      if (first == 0) std::fill_n(dx + (at + rows) * m.d_in, (step.rows - rows) * m.d_in, 0.0f);
      for (std::int64_t half = 0; half < 2; ++half) {
        const float* d = dz + half * kOutputs;
        const auto row = half * m.d_out + first;  // of the weight
        product(width, m.d_in, rows, columns_of(d, kStride), n + at * in_panels(m.d_in), kPanel * step.rows, true,
                dweight + row * m.d_in, m.d_in);
        product(rows, m.d_in, width, rows_of(d, kStride), panels + row * kPanel, kPanel * 2 * m.d_out,
                first > 0 || half > 0, dx + at * m.d_in, m.d_in);
      }
    });
  }
  if (m.gelu)
    for_lanes(tile.rows * m.d_in, [&](auto tag, std::int64_t i) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::LoadU(tag, dx + i), hn::LoadU(tag, slopes + i)), tag, dx + i);
    });
}

void gated_map_grad_all(const GatedMap& m, const GatedMapGrad& g, float* workspace) {
  const auto tiling = tiling_of(m);
  const auto parts = parts_of(m), size = sums_of(m), bias_at = whole(2 * m.d_out * m.d_in);
  float* sums = pack_weight(rows_of(m.weight, m.d_in), 2 * m.d_out, m.d_in, workspace);
  float* scratch = sums + parts * size;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    float *dweight = sums + part * size, *dbias = dweight + bias_at;
    std::fill_n(dweight, size, 0.0f);
    const auto begin = part * tiling.count / parts, end = (part + 1) * tiling.count / parts;
    for (auto i = begin; i < end; ++i) {
      const Tile tile{i * tiling.tile, std::min(tiling.tile, m.rows - i * tiling.tile)};
      backward_tile(m, g, tile, workspace, dweight, dbias, scratch + omp_get_thread_num() * backward_scratch(m));
    }
  }
  reduce_parts(sums, parts, size, 2 * m.d_out * m.d_in, g.dweight);
  if (m.bias) reduce_parts(sums + bias_at, parts, size, 2 * m.d_out, g.dbias);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(gated_map_all);
HWY_EXPORT(gated_map_grad_all);

std::int64_t gated_map_workspace(const GatedMap& m) {
  return forward_panels(m) + omp_get_max_threads() * forward_scratch(m);
}
std::int64_t gated_map_grad_workspace(const GatedMap& m) {
  return backward_panels(m) + parts_of(m) * sums_of(m) + omp_get_max_threads() * backward_scratch(m);
}

void gated_map(const GatedMap& m, float* y, float* workspace) { HWY_DYNAMIC_DISPATCH(gated_map_all)(m, y, workspace); }
void gated_map_grad(const GatedMap& m, const GatedMapGrad& g, float* workspace) {
  HWY_DYNAMIC_DISPATCH(gated_map_grad_all)(m, g, workspace);
}

}  // namespace longwave::kernels
#endif
