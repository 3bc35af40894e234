#include "longwave/io/npy.h"

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.h"

namespace longwave {
namespace {

using namespace std::string_literals;

std::string npy(const std::string& type, const std::string& shape, const std::string& data) {
  const auto header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  return "\x93NUMPY\1\0"s + std::string(1, static_cast<char>(header.size())) + '\0' + header + data;
}

TEST(Npy, TextOfFixedWidth) {
  const auto wide = parse_npy_text(npy("<U2", "(1, 2)", "a\0\0\0b\0\0\0c\0\0\0\0\0\0\0"s), "f");
  EXPECT_EQ(wide.shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(wide.values, (std::vector<std::string>{"ab", "c"}));
  EXPECT_EQ(parse_npy_text(npy("|S3", "(2,)", "xy\0abc"s), "f").values, (std::vector<std::string>{"xy", "abc"}));
}

TEST(Npy, TextOfAnotherTypeOrCutShortIsRefused) {
  const auto error = [](const std::string& bytes) { return message_of([&] { parse_npy_text(bytes, "f"); }); };
  EXPECT_EQ(error(npy("|O", "(1,)", "abc")), "f: array of type |O; expected text (<U or |S) in C order");
  EXPECT_NE(error(npy("<U2", "(3,)", std::string(23, 'a'))).find("truncated array"), std::string::npos);
}

}  // namespace
}  // namespace longwave
