#include "longwave/io/png_write.h"

#include <png.h>

#include "longwave/base/check.h"

namespace longwave {

std::string png_of(std::span<const std::uint8_t> pixels, std::int64_t height, std::int64_t width) {
  check(static_cast<std::int64_t>(pixels.size()) == height * width && height > 0 && width > 0, "an image of ", height,
        " x ", width, " has ", pixels.size(), " pixels; expected ", height * width);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(height);
  image.width = static_cast<png_uint_32>(width);
  image.format = PNG_FORMAT_GRAY;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string text(bytes, '\0');
  check(png_image_write_to_memory(&image, text.data(), &bytes, 0, pixels.data(), 0, nullptr) != 0,
        "PNG: ", image.message);
  text.resize(bytes);
  return text;
}

}  // namespace longwave
