#include "longwave/kernels/adamw.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/adamw.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

#ifndef LONGWAVE_KERNELS_ADAMW_BLOCKS
#define LONGWAVE_KERNELS_ADAMW_BLOCKS
namespace longwave::kernels {
namespace {

/// A work item: some elements of one part.
struct AdamWBlock {
  const AdamWPart* part;
  std::int64_t first, n;
};

std::vector<AdamWBlock> blocks_of(std::span<const AdamWPart> parts) {
  constexpr std::int64_t kBlock = 1 << 14;
  std::vector<AdamWBlock> blocks;
  for (const auto& part : parts)
    for (std::int64_t first = 0; first < part.n; first += kBlock)
      blocks.push_back({&part, first, std::min(kBlock, part.n - first)});
  return blocks;
}

}  // namespace
}  // namespace longwave::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

void adamw_block(const AdamWPart& part, const AdamWScalars& s, std::int64_t first, std::int64_t n) {
  for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto at = first + i;
    const auto set = [&](float value) HWY_ATTR { return hn::Set(tag, value); };
    const auto g = hn::Mul(hn::LoadU(tag, part.gradient + at), set(s.gradient_scale));
    const auto m_old = hn::LoadU(tag, part.average + at);
    const auto m = hn::MulAdd(set(1 - s.beta1), hn::Sub(g, m_old), m_old);
    const auto v_old = hn::LoadU(tag, part.average_square + at);
    const auto v = hn::MulAdd(set(s.beta2), v_old, hn::Mul(hn::Mul(set(1 - s.beta2), g), g));
    const auto root = hn::MulAdd(hn::Sqrt(v), set(s.inverse_root), set(s.eps));
    const auto w = hn::Mul(hn::LoadU(tag, part.parameter + at), set(s.decay));
    hn::StoreU(m, tag, part.average + at);
    hn::StoreU(v, tag, part.average_square + at);
    hn::StoreU(hn::NegMulAdd(set(s.rate), hn::Div(m, root), w), tag, part.parameter + at);
  });
}

void adamw_all(std::span<const AdamWPart> parts, const AdamWScalars& s) {
  const auto blocks = blocks_of(parts);
#pragma omp parallel for schedule(dynamic, 4) if (blocks.size() > 2)
  for (const auto& block : blocks) adamw_block(*block.part, s, block.first, block.n);
}

double block_squares(const float* x, std::int64_t n) {
  constexpr std::int64_t kPiece = 256;  // added up in float before it goes to the double sum
  double sum = 0;
  for (std::int64_t first = 0; first < n; first += kPiece) {
    const auto count = std::min(kPiece, n - first);
    sum += dot(x + first, x + first, count);
  }
  return sum;
}

double sum_of_squares_all(std::span<const AdamWPart> parts) {
  const auto blocks = blocks_of(parts);
  std::vector<double> sums(blocks.size());
#pragma omp parallel for schedule(dynamic, 4) if (blocks.size() > 2)
  for (std::size_t i = 0; i < blocks.size(); ++i)
    sums[i] = block_squares(blocks[i].part->gradient + blocks[i].first, blocks[i].n);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(adamw_all);
HWY_EXPORT(sum_of_squares_all);

void adamw(std::span<const AdamWPart> parts, const AdamWScalars& s) { HWY_DYNAMIC_DISPATCH(adamw_all)(parts, s); }
double sum_of_squares(std::span<const AdamWPart> parts) { return HWY_DYNAMIC_DISPATCH(sum_of_squares_all)(parts); }

}  // namespace longwave::kernels
#endif
