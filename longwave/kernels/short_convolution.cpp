#include "longwave/kernels/short_convolution.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/short_convolution.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Convolution = ShortConvolution<float>;
using ConvolutionGrad = ShortConvolutionGrad<float>;

// Channels of a work item. Fixed, so that results do not depend on the number of threads.
constexpr std::int64_t kConvolutionBlock = 128;

/// Channels first .. first + n of one row.
struct Block {
  std::int64_t row, first, n;
};

/// Input of step t, which may lie before the first; null for zeros.
HWY_INLINE const float* input_of(const Convolution& c, const Block& block, std::int64_t t) {
  if (t >= 0) return c.x + block.row * c.row_stride + t * c.step_stride + block.first;
  return c.history ? c.history + (block.row * c.taps + c.taps + t) * c.d + block.first : nullptr;
}

template <class D>
HWY_INLINE hn::Vec<D> before_activation(D tag, const Convolution& c, const Block& block, std::int64_t t,
                                        std::int64_t i) {
  auto sum = c.bias ? hn::LoadU(tag, c.bias + block.first + i) : hn::Zero(tag);
  for (std::int64_t j = 0; j < c.taps; ++j) {
    const float* x = input_of(c, block, t - (c.taps - 1) + j);
    if (x) sum = hn::MulAdd(hn::LoadU(tag, c.weight + j * c.d + block.first + i), hn::LoadU(tag, x + i), sum);
  }
  return sum;
}

void convolve_block(const Convolution& c, const Block& block, float* y) {
  for (std::int64_t t = 0; t < c.t; ++t) {
    float* out = y + (block.row * c.t + t) * c.d + block.first;
    for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
      auto p = before_activation(tag, c, block, t, i);
      if (c.silu) p = hn::Mul(p, sigmoid(tag, p));
      hn::StoreU(p, tag, out + i);
    });
  }
}

/// Gradient before the activation at step t, and what it adds to those of weights and bias of this row.
void slope_of_step(const Convolution& c, const ConvolutionGrad& g, const Block& block, std::int64_t t, float* sums,
                   float* slope) {
  const float* dy = g.dy + (block.row * c.t + t) * c.d + block.first;
  for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
    auto s = hn::LoadU(tag, dy + i);
    if (c.silu) {
      const auto p = before_activation(tag, c, block, t, i), q = sigmoid(tag, p), one = hn::Set(tag, 1.0f);
      s = hn::Mul(s, hn::Mul(q, hn::MulAdd(p, hn::Sub(one, q), one)));
    }
    hn::StoreU(s, tag, slope + i);
    float* bias = sums + c.taps * c.d + i;
    hn::StoreU(hn::Add(hn::LoadU(tag, bias), s), tag, bias);
    for (std::int64_t j = 0; j < c.taps; ++j) {
      const float* x = input_of(c, block, t - (c.taps - 1) + j);
      if (x)
        hn::StoreU(hn::MulAdd(s, hn::LoadU(tag, x + i), hn::LoadU(tag, sums + j * c.d + i)), tag, sums + j * c.d + i);
    }
  });
}

/// `slopes` [taps, kConvolutionBlock] is a ring over steps.
void grad_block(const Convolution& c, const ConvolutionGrad& g, const Block& block, float* slopes) {
  float* sums = g.workspace + block.row * (c.taps + 1) * c.d + block.first;
  for (std::int64_t j = 0; j <= c.taps; ++j) std::fill_n(sums + j * c.d, block.n, 0.0f);
  std::fill_n(g.dhistory + block.row * c.taps * c.d + block.first, block.n, 0.0f);
  for (auto t = c.t - 1; t > -c.taps; --t) {  // at t < 0 lies the history
    if (t >= 0) slope_of_step(c, g, block, t, sums, slopes + t % c.taps * kConvolutionBlock);
    float* out = t >= 0 ? g.dx + (block.row * c.t + t) * c.d : g.dhistory + (block.row * c.taps + c.taps + t) * c.d;
    const auto from = std::max<std::int64_t>(t, 0), to = std::min(c.t, t + c.taps);
    for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
      auto sum = hn::Zero(tag);
      for (auto s = from; s < to; ++s) {
        const float* weight = c.weight + (c.taps - 1 - (s - t)) * c.d + block.first + i;
        sum = hn::MulAdd(hn::LoadU(tag, weight), hn::LoadU(tag, slopes + s % c.taps * kConvolutionBlock + i), sum);
      }
      hn::StoreU(sum, tag, out + block.first + i);
    });
  }
}

template <class Body>
void for_convolution_blocks(const Convolution& c, Body body) {
  const auto blocks = (c.d + kConvolutionBlock - 1) / kConvolutionBlock;
#pragma omp parallel if (c.t > 1)
  {
    std::vector<float> scratch(static_cast<std::size_t>(c.taps * kConvolutionBlock));
#pragma omp for schedule(static)
    for (std::int64_t item = 0; item < c.b * blocks; ++item) {
      const auto first = item % blocks * kConvolutionBlock;
      body(Block{item / blocks, first, std::min(kConvolutionBlock, c.d - first)}, scratch.data());
    }
  }
}

void convolve_all(const Convolution& c, float* y) {
  for_convolution_blocks(c, [&](const Block& block, float*) { convolve_block(c, block, y); });
}

void convolve_grad_all(const Convolution& c, const ConvolutionGrad& g) {
  for_convolution_blocks(c, [&](const Block& block, float* slopes) { grad_block(c, g, block, slopes); });
  std::fill_n(g.dweight, c.taps * c.d, 0.0f);
  std::fill_n(g.dbias, c.d, 0.0f);
  for (std::int64_t row = 0; row < c.b; ++row) {
    const float* sums = g.workspace + row * (c.taps + 1) * c.d;
    add_scaled(1, sums, g.dweight, c.taps * c.d);
    add_scaled(1, sums + c.taps * c.d, g.dbias, c.d);
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(convolve_all);
HWY_EXPORT(convolve_grad_all);

void short_convolution(const ShortConvolution<float>& c, float* y) { HWY_DYNAMIC_DISPATCH(convolve_all)(c, y); }
void short_convolution_grad(const ShortConvolution<float>& c, const ShortConvolutionGrad<float>& g) {
  HWY_DYNAMIC_DISPATCH(convolve_grad_all)(c, g);
}

}  // namespace longwave::kernels
#endif
