#include "longwave/kernels/diagonal_ssm.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/diagonal_ssm.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Ssm = DiagonalSsm<float>;
using SsmGrad = DiagonalSsmGrad<float>;

constexpr std::int64_t kTile = 16;   // channels of a work item: fixed, so that results do not depend on the threads
constexpr std::int64_t kChunk = 32;  // steps whose states the backward pass holds at a time

/// One or two planes of lanes.
template <class V, bool kComplex>
struct Number;
template <class V>
struct Number<V, false> {
  V re;
};
template <class V>
struct Number<V, true> {
  V re, im;
};

template <bool kComplex, class D>
HWY_INLINE Number<hn::Vec<D>, kComplex> load(D tag, const float* x, std::int64_t plane) {
  if constexpr (kComplex)
    return {hn::LoadU(tag, x), hn::LoadU(tag, x + plane)};
  else
    return {hn::LoadU(tag, x)};
}

template <bool kComplex, class D>
HWY_INLINE void store(D tag, const Number<hn::Vec<D>, kComplex>& v, float* x, std::int64_t plane) {
  hn::StoreU(v.re, tag, x);
  if constexpr (kComplex) hn::StoreU(v.im, tag, x + plane);
}

/// x * y + z.
template <class V, bool kComplex>
HWY_INLINE Number<V, kComplex> multiply_add(const Number<V, kComplex>& x, const Number<V, kComplex>& y,
                                            const Number<V, kComplex>& z) {
  if constexpr (kComplex)
    return {hn::NegMulAdd(x.im, y.im, hn::MulAdd(x.re, y.re, z.re)),
            hn::MulAdd(x.im, y.re, hn::MulAdd(x.re, y.im, z.im))};
  else
    return {hn::MulAdd(x.re, y.re, z.re)};
}

/// x * conj(y) + z.
template <class V, bool kComplex>
HWY_INLINE Number<V, kComplex> multiply_conjugate_add(const Number<V, kComplex>& x, const Number<V, kComplex>& y,
                                                      const Number<V, kComplex>& z) {
  if constexpr (kComplex)
    return {hn::MulAdd(x.im, y.im, hn::MulAdd(x.re, y.re, z.re)),
            hn::MulAdd(x.im, y.re, hn::NegMulAdd(x.re, y.im, z.im))};
  else
    return {hn::MulAdd(x.re, y.re, z.re)};
}

/// x * s + z with a real s.
template <class V, bool kComplex>
HWY_INLINE Number<V, kComplex> scale_add(const Number<V, kComplex>& x, V s, const Number<V, kComplex>& z) {
  if constexpr (kComplex)
    return {hn::MulAdd(x.re, s, z.re), hn::MulAdd(x.im, s, z.im)};
  else
    return {hn::MulAdd(x.re, s, z.re)};
}

template <bool kComplex, class D>
HWY_INLINE Number<hn::Vec<D>, kComplex> zero(D tag) {
  if constexpr (kComplex)
    return {hn::Zero(tag), hn::Zero(tag)};
  else
    return {hn::Zero(tag)};
}

/// Channels first .. first + width of one row. Coefficients and states are copied to [planes, n, kTile].
template <bool kComplex, bool kLiquid>
class Tile {
 public:
  Tile(const Ssm& s, std::int64_t row, std::int64_t first, float* scratch)
      : s_(s), row_(row), first_(first), width_(std::min(kTile, s.d - first)), size_(s.planes * s.n * kTile) {
    a_ = scratch, b_ = a_ + size_, c_ = b_ + size_, h_ = c_ + size_, carry_ = h_ + size_;
    da_ = carry_ + size_, db_ = da_ + size_, dc_ = db_ + size_;
    states_ = dc_ + size_;
    boundaries_ = states_ + (kChunk + 1) * size_;
    gather(s.a, a_), gather(s.b_in, b_), gather(s.c_out, c_);
    if (s.h_init)
      gather(s.h_init + row * s.coefficients(), h_);
    else
      std::fill_n(h_, size_, 0.0f);
  }
  static std::int64_t scratch(const Ssm& s, bool grad) {
    const auto chunks = (s.t + kChunk - 1) / kChunk;
    return (grad ? 8 + kChunk + 1 + chunks : 4) * s.planes * s.n * kTile;
  }

  void run(float* y, float* h_last) {
    for (std::int64_t step = 0; step < length(); ++step) advance(step, h_, h_, y);
    scatter(h_, h_last + row_ * s_.coefficients());
    clear_padding(y);
  }

  void run_grad(const SsmGrad& g) {
    const auto chunks = (length() + kChunk - 1) / kChunk;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      std::copy_n(h_, size_, boundaries_ + chunk * size_);
      if (chunk + 1 < chunks)
        for (std::int64_t step = chunk * kChunk; step < (chunk + 1) * kChunk; ++step) advance(step, h_, h_, nullptr);
    }
    gather(g.dh_last + row_ * s_.coefficients(), carry_);
    std::fill_n(da_, 3 * size_, 0.0f);
    for (auto chunk = chunks - 1; chunk >= 0; --chunk) {
      const auto begin = chunk * kChunk, end = std::min(begin + kChunk, length());
      std::copy_n(boundaries_ + chunk * size_, size_, states_);
      for (auto step = begin; step < end; ++step)
        advance(step, states_ + (step - begin) * size_, states_ + (step - begin + 1) * size_, nullptr);
      for (auto step = end - 1; step >= begin; --step) retreat(step, states_ + (step - begin) * size_, g);
    }
    scatter(carry_, g.dh_init + row_ * s_.coefficients());
    float* sums = g.workspace + 3 * row_ * s_.coefficients();
    scatter(da_, sums), scatter(db_, sums + s_.coefficients()), scatter(dc_, sums + 2 * s_.coefficients());
    clear_padding(g.dx);
  }

 private:
  std::int64_t length() const { return s_.length(row_); }
  std::int64_t plane() const { return s_.n * kTile; }
  std::int64_t at(std::int64_t step) const {
    return (row_ * s_.t + (s_.reverse ? length() - 1 - step : step)) * s_.d + first_;
  }
  void gather(const float* from, float* to) const {
    for (std::int64_t i = 0; i < s_.planes * s_.n; ++i) {
      std::copy_n(from + i * s_.d + first_, width_, to + i * kTile);
      std::fill_n(to + i * kTile + width_, kTile - width_, 0.0f);
    }
  }
  void scatter(const float* from, float* to) const {
    for (std::int64_t i = 0; i < s_.planes * s_.n; ++i) std::copy_n(from + i * kTile, width_, to + i * s_.d + first_);
  }
  void clear_padding(float* x) const {
    for (auto t = length(); t < s_.t; ++t) std::fill_n(x + (row_ * s_.t + t) * s_.d + first_, width_, 0.0f);
  }

  /// States before a step to those behind it (the two may be the same memory), and y unless null.
  void advance(std::int64_t step, const float* before, float* behind, float* y) const {
    const auto from = at(step);
    for_lanes(width_, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto x = hn::LoadU(tag, s_.x + from + i);
      auto sum = hn::Zero(tag);
      for (std::int64_t n = 0; n < s_.n; ++n) {
        const auto j = n * kTile + i;
        auto a = load<kComplex>(tag, a_ + j, plane());
        const auto b = load<kComplex>(tag, b_ + j, plane()), none = zero<kComplex>(tag);
        if constexpr (kLiquid) a = scale_add(b, x, a);
        const auto h = multiply_add(a, load<kComplex>(tag, before + j, plane()), scale_add(b, x, none));
        store<kComplex>(tag, h, behind + j, plane());
        if (!y) continue;
        const auto c = load<kComplex>(tag, c_ + j, plane());
        sum = hn::MulAdd(c.re, h.re, sum);
        if constexpr (kComplex) sum = hn::NegMulAdd(c.im, h.im, sum);
      }
      if (y) hn::StoreU(sum, tag, y + from + i);
    });
  }

  /// Adjoint of a step; the states before it and, right after them, those behind it are given.
  void retreat(std::int64_t step, const float* before, const SsmGrad& g) const {
    const auto from = at(step);
    for_lanes(width_, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto x = hn::LoadU(tag, s_.x + from + i), dy = hn::LoadU(tag, g.dy + from + i);
      auto dx = hn::Zero(tag);
      for (std::int64_t n = 0; n < s_.n; ++n) {
        const auto j = n * kTile + i;
        auto a = load<kComplex>(tag, a_ + j, plane());
        const auto b = load<kComplex>(tag, b_ + j, plane()), c = load<kComplex>(tag, c_ + j, plane());
        const auto h = load<kComplex>(tag, before + j, plane()),
                   next = load<kComplex>(tag, before + size_ + j, plane());
        const auto none = zero<kComplex>(tag);
        auto lambda = load<kComplex>(tag, carry_ + j, plane());
        auto dc = load<kComplex>(tag, dc_ + j, plane());
        lambda.re = hn::MulAdd(c.re, dy, lambda.re), dc.re = hn::MulAdd(next.re, dy, dc.re);
        if constexpr (kComplex)
          lambda.im = hn::NegMulAdd(c.im, dy, lambda.im), dc.im = hn::NegMulAdd(next.im, dy, dc.im);
        store<kComplex>(tag, dc, dc_ + j, plane());
        const auto da = multiply_conjugate_add(lambda, h, load<kComplex>(tag, da_ + j, plane()));
        store<kComplex>(tag, da, da_ + j, plane());
        auto through = lambda;  // gradient of b x: lambda times the conjugate of what b x is multiplied by
        if constexpr (kLiquid) {
          through = multiply_conjugate_add(lambda, h, lambda);
          a = scale_add(b, x, a);
        }
        store<kComplex>(tag, scale_add(through, x, load<kComplex>(tag, db_ + j, plane())), db_ + j, plane());
        dx = hn::MulAdd(through.re, b.re, dx);
        if constexpr (kComplex) dx = hn::MulAdd(through.im, b.im, dx);
        store<kComplex>(tag, multiply_conjugate_add(lambda, a, none), carry_ + j, plane());
      }
      hn::StoreU(dx, tag, g.dx + from + i);
    });
  }

  const Ssm& s_;
  std::int64_t row_, first_, width_, size_;
  float *a_, *b_, *c_, *h_, *carry_, *da_, *db_, *dc_, *states_, *boundaries_;
};

template <class Body>
void for_tiles(const Ssm& s, bool grad, Body body) {
  const auto tiles = (s.d + kTile - 1) / kTile;
#pragma omp parallel if (s.t > 1)
  {
    std::vector<float> scratch(static_cast<std::size_t>(Tile<true, true>::scratch(s, grad)));
    const auto run = [&]<bool kComplex, bool kLiquid>(std::int64_t item) {
      body(Tile<kComplex, kLiquid>(s, item / tiles, item % tiles * kTile, scratch.data()));
    };
#pragma omp for schedule(static)
    for (std::int64_t item = 0; item < s.b * tiles; ++item) {
      if (s.planes == 2)
        s.liquid ? run.template operator()<true, true>(item) : run.template operator()<true, false>(item);
      else
        s.liquid ? run.template operator()<false, true>(item) : run.template operator()<false, false>(item);
    }
  }
}

void diagonal_ssm_all(const Ssm& s, float* y, float* h_last) {
  for_tiles(s, false, [&](auto tile) { tile.run(y, h_last); });
}

void diagonal_ssm_grad_all(const Ssm& s, const SsmGrad& g) {
  for_tiles(s, true, [&](auto tile) { tile.run_grad(g); });
  const auto size = s.coefficients();
  float* const sums[] = {g.da, g.db, g.dc};
  for (std::int64_t i = 0; i < 3; ++i) {
    std::fill_n(sums[i], size, 0.0f);
    for (std::int64_t row = 0; row < s.b; ++row) add_scaled(1, g.workspace + (3 * row + i) * size, sums[i], size);
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(diagonal_ssm_all);
HWY_EXPORT(diagonal_ssm_grad_all);

void diagonal_ssm(const DiagonalSsm<float>& s, float* y, float* h_last) {
  HWY_DYNAMIC_DISPATCH(diagonal_ssm_all)(s, y, h_last);
}
void diagonal_ssm_grad(const DiagonalSsm<float>& s, const DiagonalSsmGrad<float>& g) {
  HWY_DYNAMIC_DISPATCH(diagonal_ssm_grad_all)(s, g);
}

}  // namespace longwave::kernels
#endif
