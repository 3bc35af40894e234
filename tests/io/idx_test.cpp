#include "longwave/io/idx.h"

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.h"

namespace longwave {
namespace {

using namespace std::string_literals;

const std::string kImages = "\0\0\x8\x3\0\0\0\2\0\0\0\1\0\0\0\3"s + "abcxyz";

std::string error_of(const std::string& bytes) {
  return message_of([&] { parse_idx(bytes, "f"); });
}

TEST(Idx, ReadsShapeAndBytes) {
  const auto array = parse_idx(kImages, "f");
  EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 1, 3}));
  EXPECT_EQ(array.values, "abcxyz");
}

TEST(Idx, DamageIsOneClearLine) {
  EXPECT_EQ(error_of("ab"), "f: 2 bytes; expected an IDX file");
  EXPECT_EQ(error_of("GIF89a"),
            "f: magic number 1195984440; expected an IDX file of bytes (2049 for labels, 2051 for images)");
  EXPECT_NE(error_of("\0\0\xd\1\0\0\0\1\0\0\0\0"s).find("magic number 3329"), std::string::npos);  // floats
  EXPECT_EQ(error_of(kImages.substr(0, 10)), "f: truncated IDX header (10 bytes; expected 16)");
  EXPECT_EQ(error_of(kImages.substr(0, 20)),
            "f: 4 bytes after the header, which asks for 6; the file is truncated, get it again");
  EXPECT_NE(error_of(kImages + "!").find("damaged"), std::string::npos);
  EXPECT_NE(error_of("\0\0\x8\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s).find("truncated"),
            std::string::npos);  // the product of the extents does not fit 64 bits
}

}  // namespace
}  // namespace longwave
