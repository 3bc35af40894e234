#include "longwave/io/png.h"

#include <png.h>

#include <memory>

#include "longwave/base/check.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

constexpr std::uint64_t kPixels = 1 << 26;  // far above any image of the sets, far below what exhausts memory

}  // namespace

GreyImage parse_png(const std::string& bytes, const std::string& name) {
  check(!bytes.empty(), name, ": empty file; expected a PNG image");
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> guard(&image, png_image_free);
  check(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()), name, ": damaged or no PNG image (",
        image.message, ")");
  check(image.format == PNG_FORMAT_GRAY, name, ": the image has colours, transparency or 16 bits; expected 8-bit grey");
  check(std::uint64_t{image.width} * image.height <= kPixels, name, ": ", image.height, " x ", image.width,
        " pixels; expected at most ", kPixels);
  GreyImage grey{image.height, image.width, std::string(PNG_IMAGE_SIZE(image), '\0')};
  check(png_image_finish_read(&image, nullptr, grey.pixels.data(), 0, nullptr), name,
        ": damaged or truncated PNG image (", image.message, ")");
  return grey;
}

GreyImage read_png(const std::filesystem::path& path) { return parse_png(read_bytes(path), path.string()); }

}  // namespace longwave
