#include "longwave/kernels/short_convolution.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/short_convolution.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "longwave/kernels/exp-inl.h"
#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Convolution = ShortConvolution<float>;
using ConvolutionGrad = ShortConvolutionGrad<float>;

// Channels of a work item. Fixed, so that results do not depend on the number of threads.
constexpr std::int64_t kConvolutionBlock = 128;
/// Steps lie far apart in memory: they are fetched so many ahead of their use.
constexpr std::int64_t kAhead = 16;

/// Channels first .. first + n of one row.
struct Block {
  std::int64_t row, first, n;
};

/// Scratch of one thread.
struct ConvolutionScratch {
  explicit ConvolutionScratch(const Convolution& c)
      : inputs(static_cast<std::size_t>(c.taps)),
        later(static_cast<std::size_t>(c.taps)),
        slopes(static_cast<std::size_t>((c.taps + 1) * kConvolutionBlock)) {}
  std::vector<const float*> inputs;  // what the taps meet at a step
  std::vector<const float*> later;  // gradients before the activation of the steps behind it that it reaches, from 1 on
  std::vector<float> slopes;        // those of the last steps [taps, kConvolutionBlock], a ring; then zeros
  float* slope(std::int64_t slot) { return slopes.data() + slot * kConvolutionBlock; }

  void find_inputs(const Convolution& c, const Block& block, std::int64_t t) {
    for (std::int64_t j = 0; j < c.taps; ++j) {
      const auto step = t - (c.taps - 1) + j;
      const float* x = slope(c.taps);
      if (step >= 0)
        x = c.x + block.row * c.row_stride + step * c.step_stride + block.first;
      else if (c.history)
        x = c.history + (block.row * c.taps + c.taps + step) * c.d + block.first;
      inputs[static_cast<std::size_t>(j)] = x;
    }
  }
};

/// kTaps 0: any number, that of c.
template <int kTaps, class D>
HWY_INLINE hn::Vec<D> before_activation(D tag, const Convolution& c, const Block& block, const float* const* inputs,
                                        std::int64_t i) {
  auto sum = c.bias ? hn::LoadU(tag, c.bias + block.first + i) : hn::Zero(tag);
  for (std::int64_t j = 0; j < (kTaps ? kTaps : c.taps); ++j)
    sum = hn::MulAdd(hn::LoadU(tag, c.weight + j * c.d + block.first + i), hn::LoadU(tag, inputs[j] + i), sum);
  return sum;
}

template <int kTaps>
void convolve_block(const Convolution& c, const Block& block, ConvolutionScratch& scratch, float* y) {
  const auto* inputs = scratch.inputs.data();
  for (std::int64_t t = 0; t < c.t; ++t) {
    scratch.find_inputs(c, block, t);
    float* out = y + (block.row * c.t + t) * c.d + block.first;
    const auto later = std::min(kAhead, c.t - 1 - t);
    for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
      hwy::Prefetch(inputs[c.taps - 1] + later * c.step_stride + i);
      auto p = before_activation<kTaps>(tag, c, block, inputs, i);
      if (c.silu) p = hn::Mul(p, sigmoid(tag, p));
      hn::StoreU(p, tag, out + i);
    });
  }
}

/// From the last step back: each gives its share to the gradients of weights and bias of this row, and the gradient of
/// its input, which the steps behind it have met.
template <int kTaps>
void grad_block(const Convolution& c, const ConvolutionGrad& g, const Block& block, ConvolutionScratch& scratch) {
  const std::int64_t taps = kTaps ? kTaps : c.taps;
  const auto first = block.first;
  const auto *inputs = scratch.inputs.data(), *later = scratch.later.data();
  float* sums = g.workspace + block.row * (taps + 1) * c.d + first;
  for (std::int64_t j = 0; j <= taps; ++j) std::fill_n(sums + j * c.d, block.n, 0.0f);
  std::fill(scratch.slopes.begin(), scratch.slopes.end(), 0.0f);
  for (auto t = c.t - 1; t >= 0; --t) {
    scratch.find_inputs(c, block, t);
    for (std::int64_t ahead = 1; ahead < taps; ++ahead)
      scratch.later[static_cast<std::size_t>(ahead)] = scratch.slope((t + ahead) % taps);
    const auto at = (block.row * c.t + t) * c.d + first;
    float* slope = scratch.slope(t % taps);
    const auto earlier = std::min(kAhead, t);
    for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
      hwy::Prefetch(inputs[taps - 1] - earlier * c.step_stride + i);
      hwy::Prefetch(g.dy + at - earlier * c.d + i);
      auto s = hn::LoadU(tag, g.dy + at + i);
      if (c.silu) {
        const auto p = before_activation<kTaps>(tag, c, block, inputs, i), q = sigmoid(tag, p);
        s = hn::Mul(s, hn::Mul(q, hn::MulAdd(p, hn::Sub(hn::Set(tag, 1.0f), q), hn::Set(tag, 1.0f))));
      }
      hn::StoreU(s, tag, slope + i);
      for (std::int64_t j = 0; j < taps; ++j) {
        float* sum = sums + j * c.d + i;
        hn::StoreU(hn::MulAdd(s, hn::LoadU(tag, inputs[j] + i), hn::LoadU(tag, sum)), tag, sum);
      }
      float* bias = sums + taps * c.d + i;
      hn::StoreU(hn::Add(hn::LoadU(tag, bias), s), tag, bias);
      const float* weight = c.weight + (taps - 1) * c.d + first + i;
      auto dx = hn::Mul(s, hn::LoadU(tag, weight));
      for (std::int64_t ahead = 1; ahead < taps; ++ahead)
        dx = hn::MulAdd(hn::LoadU(tag, weight - ahead * c.d), hn::LoadU(tag, later[ahead] + i), dx);
      hn::StoreU(dx, tag, g.dx + at + i);
    });
  }
  for (std::int64_t t = -taps; t < 0; ++t) {  // the history: the ring now holds the first steps
    float* out = g.dhistory + (block.row * taps + taps + t) * c.d + first;
    std::fill_n(out, block.n, 0.0f);
    for (std::int64_t s = 0; s < std::min(c.t, t + taps); ++s)
      for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
        const auto weight = hn::LoadU(tag, c.weight + (taps - 1 - (s - t)) * c.d + first + i);
        hn::StoreU(hn::MulAdd(weight, hn::LoadU(tag, scratch.slope(s) + i), hn::LoadU(tag, out + i)), tag, out + i);
      });
  }
}

template <class Body>
void for_convolution_blocks(const Convolution& c, Body body) {
  const auto blocks = (c.d + kConvolutionBlock - 1) / kConvolutionBlock;
#pragma omp parallel if (c.t > 1)
  {
    ConvolutionScratch scratch(c);
#pragma omp for schedule(static)
    for (std::int64_t item = 0; item < c.b * blocks; ++item) {
      const auto first = item % blocks * kConvolutionBlock;
      body(Block{item / blocks, first, std::min(kConvolutionBlock, c.d - first)}, scratch);
    }
  }
}

void convolve_all(const Convolution& c, float* y) {
  const auto run = c.taps == 4 ? convolve_block<4> : convolve_block<0>;
  for_convolution_blocks(c, [&](const Block& block, ConvolutionScratch& scratch) { run(c, block, scratch, y); });
}

void convolve_grad_all(const Convolution& c, const ConvolutionGrad& g) {
  const auto run = c.taps == 4 ? grad_block<4> : grad_block<0>;
  for_convolution_blocks(c, [&](const Block& block, ConvolutionScratch& scratch) { run(c, g, block, scratch); });
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
