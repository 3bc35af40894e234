#include "longwave/kernels/vandermonde.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <complex>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/vandermonde.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/tile_product-inl.h"

#ifndef LONGWAVE_KERNELS_VANDERMONDE_LEVELS
#define LONGWAVE_KERNELS_VANDERMONDE_LEVELS
namespace longwave::kernels {
namespace {

/// Steps j of the inner level, a multiple of 16 near sqrt(t); those of the outer one; whole rows of inner steps.
struct Levels {
  explicit Levels(std::int64_t t)
      : inner(16 * std::max<std::int64_t>(1, std::llround(std::sqrt(static_cast<double>(t)) / 16))),
        outer((t + inner - 1) / inner),
        whole(t / inner),
        rest(t % inner) {}
  std::int64_t inner, outer, whole, rest;
};

/// exp(x[n] step i), i = 0 .. count - 1, handed to `put` as (n, i, re, im); by multiplication in double.
template <class Put>
void exponentials(const float* x, std::int64_t states, std::int64_t step, std::int64_t count, const Put& put) {
  for (std::int64_t n = 0; n < states; ++n) {
    const double size = std::exp(static_cast<double>(x[2 * n]) * static_cast<double>(step));
    const double phase = static_cast<double>(x[2 * n + 1]) * static_cast<double>(step);
    const double wr = size * std::cos(phase), wi = size * std::sin(phase);
    double re = 1, im = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      put(n, i, static_cast<float>(re), static_cast<float>(im));
      const double next = re * wr - im * wi;
      im = re * wi + im * wr;
      re = next;
    }
  }
}

std::int64_t whole_vectors(std::int64_t n) { return (n + 15) / 16 * 16; }

/// Scratch of one thread.
struct Scratch {
  Scratch(float* at, std::int64_t n, const Levels& l)
      : width(whole_vectors(4 * n)),
        fine(at),
        coarse(fine + std::max(2 * n * l.inner, width * l.inner)),
        rows(coarse + whole_vectors(2 * n * l.outer)),
        last(rows + l.outer * std::max(2 * n, width)) {}
  std::int64_t width;
  float* fine;    // exponentials of inner steps: forward [2n, inner], backward [inner, width]
  float* coarse;  // of outer steps: [outer, n, 2]
  float* rows;    // of the matrix product: forward [outer, 2n], backward [outer, width]
  float* last;    // [inner]: the last row of a result that does not fill it
};

std::int64_t scratch_size(std::int64_t n, std::int64_t t) {
  const Levels l(t);
  const auto width = std::max(2 * n, whole_vectors(4 * n));
  return whole_vectors(width * (l.inner + l.outer) + whole_vectors(2 * n * l.outer) + l.inner);
}

void outer_exponentials(const float* x, std::int64_t n, const Levels& l, float* coarse) {
  exponentials(x, n, l.inner, l.outer, [&](std::int64_t state, std::int64_t i, float re, float im) {
    coarse[2 * (i * n + state)] = re;
    coarse[2 * (i * n + state) + 1] = im;
  });
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// c [rows, columns] = a [rows, depth] b [depth, columns], columns a multiple of 16; rows of a are a_row apart, those
/// of b and c as long as they are.
void product(std::int64_t rows, std::int64_t columns, std::int64_t depth, const float* a, std::int64_t a_row,
             const float* b, float* c) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  for (std::int64_t column = 0; column < columns; column += 4 * lanes)
    tile_product({.rows = rows,
                  .depth = depth,
                  .a = a,
                  .a_row = a_row,
                  .a_step = 1,
                  .b = b + column,
                  .b_step = columns,
                  .b_vector = lanes,
                  .c = c + column,
                  .c_row = columns,
                  .accumulate = false},
                 std::min<std::int64_t>(4, (columns - column) / lanes));
}

void forward(const Vandermonde& p, const Levels& l, std::int64_t h, std::int64_t first, std::int64_t end,
             float* memory) {
  const Scratch s(memory, p.n, l);
  const auto* x = p.x + 2 * h * p.n;
  exponentials(x, p.n, 1, l.inner, [&](std::int64_t n, std::int64_t j, float re, float im) {
    s.fine[2 * n * l.inner + j] = 2 * re;
    s.fine[(2 * n + 1) * l.inner + j] = -2 * im;
  });
  outer_exponentials(x, p.n, l, s.coarse);
  for (auto r = first; r < end; ++r) {
    const auto* v = p.v + 2 * (r * p.h + h) * p.n;
    for (std::int64_t i = 0; i < l.outer; ++i)
      for (std::int64_t n = 0; n < p.n; ++n) {
        const float er = s.coarse[2 * (i * p.n + n)], ei = s.coarse[2 * (i * p.n + n) + 1];
        s.rows[2 * (i * p.n + n)] = v[2 * n] * er - v[2 * n + 1] * ei;
        s.rows[2 * (i * p.n + n) + 1] = v[2 * n] * ei + v[2 * n + 1] * er;
      }
    auto* k = p.k + (r * p.h + h) * p.t;
    product(l.whole, l.inner, 2 * p.n, s.rows, 2 * p.n, s.fine, k);
    if (l.rest == 0) continue;
    product(1, l.inner, 2 * p.n, s.rows + l.whole * 2 * p.n, 2 * p.n, s.fine, s.last);
    std::copy_n(s.last, l.rest, k + l.whole * l.inner);
  }
}

/// With S = sum of g exp(conj(x) l) and S' the same with the factor l: dv = 2 S, dx = 2 conj(v) S'. The matrix product
/// gives the sums over inner steps, without and with the factor j; the rest is added in double.
void backward(const VandermondeGrad& p, const Levels& l, std::int64_t h, std::int64_t part, std::int64_t first,
              std::int64_t end, float* memory) {
  using Number = std::complex<double>;
  const Scratch s(memory, p.n, l);
  const auto* x = p.x + 2 * h * p.n;
  const auto width = s.width;
  if (width > 4 * p.n) std::fill_n(s.fine, l.inner * width, 0.0f);
  exponentials(x, p.n, 1, l.inner, [&](std::int64_t n, std::int64_t j, float re, float im) {
    auto* row = s.fine + j * width + 4 * n;
    row[0] = re, row[1] = im, row[2] = static_cast<float>(j) * re, row[3] = static_cast<float>(j) * im;
  });
  outer_exponentials(x, p.n, l, s.coarse);
  auto* dx = p.dx + 2 * (part * p.h + h) * p.n;
  std::fill_n(dx, 2 * p.n, 0.0f);
  for (auto r = first; r < end; ++r) {
    const auto* g = p.dk + (r * p.h + h) * p.t;
    product(l.whole, width, l.inner, g, l.inner, s.fine, s.rows);
    if (l.rest > 0) product(1, width, l.rest, g + l.whole * l.inner, l.inner, s.fine, s.rows + l.whole * width);
    for (std::int64_t n = 0; n < p.n; ++n) {
      Number sum = 0, weighted = 0;
      for (std::int64_t i = 0; i < l.outer; ++i) {
        const auto* row = s.rows + i * width + 4 * n;
        const double er = s.coarse[2 * (i * p.n + n)], ei = -s.coarse[2 * (i * p.n + n) + 1];
        const double steps = static_cast<double>(i * l.inner);
        const double ar = row[0], ai = -row[1], br = row[2] + steps * ar, bi = -row[3] + steps * ai;
        sum += Number(er * ar - ei * ai, er * ai + ei * ar);
        weighted += Number(er * br - ei * bi, er * bi + ei * br);
      }
      const auto at = 2 * ((r * p.h + h) * p.n + n);
      const auto pole = 2.0 * std::conj(Number(p.v[at], p.v[at + 1])) * weighted;
      p.dv[at] = static_cast<float>(2 * sum.real());
      p.dv[at + 1] = static_cast<float>(2 * sum.imag());
      dx[2 * n] += static_cast<float>(pole.real());
      dx[2 * n + 1] += static_cast<float>(pole.imag());
    }
  }
}

/// body(h, part, first row, last row, thread's memory) for every feature and part of the rows.
template <class Body>
void for_parts(std::int64_t r, std::int64_t h, std::int64_t parts, std::int64_t size, float* workspace,
               const Body& body) {
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
  for (std::int64_t feature = 0; feature < h; ++feature)
    for (std::int64_t part = 0; part < parts; ++part)
      body(feature, part, r * part / parts, r * (part + 1) / parts, workspace + omp_get_thread_num() * size);
}

void vandermonde_all(const Vandermonde& p, std::int64_t size, float* workspace) {
  const Levels l(p.t);
  for_parts(p.r, p.h, vandermonde_parts(p.r, p.h), size, workspace,
            [&](std::int64_t h, std::int64_t, std::int64_t first, std::int64_t end, float* memory) {
              forward(p, l, h, first, end, memory);
            });
}

void vandermonde_grad_all(const VandermondeGrad& p, std::int64_t size, float* workspace) {
  const Levels l(p.t);
  for_parts(p.r, p.h, p.parts, size, workspace,
            [&](std::int64_t h, std::int64_t part, std::int64_t first, std::int64_t end, float* memory) {
              backward(p, l, h, part, first, end, memory);
            });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(vandermonde_all);
HWY_EXPORT(vandermonde_grad_all);

std::int64_t vandermonde_parts(std::int64_t r, std::int64_t h) {
  constexpr std::int64_t kItems = 8;  // pieces of work worth having
  return std::max<std::int64_t>(1, std::min(r, (kItems + h - 1) / h));
}

std::int64_t vandermonde_workspace(std::int64_t n, std::int64_t t) {
  return omp_get_max_threads() * scratch_size(n, t);
}

void vandermonde(const Vandermonde& p, float* workspace) {
  HWY_DYNAMIC_DISPATCH(vandermonde_all)(p, scratch_size(p.n, p.t), workspace);
}
void vandermonde_grad(const VandermondeGrad& p, float* workspace) {
  HWY_DYNAMIC_DISPATCH(vandermonde_grad_all)(p, scratch_size(p.n, p.t), workspace);
}

}  // namespace longwave::kernels
#endif
