#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Which elements a dropout keeps: a function of (key, element index), so that no mask is ever stored.
struct DropoutMask {
  std::uint32_t key_low = 0, key_high = 0;
  std::uint32_t threshold = 0;  // an element is kept when its hash is at least this
  float scale = 1;              // of the kept elements: 1 / (1 - p)

  DropoutMask() = default;
  DropoutMask(double p, std::int64_t key)
      : key_low(static_cast<std::uint32_t>(key)),
        key_high(static_cast<std::uint32_t>(static_cast<std::uint64_t>(key) >> 32)),
        threshold(static_cast<std::uint32_t>(p * 0x1p32)),
        scale(static_cast<float>(1 / (1 - p))) {}

  bool drops() const { return threshold != 0; }

  /// 32 uniform bits for an element: two rounds of the lowbias32 finaliser, one for each half of key and index.
  std::uint32_t hash(std::uint64_t index) const {
    const auto first = mix(static_cast<std::uint32_t>(index) ^ key_low);
    return mix(first + key_high + static_cast<std::uint32_t>(index >> 32));
  }
  bool keeps(std::uint64_t index) const { return hash(index) >= threshold; }

  /// lowbias32: public domain, by C. Wellons (exact bias 0.174).
  static std::uint32_t mix(std::uint32_t v) {
    v = (v ^ (v >> 16)) * 0x7feb352du;
    v = (v ^ (v >> 15)) * 0x846ca68bu;
    return v ^ (v >> 16);
  }
};

/// y[i] = x[i] / (1 - p) where the mask keeps i, else 0. In place is allowed.
void dropout(const float* x, float* y, std::int64_t n, const DropoutMask& mask);

/// The definition, for float and double: scalar.
template <class T>
void dropout_reference(const T* x, T* y, std::int64_t n, const DropoutMask& mask, double p);

}  // namespace longwave::kernels
