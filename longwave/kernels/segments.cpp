#include "longwave/kernels/segments.h"

#include <algorithm>
#include <cmath>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/segments.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// One series of l numbers in place: x becomes (x - mean) / deviation.
void scale_series(float* x, std::int64_t l, std::int64_t recent, float* mean, float* deviation) {
  const float centre = sum(x, l) / static_cast<float>(l);
  *mean = sum(x + l - recent, recent) / static_cast<float>(recent);
  for_lanes(l, [&](auto tag, std::int64_t i)
                   HWY_ATTR { hn::StoreU(hn::Sub(hn::LoadU(tag, x + i), hn::Set(tag, centre)), tag, x + i); });
  *deviation = std::sqrt(dot(x, x, l) / static_cast<float>(l - 1)) + 1e-8f;
  const float shift = centre - *mean;
  for_lanes(l, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto value = hn::Add(hn::LoadU(tag, x + i), hn::Set(tag, shift));
    hn::StoreU(hn::Div(value, hn::Set(tag, *deviation)), tag, x + i);
  });
}

void scale_segments_all(const Segments& x, float* z, float* mean, float* deviation) {
  const auto length = x.n * x.s, padding = length - x.l, recent = std::min(x.s, x.l);
#pragma omp parallel for schedule(static)
  for (std::int64_t window = 0; window < x.b; ++window) {
    constexpr std::int64_t kBlock = 16;  // steps that are transposed at once
    const float* from = x.x + window * x.l * x.c;
    float* to = z + window * x.c * length;
    for (std::int64_t first = 0; first < x.l; first += kBlock)
      for (std::int64_t c = 0; c < x.c; ++c)
        for (auto i = first; i < std::min(x.l, first + kBlock); ++i) to[c * length + padding + i] = from[i * x.c + c];
    for (std::int64_t c = 0; c < x.c; ++c) {
      std::fill_n(to + c * length, padding, 0.0f);
      const auto at = window * x.c + c;
      scale_series(to + c * length + padding, x.l, recent, mean + at, deviation + at);
    }
  }
}

/// Sum of squared errors of one window; its forecasts.
double next_window(const NextSegments& f, std::int64_t window, float* forecast) {
  const auto known = (f.n - 1) * f.s;
  double error = 0;
  for (std::int64_t j = 0; j < f.j; ++j) {
    const auto channel = window * f.c + f.c - f.j + j;
    const float* next = f.next + (window * f.j + j) * f.n * f.s;
    const float* truth = f.z + channel * f.n * f.s + f.s;
    error += squared_distance(next, truth, known);
    for (std::int64_t i = 0; i < f.s; ++i)
      forecast[(window * f.s + i) * f.j + j] = next[known + i] * f.deviation[channel] + f.mean[channel];
  }
  return error;
}

double next_segments_all(const NextSegments& f, float* forecast) {
  std::vector<double> errors(static_cast<std::size_t>(f.b));
#pragma omp parallel for schedule(static)
  for (std::int64_t window = 0; window < f.b; ++window)
    errors[static_cast<std::size_t>(window)] = next_window(f, window, forecast);
  double total = 0;
  for (const double error : errors) total += error;
  return total / static_cast<double>(f.b * f.j * (f.n - 1) * f.s);
}

void next_segments_grad_all(const NextSegments& f, const float* dforecast, float dloss, float* dnext) {
  const auto known = (f.n - 1) * f.s;
  const auto scale = static_cast<float>(2.0 * dloss / static_cast<double>(f.b * f.j * known));
#pragma omp parallel for schedule(static)
  for (std::int64_t window = 0; window < f.b; ++window)
    for (std::int64_t j = 0; j < f.j; ++j) {
      const auto channel = window * f.c + f.c - f.j + j, at = (window * f.j + j) * f.n * f.s;
      const float* truth = f.z + channel * f.n * f.s + f.s;
      for_lanes(known, [&](auto tag, std::int64_t i) HWY_ATTR {
        const auto error = hn::Sub(hn::LoadU(tag, f.next + at + i), hn::LoadU(tag, truth + i));
        hn::StoreU(hn::Mul(error, hn::Set(tag, scale)), tag, dnext + at + i);
      });
      for (std::int64_t i = 0; i < f.s; ++i)
        dnext[at + known + i] = dforecast[(window * f.s + i) * f.j + j] * f.deviation[channel];
    }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(scale_segments_all);
HWY_EXPORT(next_segments_all);
HWY_EXPORT(next_segments_grad_all);

void scale_segments(const Segments& x, float* z, float* mean, float* deviation) {
  HWY_DYNAMIC_DISPATCH(scale_segments_all)(x, z, mean, deviation);
}
double next_segments(const NextSegments& f, float* forecast) {
  return HWY_DYNAMIC_DISPATCH(next_segments_all)(f, forecast);
}
void next_segments_grad(const NextSegments& f, const float* dforecast, float dloss, float* dnext) {
  HWY_DYNAMIC_DISPATCH(next_segments_grad_all)(f, dforecast, dloss, dnext);
}

}  // namespace longwave::kernels
#endif
