#include "longwave/ops/fft_convolution.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include "longwave/base/check.h"

namespace longwave::ops {
namespace {

using at::Tensor;

void check_inputs(const Tensor& u, const Tensor& k, std::int64_t origin) {
  check(u.dim() == 3, "fft_convolution: u is ", u.sizes(), "; expected [b, t, h]");
  check(u.scalar_type() == at::kFloat || u.scalar_type() == at::kDouble, "fft_convolution: u is ", u.scalar_type(),
        "; expected float or double");
  check(k.dim() == 3 && k.size(1) == u.size(2), "fft_convolution: k is ", k.sizes(),
        "; expected [c, h, l] with h = ", u.size(2), " like u");
  check(k.scalar_type() == u.scalar_type(), "fft_convolution: k is ", k.scalar_type(), "; expected ", u.scalar_type(),
        " like u");
  check(u.size(1) > 0 && k.size(2) > 0, "fft_convolution: u is ", u.sizes(), ", k is ", k.sizes(),
        "; expected at least one step");
  check(origin >= 0 && origin < k.size(2), "fft_convolution: origin is ", origin, "; expected 0 .. ", k.size(2) - 1);
}

/// The smallest length >= n without prime factors above five.
std::int64_t smooth_length(std::int64_t n) {
  for (;; ++n) {
    auto rest = n;
    for (const std::int64_t factor : {2, 3, 5})
      while (rest % factor == 0) rest /= factor;
    if (rest == 1) return n;
  }
}

Tensor composed(const Tensor& u, const Tensor& k, std::int64_t origin) {
  check_inputs(u, k, origin);
  const auto t = u.size(1), later = k.size(2) - origin;
  const auto length = smooth_length(t + std::max(later - 1, origin));
  const auto circular = at::cat(
      {k.slice(2, origin), at::zeros({k.size(0), k.size(1), length - k.size(2)}, k.options()), k.slice(2, 0, origin)},
      2);
  const auto spectrum = at::fft_rfft(u.transpose(1, 2), length).unsqueeze(1) * at::fft_rfft(circular);  // [b, c, h, .]
  return at::fft_irfft(spectrum, length).narrow(3, 0, t).permute({0, 3, 1, 2}).reshape({u.size(0), t, -1});
}

Tensor convolution_meta(const Tensor& u, const Tensor& k, std::int64_t origin) {
  check_inputs(u, k, origin);
  return at::empty({u.size(0), u.size(1), k.size(0) * k.size(1)}, u.options());
}

/// Entries that no pair of steps of a sequence of length t meets are dropped.
Tensor crop(const Tensor& k, std::int64_t t, std::int64_t& origin) {
  const auto first = std::max<std::int64_t>(0, origin - (t - 1)), last = std::min(k.size(2), origin + t);
  origin -= first;
  return k.slice(2, first, last);
}

}  // namespace

Tensor fft_convolution(const Tensor& u, const Tensor& k, std::int64_t origin) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("longwave::fft_convolution", "")
                             .typed<Tensor(const Tensor&, const Tensor&, std::int64_t)>();
  check_inputs(u, k, origin);
  const auto cropped = crop(k, u.size(1), origin);
  return op.call(u, cropped, origin);
}

Tensor fft_convolution(const Tensor& u, const Tensor& k_any, const ConvolutionParts& parts) {
  auto k = k_any;
  const auto origin = parts.reverse.defined() ? parts.reverse.size(2) - (1 - parts.lag) : 0;
  if (parts.reverse.defined()) {
    check(parts.lag == 0 || parts.lag == 1, "fft_convolution: lag is ", parts.lag, "; expected 0 or 1");
    if (parts.lag == 0) k = k + at::constant_pad_nd(parts.reverse.slice(2, 0, 1), {0, k.size(2) - 1});
    k = at::cat({parts.reverse.slice(2, 1 - parts.lag).flip(2), k}, 2);
  }
  if (parts.skip.defined()) {
    check(parts.skip.dim() == 2 && parts.skip.size(0) == k.size(0) && parts.skip.size(1) == k.size(1),
          "fft_convolution: skip is ", parts.skip.sizes(), "; expected [c, h] = [", k.size(0), ", ", k.size(1), "]");
    k = k + at::constant_pad_nd(parts.skip.unsqueeze(2), {origin, k.size(2) - 1 - origin});
  }
  return fft_convolution(u, k, origin);
}

TORCH_LIBRARY_FRAGMENT(longwave, library) {
  library.def("fft_convolution(Tensor u, Tensor k, int origin=0) -> Tensor");
}

TORCH_LIBRARY_IMPL(longwave, CPU, library) { library.impl("fft_convolution", &composed); }
TORCH_LIBRARY_IMPL(longwave, Meta, library) { library.impl("fft_convolution", &convolution_meta); }
TORCH_LIBRARY_IMPL(longwave, Autograd, library) { library.impl("fft_convolution", &composed); }

}  // namespace longwave::ops
