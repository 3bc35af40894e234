#pragma once

#include <cstdint>

namespace longwave::kernels {

inline constexpr std::int64_t kPad = 16;  // floats; the widest vector in use
inline std::int64_t padded(std::int64_t n) { return (n + kPad - 1) / kPad * kPad; }

inline constexpr std::int64_t kChunk = 64;  // steps of a chunk of linear attention
inline constexpr std::int64_t kBlock = 16;  // steps of a block of it, from whose start its own decays count

}  // namespace longwave::kernels
