#include "longwave/kernels/arx_tokens.h"

#include <omp.h>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/arx_tokens.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/dropout-inl.h"
#include "longwave/kernels/lanes-inl.h"
#include "longwave/kernels/panels-inl.h"
#include "longwave/kernels/parts-inl.h"
#include "longwave/kernels/rms-inl.h"

#ifndef LONGWAVE_KERNELS_ARX_TOKENS_SHAPE
#define LONGWAVE_KERNELS_ARX_TOKENS_SHAPE
namespace longwave::kernels {
namespace {

/// Sums over windows, as they lie in one part.
struct ArxSums {
  float *main_weight, *exo_weight, *main_bias, *exo_bias, *main_norm, *exo_norm, *norm, *mix_weight, *mix_bias,
      *positions;
  ArxSums(const ArxTokens& a, float* at)
      : main_weight(at),
        exo_weight(main_weight + whole(a.d * a.s)),
        main_bias(exo_weight + whole(a.d * a.s)),
        exo_bias(main_bias + whole(a.d)),
        main_norm(exo_bias + whole(a.d)),
        exo_norm(main_norm + whole(a.d)),
        norm(exo_norm + whole(a.d)),
        mix_weight(norm + whole(a.d)),
        mix_bias(mix_weight + whole(a.j * a.c)),
        positions(mix_bias + whole(a.j)) {}
};
std::int64_t sums_of(const ArxTokens& a) {
  return 2 * whole(a.d * a.s) + 5 * whole(a.d) + whole(a.j * a.c) + whole(a.j) + whole(a.j * 2 * a.n * a.d);
}
std::int64_t parts_of(const ArxTokens& a) {
  return std::min(a.b, std::clamp<std::int64_t>((8 << 20) / sums_of(a), 2, 16));
}

/// Weights in panels: main_weight', exo_weight'; backward also exo_weight.
std::int64_t forward_panels(const ArxTokens& a) { return 2 * in_panels(a.d) * a.s; }
std::int64_t backward_panels(const ArxTokens& a) { return forward_panels(a) + in_panels(a.s) * a.d; }

/// Scratch of one thread: one window.
struct ArxScratch {
  float *mixed, *main, *exo, *dmixed, *row, *channels, *segments;
  ArxScratch(const ArxTokens& a, float* at)
      : mixed(at),
        main(mixed + whole(a.j * a.n * a.s)),
        exo(main + whole(a.j * a.n * a.d)),
        dmixed(exo + whole(a.j * a.n * a.d)),
        row(dmixed + whole(a.j * a.n * a.s)),
        channels(row + 2 * whole(a.d)),
        segments(channels + in_panels(a.n * a.s) * a.c) {}
};
std::int64_t scratch_of(const ArxTokens& a) {
  return 2 * whole(a.j * a.n * a.s) + 2 * whole(a.j * a.n * a.d) + 2 * whole(a.d) + whole(in_panels(a.n * a.s) * a.c) +
         whole(in_panels(a.s) * a.j * a.n);
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// One window.
struct ArxWindow {
  const ArxTokens& a;
  const float *main_panels, *exo_panels, *exo_back;
  const ArxScratch s;
  std::int64_t window, rows;
  const float *z, *targets;

  ArxWindow(const ArxTokens& tokens, const float* panels, std::int64_t window_, float* scratch)
      : a(tokens),
        main_panels(panels),
        exo_panels(main_panels + in_panels(a.d) * a.s),
        exo_back(exo_panels + in_panels(a.d) * a.s),
        s(a, scratch),
        window(window_),
        rows(a.j * a.n),
        z(a.z + window * a.c * a.n * a.s),
        targets(z + (a.c - a.j) * a.n * a.s) {}

  /// mixed [j, n, s], and main and exo [j n, d] before their norms.
  void compute() const {
    const auto steps = a.n * a.s;
    pack_panels(rows_of(z, steps), a.c, steps, 0, in_panels(steps) / kPanel, s.channels);
    product(a.j, steps, a.c, rows_of(a.mix_weight, a.c), s.channels, kPanel * a.c, false, s.mixed, steps);
    for (std::int64_t j = 0; j < a.j; ++j)
      for_lanes(steps, [&](auto tag, std::int64_t i) HWY_ATTR {
        float* at = s.mixed + j * steps + i;
        hn::StoreU(hn::Add(hn::LoadU(tag, at), hn::Set(tag, a.mix_bias[j])), tag, at);
      });
    product(rows, a.d, a.s, rows_of(targets, a.s), main_panels, kPanel * a.s, false, s.main, a.d);
    product(rows, a.d, a.s, rows_of(s.mixed, a.s), exo_panels, kPanel * a.s, false, s.exo, a.d);
    for (std::int64_t row = 0; row < rows; ++row) {
      add_scaled(1, a.main_bias, s.main + row * a.d, a.d);
      add_scaled(1, a.exo_bias, s.exo + row * a.d, a.d);
    }
  }

  /// x times the dropout factors of a token, plus `shift` or nothing. In place.
  void drop(std::int64_t token, const float* shift, float* x) const {
    const auto index = (window * a.j * 2 * a.n + token) * a.d;
    for_lanes(a.d, [&](auto tag, std::int64_t i) HWY_ATTR {
      auto value = hn::LoadU(tag, x + i);
      if (a.dropout.drops()) value = hn::Mul(value, dropout_factors(tag, a.dropout, index + i));
      if (shift) value = hn::Add(value, hn::LoadU(tag, shift + i));
      hn::StoreU(value, tag, x + i);
    });
  }

  /// The token before its last norm, in s.row; returns 1 / rms of raw.
  float placed(std::int64_t token, const float* raw, const float* norm) const {
    const float inverse = rms_row(raw, norm, a.d, a.eps, s.row);
    drop(token, a.positions + token * a.d, s.row);
    return inverse;
  }

  void forward(float* tokens) const {
    compute();
    tokens += window * a.j * 2 * a.n * a.d;
    for (std::int64_t row = 0; row < rows; ++row) {
      placed(2 * row, s.exo + row * a.d, a.exo_norm);
      rms_row(s.row, a.norm, a.d, a.eps, tokens + 2 * row * a.d);
      placed(2 * row + 1, s.main + row * a.d, a.main_norm);
      rms_row(s.row, a.norm, a.d, a.eps, tokens + (2 * row + 1) * a.d);
    }
  }

  /// raw becomes its gradient.
  void token_grad(const float* dtokens, std::int64_t token, float* raw, const float* norm, float* dnorm,
                  const ArxSums& to) const {
    float* d = s.row + whole(a.d);
    const float raw_inverse = placed(token, raw, norm);
    const float inverse = 1 / std::sqrt(dot(s.row, s.row, a.d) / static_cast<float>(a.d) + a.eps);
    const float* dtoken = dtokens + (window * a.j * 2 * a.n + token) * a.d;
    rms_row_grad(s.row, a.norm, inverse, dtoken, a.d, nullptr, d, to.norm);
    add_scaled(1, d, to.positions + token * a.d, a.d);
    drop(token, nullptr, d);
    rms_row_grad(raw, norm, raw_inverse, d, a.d, nullptr, raw, dnorm);
  }

  /// weight += draw' x of the rows of this window.
  void weight_grad(const float* draw, const float* x, float* weight, float* bias, bool accumulate) const {
    pack_panels(rows_of(x, a.s), rows, a.s, 0, in_panels(a.s) / kPanel, s.segments);
    product(a.d, a.s, rows, columns_of(draw, a.d), s.segments, kPanel * rows, accumulate, weight, a.s);
    add_column_sums(draw, rows, a.d, a.d, bias);
  }

  void backward(const float* dtokens, const ArxSums& to, bool accumulate) const {
    compute();
    for (std::int64_t row = 0; row < rows; ++row) {
      token_grad(dtokens, 2 * row, s.exo + row * a.d, a.exo_norm, to.exo_norm, to);
      token_grad(dtokens, 2 * row + 1, s.main + row * a.d, a.main_norm, to.main_norm, to);
    }
    weight_grad(s.main, targets, to.main_weight, to.main_bias, accumulate);
    weight_grad(s.exo, s.mixed, to.exo_weight, to.exo_bias, accumulate);
    product(rows, a.s, a.d, rows_of(s.exo, a.d), exo_back, kPanel * a.d, false, s.dmixed, a.s);
    const auto steps = a.n * a.s;
    for (std::int64_t j = 0; j < a.j; ++j) {
      const float* d = s.dmixed + j * steps;
      for (std::int64_t c = 0; c < a.c; ++c) to.mix_weight[j * a.c + c] += dot(d, z + c * steps, steps);
      to.mix_bias[j] += sum(d, steps);
    }
  }
};

void arx_tokens_all(const ArxTokens& a, float* tokens, float* workspace) {
  float* scratch = pack_weight(columns_of(a.main_weight, a.s), a.s, a.d, workspace);
  scratch = pack_weight(columns_of(a.exo_weight, a.s), a.s, a.d, scratch);
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t window = 0; window < a.b; ++window)
    ArxWindow(a, workspace, window, scratch + omp_get_thread_num() * scratch_of(a)).forward(tokens);
}

void arx_tokens_grad_all(const ArxTokens& a, const ArxTokensGrad& g, float* workspace) {
  float* sums = pack_weight(columns_of(a.main_weight, a.s), a.s, a.d, workspace);
  sums = pack_weight(columns_of(a.exo_weight, a.s), a.s, a.d, sums);
  sums = pack_weight(rows_of(a.exo_weight, a.s), a.d, a.s, sums);
  const auto parts = parts_of(a), size = sums_of(a);
  float* scratch = sums + parts * size;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t part = 0; part < parts; ++part) {
    const ArxSums to(a, sums + part * size);
    std::fill(to.main_bias, sums + (part + 1) * size, 0.0f);
    const auto begin = part * a.b / parts, end = (part + 1) * a.b / parts;
    for (auto window = begin; window < end; ++window)
      ArxWindow(a, workspace, window, scratch + omp_get_thread_num() * scratch_of(a))
          .backward(g.dtokens, to, window > begin);
  }
  const ArxSums from(a, sums);
  const auto reduce = [&](float* total, float* to, std::int64_t n) { reduce_parts(total, parts, size, n, to); };
  reduce(from.main_weight, g.main_weight, a.d * a.s);
  reduce(from.exo_weight, g.exo_weight, a.d * a.s);
  reduce(from.main_bias, g.main_bias, a.d);
  reduce(from.exo_bias, g.exo_bias, a.d);
  reduce(from.main_norm, g.main_norm, a.d);
  reduce(from.exo_norm, g.exo_norm, a.d);
  reduce(from.norm, g.norm, a.d);
  reduce(from.mix_weight, g.mix_weight, a.j * a.c);
  reduce(from.mix_bias, g.mix_bias, a.j);
  reduce(from.positions, g.positions, a.j * 2 * a.n * a.d);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(arx_tokens_all);
HWY_EXPORT(arx_tokens_grad_all);

std::int64_t arx_tokens_workspace(const ArxTokens& a) {
  return forward_panels(a) + omp_get_max_threads() * scratch_of(a);
}
std::int64_t arx_tokens_grad_workspace(const ArxTokens& a) {
  return backward_panels(a) + parts_of(a) * sums_of(a) + omp_get_max_threads() * scratch_of(a);
}

void arx_tokens(const ArxTokens& a, float* tokens, float* workspace) {
  HWY_DYNAMIC_DISPATCH(arx_tokens_all)(a, tokens, workspace);
}
void arx_tokens_grad(const ArxTokens& a, const ArxTokensGrad& g, float* workspace) {
  HWY_DYNAMIC_DISPATCH(arx_tokens_grad_all)(a, g, workspace);
}

}  // namespace longwave::kernels
#endif
