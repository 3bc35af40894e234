#include <algorithm>
#include <complex>
#include <vector>

#include "longwave/kernels/dplr_recurrence.h"

namespace longwave::kernels {
namespace {

/// The n numbers of a channel, from planes [2, n, d], or those of all channels, from [2, n, 1].
template <class T>
std::vector<std::complex<T>> numbers(const DplrRecurrence<T>& s, const T* planes, std::int64_t channel,
                                     bool shared = false) {
  const auto stride = shared ? 1 : s.d;
  const T* first = shared ? planes : planes + channel;
  std::vector<std::complex<T>> all;
  for (std::int64_t n = 0; n < s.n; ++n) all.emplace_back(first[n * stride], first[(s.n + n) * stride]);
  return all;
}

template <class T>
T pair_sum(const std::vector<std::complex<T>>& x, const std::vector<std::complex<T>>& y) {
  T sum = 0;
  for (std::size_t n = 0; n < x.size(); ++n) sum += 2 * std::real(x[n] * y[n]);
  return sum;
}

template <class T>
void run_channel(const DplrRecurrence<T>& s, std::int64_t row, std::int64_t channel) {
  const auto g = numbers(s, s.g, channel, s.g_shared), b = numbers(s, s.b, channel, s.b_shared);
  auto h = numbers(s, s.before + row * 2 * s.plane(), channel);
  for (std::int64_t t = 0; t < s.length(row); ++t) {
    const T x = s.x[(row * s.t + t) * s.d + channel];
    auto next = h;
    for (std::int64_t n = 0; n < s.n; ++n) next[n] += g[n] * h[n] + b[n] * x;
    for (std::int64_t j = 0; j < s.r; ++j) {
      const auto p = numbers(s, s.p + j * 2 * s.plane(), channel), q = numbers(s, s.q + j * 2 * s.plane(), channel);
      const T through = pair_sum(q, h);
      for (std::int64_t n = 0; n < s.n; ++n) next[n] -= through * p[n];
    }
    h = next;
    for (std::int64_t m = 0; m < s.m; ++m)
      s.y[((row * s.t + t) * s.m + m) * s.d + channel] = pair_sum(numbers(s, s.c + m * 2 * s.plane(), channel), h);
  }
  T* behind = s.behind + row * 2 * s.plane();
  for (std::int64_t n = 0; n < s.n; ++n) {
    behind[n * s.d + channel] = h[n].real();
    behind[s.plane() + n * s.d + channel] = h[n].imag();
  }
}

}  // namespace

template <class T>
void dplr_recurrence_reference(const DplrRecurrence<T>& s) {
  std::fill_n(s.y, s.rows * s.t * s.m * s.d, T(0));
  for (std::int64_t row = 0; row < s.rows; ++row)
    for (std::int64_t channel = 0; channel < s.d; ++channel) run_channel(s, row, channel);
}

template void dplr_recurrence_reference(const DplrRecurrence<float>&);
template void dplr_recurrence_reference(const DplrRecurrence<double>&);

}  // namespace longwave::kernels
