#include "longwave/kernels/mlp.h"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/mlp.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/activation-inl.h"
#include "longwave/kernels/dropout-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/parts-inl.h"
#include "longwave/kernels/rms-inl.h"
#include "longwave/kernels/row_tiles-inl.h"

#ifndef LONGWAVE_KERNELS_MLP_SHAPE
#define LONGWAVE_KERNELS_MLP_SHAPE
namespace longwave::kernels {
namespace {

/// Hidden units of a tile, and the distance of its rows: not a power of two, whose rows would share cache sets.
constexpr std::int64_t kHidden = 256, kHiddenStride = kHidden + 16;

RowTiles tiling_of(const Mlp& m) { return {m.rows, m.d_hidden * (m.d_in + m.d_out)}; }

/// Floats of all gradients that are sums over rows: norm weight, w1, b1, w2', b2, in this order, all in whole vectors.
std::int64_t sums_of(const Mlp& m) {
  return whole(m.d_in) + whole(m.d_hidden * m.d_in) + whole(m.d_hidden) + whole(m.d_hidden * m.d_out) + whole(m.d_out);
}

std::int64_t parts_of(const Mlp& m) { return tiling_of(m).parts(sums_of(m)); }

/// Weights in panels: w1' and w2' forward; backward w2, w1, and w1' where the product is computed again.
std::int64_t forward_panels(const Mlp& m) { return in_panels(m.d_hidden) * m.d_in + in_panels(m.d_out) * m.d_hidden; }
std::int64_t backward_panels(const Mlp& m) {
  const auto again = m.product ? 0 : in_panels(m.d_hidden) * m.d_in;
  return in_panels(m.d_hidden) * m.d_out + in_panels(m.d_in) * m.d_hidden + again;
}

/// Scratch of one thread. Forward: normalised rows of a tile and hidden units of a step. Backward: the rows, output
/// gradients, both also in panels, the gradient of the rows, 1 / rms; twice the hidden units of a step.
std::int64_t forward_scratch(const Mlp& m) {
  const auto t = tiling_of(m);
  return t.tile * whole(m.d_in) + t.step * kHiddenStride;
}
std::int64_t backward_scratch(const Mlp& m) {
  const auto t = tiling_of(m);
  return t.tile * (2 * whole(m.d_in) + in_panels(m.d_in) + whole(m.d_out) + in_panels(m.d_out) + 16) +
         t.step * 2 * kHiddenStride;
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

template <class Act>
HWY_INLINE void activate_row(const Mlp& m, const float* product, const float* bias, std::int64_t n, std::int64_t index,
                             float* h) {
  const bool drops = m.hidden_dropout.drops(), before = m.place == DropoutPlace::before_activation;
  for_lanes(n, [&](auto tag, std::int64_t j) HWY_ATTR {
    auto z = hn::Add(hn::LoadU(tag, product + j), hn::LoadU(tag, bias + j));
    const auto factor = drops ? dropout_factors(tag, m.hidden_dropout, index + j) : hn::Set(tag, 1.0f);
    if (before) z = hn::Mul(z, factor);
    const auto value = Act::both(tag, z).value;
    hn::StoreU(before ? value : hn::Mul(value, factor), tag, h + j);
  });
}

/// h = drop(act(product + bias)) of n hidden units from `first` on; product and h may be one.
void activate(const Mlp& m, Tile tile, std::int64_t first, std::int64_t n, const float* product, std::int64_t stride,
              float* h) {
  const auto run = m.activation == Activation::gelu ? activate_row<Gelu> : activate_row<Relu>;
  for (std::int64_t r = 0; r < tile.rows; ++r)
    run(m, product + r * stride, m.b1 + first, n, (tile.row + r) * m.d_hidden + first, h + r * kHiddenStride);
}

template <class Act>
HWY_INLINE void activate_row_grad(const Mlp& m, const float* product, const float* bias, std::int64_t n,
                                  std::int64_t index, float* h, float* d, float* dbias) {
  const bool drops = m.hidden_dropout.drops(), before = m.place == DropoutPlace::before_activation;
  for_lanes(n, [&](auto tag, std::int64_t j) HWY_ATTR {
    auto z = hn::Add(hn::LoadU(tag, product + j), hn::LoadU(tag, bias + j));
    const auto factor = drops ? dropout_factors(tag, m.hidden_dropout, index + j) : hn::Set(tag, 1.0f);
    if (before) z = hn::Mul(z, factor);
    const auto [value, slope] = Act::both(tag, z);
    const auto dz = hn::Mul(hn::Mul(hn::LoadU(tag, d + j), factor), slope);
    hn::StoreU(before ? value : hn::Mul(value, factor), tag, h + j);
    hn::StoreU(dz, tag, d + j);
    hn::StoreU(hn::Add(hn::LoadU(tag, dbias + j), dz), tag, dbias + j);
  });
}

/// The same, and d, the gradient of h, becomes that of the product; dbias is added to.
void activate_grad(const Mlp& m, Tile tile, std::int64_t first, std::int64_t n, const float* product,
                   std::int64_t stride, float* h, float* d, float* dbias) {
  const auto run = m.activation == Activation::gelu ? activate_row_grad<Gelu> : activate_row_grad<Relu>;
  for (std::int64_t r = 0; r < tile.rows; ++r)
    run(m, product + r * stride, m.b1 + first, n, (tile.row + r) * m.d_hidden + first, h + r * kHiddenStride,
        d + r * kHiddenStride, dbias + first);
}

/// Where the product of a tile and n hidden units from `first` on lies, and the distance of its rows: in m.product if
/// there is one, else in `buffer`.
struct Product {
  float* data;
  std::int64_t stride;
  Product(const Mlp& m, Tile tile, std::int64_t first, std::int64_t n, float* buffer)
      : data(m.product ? m.product + tile.row * m.d_hidden + tile.rows * first : buffer),
        stride(m.product ? n : kHiddenStride) {}
};

/// The input of the first product: the rows themselves or their norms in `buffer`.
const float* normalise(const Mlp& m, Tile tile, float* buffer, float* inverse) {
  if (!m.norm_weight) return m.x + tile.row * m.d_in;
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    const float scale = rms_row(m.x + (tile.row + r) * m.d_in, m.norm_weight, m.d_in, m.eps, buffer + r * m.d_in);
    if (inverse) inverse[r] = scale;
  }
  return buffer;
}

void finish_row(const Mlp& m, std::int64_t row, float* y) {
  for_lanes(m.d_out, [&](auto tag, std::int64_t j) HWY_ATTR {
    auto value = hn::Add(hn::LoadU(tag, y + j), hn::LoadU(tag, m.b2 + j));
    if (m.output_dropout.drops()) value = hn::Mul(value, dropout_factors(tag, m.output_dropout, row * m.d_out + j));
    if (m.residual) value = hn::Add(value, hn::LoadU(tag, m.x + row * m.d_in + j));
    hn::StoreU(value, tag, y + j);
  });
}

void forward_tile(const Mlp& m, Tile tile, const float* panels, float* y, float* scratch) {
  const auto tiling = tiling_of(m);
  const float *w1 = panels, *w2 = panels + in_panels(m.d_hidden) * m.d_in;
  float* h = scratch + tiling.tile * whole(m.d_in);
  const float* input = normalise(m, tile, scratch, nullptr);
  for (std::int64_t first = 0; first < m.d_hidden; first += kHidden) {
    const auto n = std::min(kHidden, m.d_hidden - first);
    tile.for_steps(tiling.step, [&](Tile step, std::int64_t at) HWY_ATTR {
      const Product z(m, step, first, n, h);
      product(step.rows, n, m.d_in, rows_of(input + at * m.d_in, m.d_in), w1 + first * m.d_in, kPanel * m.d_in, false,
              z.data, z.stride);
      activate(m, step, first, n, z.data, z.stride, h);
      product(step.rows, m.d_out, n, rows_of(h, kHiddenStride), w2 + first * kPanel, kPanel * m.d_hidden, first > 0,
              y + step.row * m.d_out, m.d_out);
    });
  }
  for (auto row = tile.row; row < tile.row + tile.rows; ++row) finish_row(m, row, y + row * m.d_out);
}

void mlp_all(const Mlp& m, float* y, float* workspace) {
  const auto rows = tiling_of(m).tile;
  float* scratch = pack_weight(columns_of(m.w1, m.d_in), m.d_in, m.d_hidden, workspace);
  scratch = pack_weight(columns_of(m.w2, m.d_hidden), m.d_hidden, m.d_out, scratch);
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t row = 0; row < m.rows; row += rows)
    forward_tile(m, {row, std::min(rows, m.rows - row)}, workspace, y,
                 scratch + omp_get_thread_num() * forward_scratch(m));
}

/// Gradients of the sums over rows, as they lie in one part.
struct Sums {
  float *dnorm, *dw1, *db1, *dw2, *db2;  // dw2 is transposed: [d_hidden, d_out]
  Sums(const Mlp& m, float* at)
      : dnorm(at),
        dw1(dnorm + whole(m.d_in)),
        db1(dw1 + whole(m.d_hidden * m.d_in)),
        dw2(db1 + whole(m.d_hidden)),
        db2(dw2 + whole(m.d_out * m.d_hidden)) {}
};

/// The gradient before the output dropout, in `buffer` where there is one.
const float* through_output_dropout(const Mlp& m, const float* dy, Tile tile, float* buffer) {
  const auto begin = tile.row * m.d_out;
  if (!m.output_dropout.drops()) return dy + begin;
  for_lanes(tile.rows * m.d_out, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto at = begin + i;
    hn::StoreU(hn::Mul(hn::LoadU(tag, dy + at), dropout_factors(tag, m.output_dropout, at)), tag, buffer + i);
  });
  return buffer;
}

/// Weights in panels, as the backward pass needs them.
struct BackwardPanels {
  const float *w2, *w1, *w1_transposed;
  BackwardPanels(const Mlp& m, const float* at)
      : w2(at), w1(w2 + in_panels(m.d_hidden) * m.d_out), w1_transposed(w1 + in_panels(m.d_in) * m.d_hidden) {}
};

void backward_tile(const Mlp& m, const MlpGrad& g, Tile tile, const BackwardPanels& w, bool accumulate, const Sums& to,
                   float* scratch) {
  const auto tiling = tiling_of(m);
  float* dinput = scratch + tiling.tile * whole(m.d_in);
  float* dout_buffer = dinput + tiling.tile * whole(m.d_in);
  float* input_buffer = dout_buffer + tiling.tile * whole(m.d_out);
  float* panel_buffer = input_buffer + tiling.tile * in_panels(m.d_in);
  float* inverse = panel_buffer + tiling.tile * in_panels(m.d_out);
  float* h = inverse + tiling.tile * 16;
  float* dh = h + tiling.step * kHiddenStride;

  const float* input = normalise(m, tile, scratch, inverse);
  const float* dout = through_output_dropout(m, g.dy, tile, dout_buffer);
  const float* input_panels = tile_panels(input, tile, tiling.step, m.d_in, input_buffer);
  const float* dout_panels = tile_panels(dout, tile, tiling.step, m.d_out, panel_buffer);
  if (!m.norm_weight) dinput = g.dx + tile.row * m.d_in;
  add_column_sums(dout, tile.rows, m.d_out, m.d_out, to.db2);
  for (std::int64_t first = 0; first < m.d_hidden; first += kHidden) {
    const auto n = std::min(kHidden, m.d_hidden - first);
    tile.for_steps(tiling.step, [&](Tile step, std::int64_t at) HWY_ATTR {
      const auto rows = step.rows;
      const Product z(m, step, first, n, h);
      if (!m.product)
        product(rows, n, m.d_in, rows_of(input + at * m.d_in, m.d_in), w.w1_transposed + first * m.d_in,
                kPanel * m.d_in, false, z.data, z.stride);
      product(rows, n, m.d_out, rows_of(dout + at * m.d_out, m.d_out), w.w2 + first * m.d_out, kPanel * m.d_out, false,
              dh, kHiddenStride);
      activate_grad(m, step, first, n, z.data, z.stride, h, dh, to.db1);
      product(n, m.d_out, rows, columns_of(h, kHiddenStride), dout_panels + at * in_panels(m.d_out), kPanel * rows,
              accumulate || at > 0, to.dw2 + first * m.d_out, m.d_out);
      product(n, m.d_in, rows, columns_of(dh, kHiddenStride), input_panels + at * in_panels(m.d_in), kPanel * rows,
              accumulate || at > 0, to.dw1 + first * m.d_in, m.d_in);
      product(rows, m.d_in, n, rows_of(dh, kHiddenStride), w.w1 + first * kPanel, kPanel * m.d_hidden, first > 0,
              dinput + at * m.d_in, m.d_in);
    });
  }
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    const auto at = (tile.row + r) * m.d_in;
    const float* base = m.residual ? g.dy + at : nullptr;
    if (m.norm_weight)
      rms_row_grad(m.x + at, m.norm_weight, inverse[r], dinput + r * m.d_in, m.d_in, base, g.dx + at, to.dnorm);
    else if (base)
      add_scaled(1, base, g.dx + at, m.d_in);
  }
}

void mlp_grad_all(const Mlp& m, const MlpGrad& g, float* workspace) {
  const auto tiling = tiling_of(m);
  const auto rows = tiling.tile, tiles = tiling.count, parts = parts_of(m), size = sums_of(m);
  const BackwardPanels panels(m, workspace);
  float* sums = pack_weight(rows_of(m.w2, m.d_hidden), m.d_out, m.d_hidden, workspace);
  sums = pack_weight(rows_of(m.w1, m.d_in), m.d_hidden, m.d_in, sums);
  if (!m.product) sums = pack_weight(columns_of(m.w1, m.d_in), m.d_in, m.d_hidden, sums);
  float* scratch = sums + parts * size;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    const Sums to(m, sums + part * size);
    std::fill_n(to.dnorm, m.d_in, 0.0f);
    std::fill_n(to.db1, m.d_hidden, 0.0f);
    std::fill_n(to.db2, m.d_out, 0.0f);
    const auto begin = part * tiles / parts, end = (part + 1) * tiles / parts;
    for (auto tile = begin; tile < end; ++tile)
      backward_tile(m, g, {tile * rows, std::min(rows, m.rows - tile * rows)}, panels, tile > begin, to,
                    scratch + omp_get_thread_num() * backward_scratch(m));
  }
  const Sums first(m, sums);
  const auto reduce = [&](float* from, float* to, std::int64_t n) { reduce_parts(from, parts, size, n, to); };
  if (g.dnorm_weight) reduce(first.dnorm, g.dnorm_weight, m.d_in);
  reduce(first.dw1, g.dw1, m.d_hidden * m.d_in);
  reduce(first.db1, g.db1, m.d_hidden);
  reduce(first.dw2, first.dw2, m.d_out * m.d_hidden);
  reduce(first.db2, g.db2, m.d_out);
  transpose(first.dw2, m.d_hidden, m.d_out, g.dw2);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(mlp_all);
HWY_EXPORT(mlp_grad_all);

std::int64_t mlp_workspace(const Mlp& m) { return forward_panels(m) + omp_get_max_threads() * forward_scratch(m); }
std::int64_t mlp_grad_workspace(const Mlp& m) {
  return backward_panels(m) + parts_of(m) * sums_of(m) + omp_get_max_threads() * backward_scratch(m);
}

void mlp(const Mlp& m, float* y, float* workspace) { HWY_DYNAMIC_DISPATCH(mlp_all)(m, y, workspace); }
void mlp_grad(const Mlp& m, const MlpGrad& g, float* workspace) { HWY_DYNAMIC_DISPATCH(mlp_grad_all)(m, g, workspace); }

}  // namespace longwave::kernels
#endif
