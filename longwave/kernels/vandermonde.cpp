#include "longwave/kernels/vandermonde.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <complex>

#include "longwave/kernels/gemm.h"

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

/// Scratch of one thread.
struct Scratch {
  Scratch(float* at, std::int64_t n, const Levels& l)
      : fine(at), coarse(fine + 4 * n * l.inner), rows(coarse + 2 * n * l.outer) {}
  float* fine;    // exponentials of inner steps: forward [2n, inner], backward [inner, 4n]
  float* coarse;  // of outer steps: [outer, n, 2]
  float* rows;    // of the matrix product: forward [outer, 2n], backward [outer, 4n]
};

std::int64_t scratch_size(std::int64_t n, const Levels& l) {
  return (4 * n * l.inner + 2 * n * l.outer + 4 * n * l.outer + 15) / 16 * 16;
}

void outer_exponentials(const float* x, std::int64_t n, const Levels& l, float* coarse) {
  exponentials(x, n, l.inner, l.outer, [&](std::int64_t state, std::int64_t i, float re, float im) {
    coarse[2 * (i * n + state)] = re;
    coarse[2 * (i * n + state) + 1] = im;
  });
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
    const Matrix rows{s.rows, 2 * p.n}, last{s.rows + l.whole * 2 * p.n, 2 * p.n}, fine{s.fine, l.inner};
    if (l.whole > 0) gemm(l.whole, l.inner, 2 * p.n, rows, fine, false, k, l.inner);
    if (l.rest > 0) gemm(1, l.rest, 2 * p.n, last, fine, false, k + l.whole * l.inner, l.inner);
  }
}

/// With S = sum of g exp(conj(x) l) and S' the same with the factor l: dv = 2 S, dx = 2 conj(v) S'. The matrix product
/// gives the sums over inner steps, without and with the factor j; the rest is added in double.
void backward(const VandermondeGrad& p, const Levels& l, std::int64_t h, std::int64_t part, std::int64_t first,
              std::int64_t end, float* memory) {
  using Number = std::complex<double>;
  const Scratch s(memory, p.n, l);
  const auto* x = p.x + 2 * h * p.n;
  const auto width = 4 * p.n;
  exponentials(x, p.n, 1, l.inner, [&](std::int64_t n, std::int64_t j, float re, float im) {
    auto* row = s.fine + j * width + 4 * n;
    row[0] = re, row[1] = im, row[2] = static_cast<float>(j) * re, row[3] = static_cast<float>(j) * im;
  });
  outer_exponentials(x, p.n, l, s.coarse);
  auto* dx = p.dx + 2 * (part * p.h + h) * p.n;
  std::fill_n(dx, 2 * p.n, 0.0f);
  for (auto r = first; r < end; ++r) {
    const auto* g = p.dk + (r * p.h + h) * p.t;
    const Matrix fine{s.fine, width};
    if (l.whole > 0) gemm(l.whole, width, l.inner, {g, l.inner}, fine, false, s.rows, width);
    if (l.rest > 0)
      gemm(1, width, l.rest, {g + l.whole * l.inner, l.inner}, fine, false, s.rows + l.whole * width, width);
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

}  // namespace

std::int64_t vandermonde_parts(std::int64_t r, std::int64_t h) {
  constexpr std::int64_t kItems = 8;  // pieces of work worth having
  return std::max<std::int64_t>(1, std::min(r, (kItems + h - 1) / h));
}

std::int64_t vandermonde_workspace(std::int64_t n, std::int64_t t) {
  return omp_get_max_threads() * scratch_size(n, Levels(t));
}

void vandermonde(const Vandermonde& p, float* workspace) {
  const Levels l(p.t);
  for_parts(p.r, p.h, vandermonde_parts(p.r, p.h), scratch_size(p.n, l), workspace,
            [&](std::int64_t h, std::int64_t, std::int64_t first, std::int64_t end, float* memory) {
              forward(p, l, h, first, end, memory);
            });
}

void vandermonde_grad(const VandermondeGrad& p, float* workspace) {
  const Levels l(p.t);
  for_parts(p.r, p.h, p.parts, scratch_size(p.n, l), workspace,
            [&](std::int64_t h, std::int64_t part, std::int64_t first, std::int64_t end, float* memory) {
              backward(p, l, h, part, first, end, memory);
            });
}

}  // namespace longwave::kernels
