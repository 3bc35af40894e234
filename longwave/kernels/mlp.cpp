#include "longwave/kernels/mlp.h"

#include <omp.h>

#include <algorithm>
#include <bit>

#include "longwave/kernels/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/mlp.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/activation-inl.h"
#include "longwave/kernels/dropout-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/rms-inl.h"

#ifndef LONGWAVE_KERNELS_MLP_SHAPE
#define LONGWAVE_KERNELS_MLP_SHAPE
namespace longwave::kernels {
namespace {

// A tile of kRows x kHidden hidden values is 256 KiB: three of them stay in L2, and the product, which packs the
// weights of a block again for every tile, spends little time on that.
constexpr std::int64_t kRows = 256, kHidden = 256;

std::int64_t tiles_of(const Mlp& m) { return (m.rows + kRows - 1) / kRows; }
std::int64_t hidden_of(const Mlp& m) { return std::min(kHidden, m.d_hidden); }

/// Floats of all gradients that are sums over rows: norm weight, w1, b1, w2, b2, in this order.
std::int64_t sums_of(const Mlp& m) { return m.d_in + m.d_hidden * (m.d_in + 1 + m.d_out) + m.d_out; }

/// How many partial sums over rows: bounded in number and in memory (32 MiB), at least two so that two cores work, and
/// a power of two so that they share the work evenly.
std::int64_t parts_of(const Mlp& m) {
  const auto bound = std::bit_floor<std::uint64_t>(std::clamp<std::int64_t>((8 << 20) / sums_of(m), 2, 16));
  return std::min(tiles_of(m), static_cast<std::int64_t>(bound));
}

/// Scratch of one thread: normalised rows, output rows, gradient of the normalised rows, three hidden tiles, 1 / rms.
std::int64_t forward_scratch(const Mlp& m) { return kRows * (m.d_in + hidden_of(m)); }
std::int64_t backward_scratch(const Mlp& m) { return kRows * (2 * m.d_in + m.d_out + 3 * hidden_of(m) + 1); }

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// h = drop(act(product + bias)), in place or not; with `slope` also the derivative with respect to the sum.
template <class Act, bool kSlope>
HWY_INLINE void activate_row(const Mlp& m, const float* product, const float* bias, std::int64_t n, std::int64_t index,
                             float* h, float* slope) {
  const bool drops = m.hidden_dropout.drops(), before = m.place == DropoutPlace::before_activation;
  for_lanes(n, [&](auto tag, std::int64_t j) HWY_ATTR {
    auto z = hn::Add(hn::LoadU(tag, product + j), hn::LoadU(tag, bias + j));
    const auto factor = drops ? dropout_factors(tag, m.hidden_dropout, index + j) : hn::Set(tag, 1.0f);
    if (before) z = hn::Mul(z, factor);
    const auto [value, derivative] = Act::both(tag, z);
    hn::StoreU(before ? value : hn::Mul(value, factor), tag, h + j);
    if constexpr (kSlope) hn::StoreU(hn::Mul(derivative, factor), tag, slope + j);
  });
}

template <bool kSlope>
void activate(const Mlp& m, const float* product, std::int64_t row, std::int64_t rows, std::int64_t first,
              std::int64_t n, float* h, float* slope) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto index = (row + r) * m.d_hidden + first;
    float* s = kSlope ? slope + r * n : nullptr;
    if (m.activation == Activation::gelu)
      activate_row<Gelu, kSlope>(m, product + r * n, m.b1 + first, n, index, h + r * n, s);
    else
      activate_row<Relu, kSlope>(m, product + r * n, m.b1 + first, n, index, h + r * n, s);
  }
}

/// Where the product of a tile and a block of hidden units lies: in m.product if there is one, else in `buffer`.
float* product_of(const Mlp& m, std::int64_t row, std::int64_t rows, std::int64_t first, float* buffer) {
  return m.product ? m.product + row * m.d_hidden + rows * first : buffer;
}

/// The input of the first product: the rows themselves or their norms in `buffer`.
const float* normalise(const Mlp& m, std::int64_t row, std::int64_t rows, float* buffer, float* inverse) {
  if (!m.norm_weight) return m.x + row * m.d_in;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float scale = rms_row(m.x + (row + r) * m.d_in, m.norm_weight, m.d_in, m.eps, buffer + r * m.d_in);
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

void forward_tile(const Mlp& m, std::int64_t row, std::int64_t rows, float* y, float* scratch) {
  float* h = scratch + kRows * m.d_in;
  const float* input = normalise(m, row, rows, scratch, nullptr);
  for (std::int64_t first = 0; first < m.d_hidden; first += kHidden) {
    const auto n = std::min(kHidden, m.d_hidden - first);
    float* product = product_of(m, row, rows, first, h);
    gemm(rows, n, m.d_in, {input, m.d_in}, {m.w1 + first * m.d_in, m.d_in, true}, false, product, n);
    activate<false>(m, product, row, rows, first, n, h, nullptr);
    gemm(rows, m.d_out, n, {h, n}, {m.w2 + first, m.d_hidden, true}, first > 0, y + row * m.d_out, m.d_out);
  }
  for (std::int64_t r = row; r < row + rows; ++r) finish_row(m, r, y + r * m.d_out);
}

void mlp_all(const Mlp& m, float* y, float* workspace) {
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t tile = 0; tile < tiles_of(m); ++tile) {
    const auto row = tile * kRows;
    forward_tile(m, row, std::min(kRows, m.rows - row), y, workspace + omp_get_thread_num() * forward_scratch(m));
  }
}

/// Gradients of the sums over rows, as they lie in one part.
struct Sums {
  float *dnorm, *dw1, *db1, *dw2, *db2;
  Sums(const Mlp& m, float* at)
      : dnorm(at),
        dw1(dnorm + m.d_in),
        db1(dw1 + m.d_hidden * m.d_in),
        dw2(db1 + m.d_hidden),
        db2(dw2 + m.d_out * m.d_hidden) {}
};

/// The gradient before the output dropout, in `buffer` where there is one.
const float* through_output_dropout(const Mlp& m, const float* dy, std::int64_t row, std::int64_t rows, float* buffer) {
  if (!m.output_dropout.drops()) return dy + row * m.d_out;
  for_lanes(rows * m.d_out, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto at = row * m.d_out + i;
    hn::StoreU(hn::Mul(hn::LoadU(tag, dy + at), dropout_factors(tag, m.output_dropout, at)), tag, buffer + i);
  });
  return buffer;
}

void multiply(const float* x, float* y, std::int64_t n) {
  for_lanes(n, [&](auto tag, std::int64_t i)
                   HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), hn::LoadU(tag, y + i)), tag, y + i); });
}

void backward_tile(const Mlp& m, const MlpGrad& g, std::int64_t row, std::int64_t rows, bool accumulate, const Sums& to,
                   float* scratch) {
  float* dinput = scratch + kRows * m.d_in;
  float* dout_buffer = dinput + kRows * m.d_in;
  float* h = dout_buffer + kRows * m.d_out;
  float* slope = h + kRows * hidden_of(m);
  float* dh = slope + kRows * hidden_of(m);
  float* inverse = dh + kRows * hidden_of(m);

  const float* input = normalise(m, row, rows, scratch, inverse);
  const float* dout = through_output_dropout(m, g.dy, row, rows, dout_buffer);
  if (!m.norm_weight) dinput = g.dx + row * m.d_in;
  add_column_sums(dout, rows, m.d_out, m.d_out, to.db2);
  for (std::int64_t first = 0; first < m.d_hidden; first += kHidden) {
    const auto n = std::min(kHidden, m.d_hidden - first);
    const Matrix w1{m.w1 + first * m.d_in, m.d_in}, w2{m.w2 + first, m.d_hidden};
    float* product = product_of(m, row, rows, first, h);
    if (!m.product) gemm(rows, n, m.d_in, {input, m.d_in}, {w1.data, w1.stride, true}, false, product, n);
    activate<true>(m, product, row, rows, first, n, h, slope);
    gemm(m.d_out, n, rows, {dout, m.d_out, true}, {h, n}, accumulate, to.dw2 + first, m.d_hidden);
    gemm(rows, n, m.d_out, {dout, m.d_out}, w2, false, dh, n);
    multiply(slope, dh, rows * n);
    add_column_sums(dh, rows, n, n, to.db1 + first);
    gemm(n, m.d_in, rows, {dh, n, true}, {input, m.d_in}, accumulate, to.dw1 + first * m.d_in, m.d_in);
    gemm(rows, m.d_in, n, {dh, n}, w1, first > 0, dinput, m.d_in);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto at = (row + r) * m.d_in;
    const float* base = m.residual ? g.dy + at : nullptr;
    if (m.norm_weight)
      rms_row_grad(m.x + at, m.norm_weight, inverse[r], dinput + r * m.d_in, m.d_in, base, g.dx + at, to.dnorm);
    else if (base)
      add_scaled(1, base, g.dx + at, m.d_in);
  }
}

void mlp_grad_all(const Mlp& m, const MlpGrad& g, float* workspace) {
  const auto tiles = tiles_of(m), parts = parts_of(m), size = sums_of(m);
  float* scratch = workspace + parts * size;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    const Sums sums(m, workspace + part * size);
    std::fill_n(sums.dnorm, m.d_in, 0.0f);
    std::fill_n(sums.db1, m.d_hidden, 0.0f);
    std::fill_n(sums.db2, m.d_out, 0.0f);
    const auto begin = part * tiles / parts, end = (part + 1) * tiles / parts;
    for (auto tile = begin; tile < end; ++tile) {
      const auto row = tile * kRows;
      backward_tile(m, g, row, std::min(kRows, m.rows - row), tile > begin, sums,
                    scratch + omp_get_thread_num() * backward_scratch(m));
    }
  }
  const Sums first(m, workspace);
  const auto reduce = [&](const float* from, float* to, std::int64_t n) {
    constexpr std::int64_t kBlock = 1 << 13;
#pragma omp parallel for schedule(static) if (n > kBlock)
    for (std::int64_t at = 0; at < n; at += kBlock) {
      const auto count = std::min(kBlock, n - at);
      std::copy_n(from + at, count, to + at);
      for (std::int64_t part = 1; part < parts; ++part) add_scaled(1, from + part * size + at, to + at, count);
    }
  };
  if (g.dnorm_weight) reduce(first.dnorm, g.dnorm_weight, m.d_in);
  reduce(first.dw1, g.dw1, m.d_hidden * m.d_in);
  reduce(first.db1, g.db1, m.d_hidden);
  reduce(first.dw2, g.dw2, m.d_out * m.d_hidden);
  reduce(first.db2, g.db2, m.d_out);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(mlp_all);
HWY_EXPORT(mlp_grad_all);

std::int64_t mlp_workspace(const Mlp& m) { return omp_get_max_threads() * forward_scratch(m); }
std::int64_t mlp_grad_workspace(const Mlp& m) {
  return parts_of(m) * sums_of(m) + omp_get_max_threads() * backward_scratch(m);
}

void mlp(const Mlp& m, float* y, float* workspace) { HWY_DYNAMIC_DISPATCH(mlp_all)(m, y, workspace); }
void mlp_grad(const Mlp& m, const MlpGrad& g, float* workspace) { HWY_DYNAMIC_DISPATCH(mlp_grad_all)(m, g, workspace); }

}  // namespace longwave::kernels
#endif
