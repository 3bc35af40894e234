#include "longwave/kernels/bilinear_step.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/bilinear_step.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using D = hn::ScalableTag<double>;
constexpr std::int64_t kVectors = 4;  // of features at once: as many sums hide the latency of one another

/// Features [first, first + count) of all rows, side by side; those that are wanting have no state and stay at zero.
struct Features {
  const BilinearStep<float>& p;
  const std::int64_t first, count, lanes, width;  // first and count in rows x h
  std::vector<double> half, w;                    // [width], [n, width]

  Features(const BilinearStep<float>& of, std::int64_t from, std::int64_t many)
      : p(of),
        first(from),
        count(many),
        lanes(static_cast<std::int64_t>(hn::Lanes(D()))),
        width(kVectors * lanes),
        half(static_cast<std::size_t>(width)),
        w(static_cast<std::size_t>(width * of.n)) {}

  /// w = x + s b u
  void load() {
    for (std::int64_t f = 0; f < count; ++f) {
      const auto s = half[static_cast<std::size_t>(f)] = p.half[(first + f) % p.h];
      const auto su = s * p.u[first + f];
      for (std::int64_t i = 0; i < p.n; ++i)
        w[static_cast<std::size_t>(i * width + f)] = p.x[(first + f) * p.n + i] + su * p.b[i];
    }
  }

  HWY_ATTR void solve() {
    const D tag;
    double* all = w.data();
    for (std::int64_t i = 0; i < p.n; ++i) {
      hn::Vec<D> sum0 = hn::Zero(tag), sum1 = sum0, sum2 = sum0, sum3 = sum0;
      for (std::int64_t j = 0; j < i; ++j) {
        const auto a = hn::Set(tag, p.a[i * p.n + j]);
        const double* wj = all + j * width;
        sum0 = hn::MulAdd(a, hn::LoadU(tag, wj), sum0);
        sum1 = hn::MulAdd(a, hn::LoadU(tag, wj + lanes), sum1);
        sum2 = hn::MulAdd(a, hn::LoadU(tag, wj + 2 * lanes), sum2);
        sum3 = hn::MulAdd(a, hn::LoadU(tag, wj + 3 * lanes), sum3);
      }
      const auto diagonal = hn::Set(tag, p.a[i * p.n + i]);
      std::int64_t at = 0;
      for (const auto sum : {sum0, sum1, sum2, sum3}) {
        const auto s = hn::LoadU(tag, half.data() + at);
        double* wi = all + i * width + at;
        const auto right = hn::MulAdd(s, sum, hn::LoadU(tag, wi));
        hn::StoreU(hn::Div(right, hn::NegMulAdd(s, diagonal, hn::Set(tag, 1.0))), tag, wi);
        at += lanes;
      }
    }
  }

  /// x_next = 2 w - x
  void store() const {
    for (std::int64_t f = 0; f < count; ++f)
      for (std::int64_t i = 0; i < p.n; ++i) {
        const auto at = (first + f) * p.n + i;
        p.next[at] = static_cast<float>(2 * w[static_cast<std::size_t>(i * width + f)] - p.x[at]);
      }
  }
};

}  // namespace

void bilinear_step_all(const BilinearStep<float>& p) {
  const auto width = kVectors * static_cast<std::int64_t>(hn::Lanes(D()));
  const auto all = p.rows * p.h;
#pragma omp parallel for schedule(static) if (all > width)
  for (std::int64_t first = 0; first < all; first += width) {
    Features features(p, first, std::min(width, all - first));
    features.load();
    features.solve();
    features.store();
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(bilinear_step_all);

void bilinear_step(const BilinearStep<float>& p) { HWY_DYNAMIC_DISPATCH(bilinear_step_all)(p); }

}  // namespace longwave::kernels
#endif
