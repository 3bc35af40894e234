#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace longwave {

/// A PNG file of 8-bit grey, as bytes. `pixels` are [height, width].
std::string png_of(std::span<const std::uint8_t> pixels, std::int64_t height, std::int64_t width);

}  // namespace longwave
