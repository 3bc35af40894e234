#include "longwave/io/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include "tests/support/scratch_folder.h"

namespace longwave {
namespace {

std::string png_of(const std::string& pixels, unsigned width, unsigned format = PNG_FORMAT_GRAY) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.format = format;
  image.height = static_cast<unsigned>(pixels.size()) / PNG_IMAGE_ROW_STRIDE(image);
  png_alloc_size_t size = 100000;
  std::string bytes(size, '\0');
  png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr);
  bytes.resize(size);
  return bytes;
}

TEST(Png, ReadsEveryGreyLevelAsItIs) {
  std::string levels;
  for (int i = 0; i < 256; ++i) levels += static_cast<char>(i);
  const auto image = parse_png(png_of(levels, 32), "f");
  EXPECT_EQ(image.height, 8);
  EXPECT_EQ(image.width, 32);
  EXPECT_EQ(image.pixels, levels);
}

TEST(Png, DamageAndOtherFormsAreOneClearLine) {
  const auto error = [](const std::string& bytes) { return message_of([&] { parse_png(bytes, "f"); }); };
  EXPECT_EQ(error(""), "f: empty file; expected a PNG image");
  EXPECT_NE(error("no image at all").find("f: damaged or no PNG image"), std::string::npos);
  const auto whole = png_of(std::string(64 * 64, 'g'), 64);
  EXPECT_NE(error(whole.substr(0, whole.size() - 20)).find("damaged or truncated PNG image"), std::string::npos);
  EXPECT_NE(error(png_of(std::string(48, 'c'), 4, PNG_FORMAT_RGB)).find("expected 8-bit grey"), std::string::npos);
}

}  // namespace
}  // namespace longwave
