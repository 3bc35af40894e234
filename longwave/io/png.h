#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace longwave {

/// A grey image, row by row.
struct GreyImage {
  std::int64_t height = 0, width = 0;
  std::string pixels;  // [height, width], unsigned bytes
};

/// Reads a PNG file of 8-bit grey. UserError if it is damaged, cut short, has colours, transparency or 16 bits.
GreyImage read_png(const std::filesystem::path& path);

/// The same from bytes in memory; `name` stands for the path in messages.
GreyImage parse_png(const std::string& bytes, const std::string& name);

}  // namespace longwave
