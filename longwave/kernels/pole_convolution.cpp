#include "longwave/kernels/pole_convolution.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/pole_convolution.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/aligned_allocator.h>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Convolution = PoleConvolution<float>;
using Gradient = PoleConvolutionGrad<float>;

constexpr std::int64_t kTile = 32;   // channels of a work item: fixed, so that results do not depend on the threads
constexpr std::int64_t kChunk = 32;  // steps at a time: what is known of them stays in the first-level cache
// Sequences up to here are copied for the channels of a work item, whose passes over time then stay in the second-level
// cache; in longer ones they would not.
constexpr std::int64_t kLongestStrip = 4096;

using Wide = hn::ScalableTag<float>;
using V = hn::Vec<Wide>;
constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(Wide()));

struct Complex {
  V re, im;
};

HWY_INLINE Complex load(const float* x) { return {hn::Load(Wide(), x), hn::Load(Wide(), x + kTile)}; }
HWY_INLINE void store(const Complex& v, float* x) {
  hn::Store(v.re, Wide(), x);
  hn::Store(v.im, Wide(), x + kTile);
}

/// h + g h + (x, 0): what a step adds is summed up by itself, for next to a large state its digits would go one by one.
HWY_INLINE Complex advanced(const Complex& h, const Complex& g, V x) {
  return {hn::Add(h.re, hn::MulAdd(g.re, h.re, hn::NegMulAdd(g.im, h.im, x))),
          hn::Add(h.im, hn::MulAdd(g.re, h.im, hn::Mul(g.im, h.re)))};
}
/// The adjoint of the step.
HWY_INLINE Complex retreated(const Complex& l, const Complex& g) {
  return {hn::Add(l.re, hn::MulAdd(g.re, l.re, hn::Mul(g.im, l.im))),
          hn::Add(l.im, hn::NegMulAdd(g.im, l.re, hn::Mul(g.re, l.im)))};
}

/// Channels first .. first + kTile of one row, with kN states each, of which s.n are used. Numbers of a state lie
/// together: [n][2][kTile].
template <int kN>
class Tile {
  static constexpr std::int64_t kSize = kN * 2 * kTile;
  // Vectors of lanes, and states, whose steps are taken together, as many as the registers hold.
  static constexpr int kWays = kN <= 2 && kLanes < kTile ? 2 : 1, kTogether = kN <= 2 ? kN : 2;

 public:
  static std::int64_t scratch(const Convolution& s) {
    const auto strips = s.t <= kLongestStrip ? 3 * s.t * kTile : 0;
    return (7 + kChunk + 1 + (s.t + kChunk - 1) / kChunk) * kSize + 3 * kChunk * kTile + 2 * kTile + strips;
  }

  Tile(const Convolution& s, std::int64_t row, std::int64_t first, float* scratch)
      : s_(s), row_(row), first_(first), width_(std::min(kTile, s.d - first)), steps_(s.length(row)) {
    g_ = scratch, w_ = g_ + kSize, h_ = w_ + 2 * kSize, dg_ = h_ + kSize, dw_ = dg_ + kSize;
    buffers_ = dw_ + 2 * kSize, skip_ = buffers_ + 3 * kChunk * kTile, dskip_ = skip_ + kTile;
    states_ = dskip_ + kTile, boundaries_ = states_ + (kChunk + 1) * kSize;
    strips_ = boundaries_ + chunks() * kSize;
    gather_states(s.g, g_);
    for (int r = 0; r < s.directions; ++r) gather_states(s.w + 2 * r * s.plane(), w_ + r * kSize);
    std::fill_n(buffers_, 3 * kChunk * kTile + kTile, 0.0f);  // and skip_
    if (s.skip) std::copy_n(s.skip + first, width_, skip_);
  }

  void run(float* y) {
    const Strip<const float> in = copied(s_.x, 0);
    const Strip<float> out = strip(y, 1);
    for (int r = 0; r < s_.directions; ++r) {
      std::fill_n(h_, kSize, 0.0f);
      for (std::int64_t chunk = 0; chunk < chunks(); ++chunk) {
        const Piece piece(*this, r, chunk);
        const Lines lines{stride(piece), read(in, piece, 0), nullptr, written(out, piece)};
        r == 0 ? filter<false>(piece.steps, lines) : filter<true>(piece.steps, lines);
        finish(piece, out);
      }
    }
    copy_back(out, y);
  }

  void run_grad(const Gradient& g) {
    const Strip<const float> x = copied(s_.x, 0), dy = copied(g.dy, 1);
    const Strip<float> dx = strip(g.dx, 2);
    std::fill_n(dg_, 3 * kSize, 0.0f);
    std::fill_n(dskip_, kTile, 0.0f);
    for (int r = 0; r < s_.directions; ++r) {
      std::fill_n(h_, kSize, 0.0f);
      for (std::int64_t chunk = 0; chunk < chunks(); ++chunk) {
        std::copy_n(h_, kSize, boundaries_ + chunk * kSize);
        if (chunk + 1 == chunks()) break;
        const Piece piece(*this, r, chunk);
        keep_states(piece.steps, {stride(piece), read(x, piece, 0)}, nullptr);
      }
      std::fill_n(h_, kSize, 0.0f);  // from here on the gradient of the states
      for (auto chunk = chunks() - 1; chunk >= 0; --chunk) {
        const Piece piece(*this, r, chunk);
        const Lines lines{stride(piece), read(x, piece, 0), read(dy, piece, 1), written(dx, piece)};
        float* const gradient = h_;
        h_ = boundaries_ + chunk * kSize;
        keep_states(piece.steps, lines, states_);
        h_ = gradient;
        r == 0 ? differentiate<false>(piece.steps, lines) : differentiate<true>(piece.steps, lines);
        finish(piece, dx);
      }
    }
    copy_back(dx, g.dx);
    float* sums = g.workspace + row_ * (2 * (1 + s_.directions) * s_.plane() + s_.d);
    scatter_states(dg_, sums);
    for (int r = 0; r < s_.directions; ++r) scatter_states(dw_ + r * kSize, sums + 2 * (1 + r) * s_.plane());
    std::copy_n(dskip_, width_, sums + 2 * (1 + s_.directions) * s_.plane() + first_);
  }

 private:
  /// Steps of a chunk in the order of a direction; the second one goes through time backwards.
  struct Piece {
    Piece(const Tile& tile, int direction, std::int64_t chunk)
        : first(chunk * kChunk), steps(std::min(kChunk, tile.steps_ - first)), backwards(direction > 0) {
      if (backwards) first = tile.steps_ - 1 - first;
    }
    std::int64_t at(std::int64_t i) const { return backwards ? first - i : first + i; }
    std::int64_t first, steps;
    bool backwards;
  };
  std::int64_t chunks() const { return (steps_ + kChunk - 1) / kChunk; }

  /// The channels of the tile in all steps of the row: in a tensor, or in a copy of their own.
  template <class T>
  struct Strip {
    T* data;
    std::int64_t stride;
    T* at(std::int64_t step) const { return data + step * stride; }
  };
  template <class T>
  Strip<T> in_tensor(T* x) const {
    return {x + row_ * s_.t * s_.d + first_, s_.d};
  }
  template <class T>
  Strip<T> strip(T* x, std::int64_t which) const {
    if (s_.t > kLongestStrip) return in_tensor(x);
    return {strips_ + which * s_.t * kTile, kTile};
  }
  Strip<const float> copied(const float* x, std::int64_t which) const {
    const auto from = in_tensor(x), to = strip(x, which);
    if (to.data == from.data) return from;
    float* copy = strips_ + which * s_.t * kTile;
    if (width_ < kTile) std::fill_n(copy, steps_ * kTile, 0.0f);
    for (std::int64_t t = 0; t < steps_; ++t) {
      for (std::int64_t i = 0; i < width_; i += 16) hwy::Prefetch(from.at(std::min(t + kChunk, steps_ - 1)) + i);
      copy_channels(from.at(t), copy + t * kTile);
    }
    return to;
  }
  /// Also clears the steps beyond the length.
  void copy_back(const Strip<float>& from, float* x) const {
    const auto to = in_tensor(x);
    for (auto t = steps_; t < s_.t; ++t) std::fill_n(to.at(t), width_, 0.0f);
    if (to.data == from.data) return;
    for (std::int64_t t = 0; t < steps_; ++t) copy_channels(from.at(t), to.at(t));
  }

  /// Calls body(tag, i) for the vectors of a step's channels.
  template <class Body>
  HWY_INLINE void for_channels(Body body) const {
    if (width_ < kTile) return for_lanes(width_, body);
    for (std::int64_t i = 0; i < kTile; i += kLanes) body(Wide(), i);
  }
  HWY_INLINE void copy_channels(const float* from, float* to) const {
    for_channels([&](auto tag, std::int64_t i) HWY_ATTR { hn::StoreU(hn::LoadU(tag, from + i), tag, to + i); });
  }

  /// The steps of a piece, `stride` apart: where they lie in strips, else in buffers.
  struct Lines {
    std::int64_t stride;
    const float *x, *dy = nullptr;
    float* out = nullptr;  // outputs, or gradients of x; the second direction adds to those of the first
  };
  bool has_strips() const { return s_.t <= kLongestStrip; }
  std::int64_t stride(const Piece& piece) const { return has_strips() && piece.backwards ? -kTile : kTile; }
  float* buffer(std::int64_t which) const { return buffers_ + which * kChunk * kTile; }

  const float* read(const Strip<const float>& from, const Piece& piece, std::int64_t which) const {
    if (has_strips()) return from.at(piece.first);
    for (std::int64_t i = 0; i < piece.steps; ++i) copy_channels(from.at(piece.at(i)), buffer(which) + i * kTile);
    return buffer(which);
  }
  float* written(const Strip<float>& to, const Piece& piece) const {
    if (has_strips()) return to.at(piece.first);
    if (piece.backwards) read({to.data, to.stride}, piece, 2);
    return buffer(2);
  }
  void finish(const Piece& piece, const Strip<float>& to) const {
    if (has_strips()) return;
    for (std::int64_t i = 0; i < piece.steps; ++i) copy_channels(buffer(2) + i * kTile, to.at(piece.at(i)));
  }

  /// [2, n, d] to [kN][2][kTile]; states that are not used have weight zero and forget at once.
  void gather_states(const float* from, float* to) const {
    std::fill_n(to, kSize, 0.0f);
    for (std::int64_t n = 0; n < kN; ++n)
      for (std::int64_t plane = 0; plane < 2; ++plane) {
        float* place = to + (2 * n + plane) * kTile;
        if (n < s_.n)
          std::copy_n(from + plane * s_.plane() + n * s_.d + first_, width_, place);
        else if (to == g_ && plane == 0)
          std::fill_n(place, kTile, -1.0f);
      }
  }
  void scatter_states(const float* from, float* to) const {
    for (std::int64_t n = 0; n < s_.n; ++n)
      for (std::int64_t plane = 0; plane < 2; ++plane)
        std::copy_n(from + (2 * n + plane) * kTile, width_, to + plane * s_.plane() + n * s_.d + first_);
  }

  /// Calls body(first vector) for groups of kWays vectors of lanes: steps of several go on while one waits for the
  /// last.
  template <class Body>
  static void for_ways(Body body) {
    for (std::int64_t i = 0; i < kTile; i += kWays * kLanes) body(i);
  }
  static float* place(float* states, int n, std::int64_t i) { return states + 2 * n * kTile + i; }
  HWY_INLINE void load_states(Complex (&h)[kWays][kN], std::int64_t first) const {
    for (int way = 0; way < kWays; ++way)
      for (int n = 0; n < kN; ++n) h[way][n] = load(place(h_, n, first + way * kLanes));
  }
  static HWY_INLINE void store_states(const Complex (&h)[kWays][kN], float* to, std::int64_t first) {
    for (int way = 0; way < kWays; ++way)
      for (int n = 0; n < kN; ++n) store(h[way][n], place(to, n, first + way * kLanes));
  }

  /// Outputs from the states in h_, which go on. `kBackwards`: an output sees the state before its own step alone, and
  /// is added to what is there; there is no skip.
  template <bool kBackwards>
  void filter(std::int64_t steps, const Lines& lines) const {
    float* const w = w_ + (kBackwards ? kSize : 0);
    for_ways([&](std::int64_t first) HWY_ATTR {
      Complex h[kWays][kN];
      load_states(h, first);
      for (std::int64_t t = 0; t < steps; ++t)
        for (int way = 0; way < kWays; ++way) {
          const auto i = first + way * kLanes;
          const auto x = hn::Load(Wide(), lines.x + t * lines.stride + i);
          float* const out = lines.out + t * lines.stride + i;
          auto y = kBackwards ? hn::Load(Wide(), out) : hn::Mul(hn::Load(Wide(), skip_ + i), x),
               other = hn::Zero(Wide());
          for (int n = 0; n < kN; ++n) {
            const auto weight = load(place(w, n, i)), next = advanced(h[way][n], load(place(g_, n, i)), x);
            const auto& seen = kBackwards ? h[way][n] : next;
            y = hn::MulAdd(weight.re, seen.re, y), other = hn::MulAdd(weight.im, seen.im, other);
            h[way][n] = next;
          }
          hn::Store(hn::Sub(y, other), Wide(), out);
        }
      store_states(h, h_, first);
    });
  }

  /// The states from those in h_, before each step and behind the last, to `all` [steps + 1]; if that is null, those
  /// behind the last to h_.
  void keep_states(std::int64_t steps, const Lines& lines, float* all) const {
    for_ways([&](std::int64_t first) HWY_ATTR {
      Complex h[kWays][kN];
      load_states(h, first);
      for (std::int64_t t = 0; t < steps; ++t)
        for (int way = 0; way < kWays; ++way) {
          const auto i = first + way * kLanes;
          const auto x = hn::Load(Wide(), lines.x + t * lines.stride + i);
          for (int n = 0; n < kN; ++n) {
            if (all) store(h[way][n], place(all + t * kSize, n, i));
            h[way][n] = advanced(h[way][n], load(place(g_, n, i)), x);
          }
        }
      store_states(h, all ? all + steps * kSize : h_, first);
    });
  }

  /// Adjoint of a chunk; h_ holds the gradient of the states, which goes on.
  template <bool kBackwards>
  void differentiate(std::int64_t steps, const Lines& lines) const {
    for (std::int64_t i = 0; i < kTile; i += kLanes) {
      if constexpr (!kBackwards) {
        auto dskip = hn::Load(Wide(), dskip_ + i);
        for (std::int64_t t = 0; t < steps; ++t)
          dskip = hn::MulAdd(hn::Load(Wide(), lines.dy + t * lines.stride + i),
                             hn::Load(Wide(), lines.x + t * lines.stride + i), dskip);
        hn::Store(dskip, Wide(), dskip_ + i);
      }
      for (int n = 0; n < kN; n += kTogether) differentiate_states<kBackwards>(steps, lines, n, i);
    }
  }

  /// Of kTogether states from the first and a vector of lanes. The sums of a chunk are added to all others at its end:
  /// fewer digits are lost.
  template <bool kBackwards>
  HWY_INLINE void differentiate_states(std::int64_t steps, const Lines& lines, int first, std::int64_t i) const {
    float *const weights = w_ + (kBackwards ? kSize : 0), *const dweights = dw_ + (kBackwards ? kSize : 0);
    const auto none = hn::Zero(Wide()), skip = hn::Load(Wide(), skip_ + i);
    Complex g[kTogether], w[kTogether], l[kTogether], dg[kTogether], dw[kTogether];
    for (int k = 0; k < kTogether; ++k) {
      g[k] = load(place(g_, first + k, i)), w[k] = load(place(weights, first + k, i));
      l[k] = load(place(h_, first + k, i)), dg[k] = dw[k] = {none, none};
    }
    for (auto t = steps - 1; t >= 0; --t) {
      const auto dy = hn::Load(Wide(), lines.dy + t * lines.stride + i);
      float* const dx = lines.out + t * lines.stride + i;
      auto sum = first > 0 || kBackwards ? hn::Load(Wide(), dx) : hn::Mul(skip, dy);
      for (int k = 0; k < kTogether; ++k) {
        const auto before = load(place(states_ + t * kSize, first + k, i)),
                   seen = kBackwards ? before : load(place(states_ + (t + 1) * kSize, first + k, i));
        const auto reach = [&]() HWY_ATTR {
          l[k] = {hn::MulAdd(w[k].re, dy, l[k].re), hn::NegMulAdd(w[k].im, dy, l[k].im)};
        };
        dw[k] = {hn::MulAdd(seen.re, dy, dw[k].re), hn::NegMulAdd(seen.im, dy, dw[k].im)};
        if constexpr (!kBackwards) reach();
        dg[k] = {hn::MulAdd(l[k].re, before.re, hn::MulAdd(l[k].im, before.im, dg[k].re)),
                 hn::MulAdd(l[k].im, before.re, hn::NegMulAdd(l[k].re, before.im, dg[k].im))};
        sum = hn::Add(sum, l[k].re);
        l[k] = retreated(l[k], g[k]);
        if constexpr (kBackwards) reach();
      }
      hn::Store(sum, Wide(), dx);
    }
    const auto add = [](const Complex& v, float* to) HWY_ATTR {
      const auto before = load(to);
      store({hn::Add(before.re, v.re), hn::Add(before.im, v.im)}, to);
    };
    for (int k = 0; k < kTogether; ++k) {
      store(l[k], place(h_, first + k, i));
      add(dg[k], place(dg_, first + k, i)), add(dw[k], place(dweights, first + k, i));
    }
  }

  const Convolution& s_;
  std::int64_t row_, first_, width_, steps_;
  float *g_, *w_, *h_, *dg_, *dw_, *buffers_, *skip_, *dskip_, *states_, *boundaries_, *strips_;
};

template <int kN, class Body>
void for_tiles_of(const Convolution& s, Body body) {
  const auto tiles = (s.d + kTile - 1) / kTile;
#pragma omp parallel if (s.b * tiles > 1)
  {
    const auto scratch = hwy::AllocateAligned<float>(static_cast<std::size_t>(Tile<kN>::scratch(s)));
#pragma omp for schedule(static)
    for (std::int64_t item = 0; item < s.b * tiles; ++item)
      body(Tile<kN>(s, item / tiles, item % tiles * kTile, scratch.get()));
  }
}

template <class Body>
void for_tiles(const Convolution& s, Body body) {
  if (s.n <= 1) return for_tiles_of<1>(s, body);
  if (s.n <= 2) return for_tiles_of<2>(s, body);
  if (s.n <= 4) return for_tiles_of<4>(s, body);
  static_assert(kMostPoles == 8);
  for_tiles_of<8>(s, body);
}

void pole_convolution_all(const Convolution& s, float* y) {
  for_tiles(s, [&](auto tile) { tile.run(y); });
}

void pole_convolution_grad_all(const Convolution& s, const Gradient& g) {
  for_tiles(s, [&](auto tile) { tile.run_grad(g); });
  const auto states = 2 * s.plane(), all = (1 + s.directions) * states + s.d;
  const auto sum = [&](std::int64_t from, std::int64_t size, float* to) {
    std::fill_n(to, size, 0.0f);
    for (std::int64_t row = 0; row < s.b; ++row) add_scaled(1, g.workspace + row * all + from, to, size);
  };
  sum(0, states, g.dg);
  sum(states, s.directions * states, g.dw);
  if (s.skip) sum((1 + s.directions) * states, s.d, g.dskip);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(pole_convolution_all);
HWY_EXPORT(pole_convolution_grad_all);

void pole_convolution(const PoleConvolution<float>& s, float* y) { HWY_DYNAMIC_DISPATCH(pole_convolution_all)(s, y); }
void pole_convolution_grad(const PoleConvolution<float>& s, const PoleConvolutionGrad<float>& g) {
  HWY_DYNAMIC_DISPATCH(pole_convolution_grad_all)(s, g);
}

}  // namespace longwave::kernels
#endif
