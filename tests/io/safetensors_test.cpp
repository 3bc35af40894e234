#include "longwave/io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"

namespace longwave {
namespace {

std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, '\1');
}

std::string error_of(const std::string& bytes) {
  try {
    SafetensorsFile(bytes, "a.safetensors");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Safetensors, WritesWhatItReads) {
  const auto path = std::filesystem::temp_directory_path() / "longwave_safetensors_test.safetensors";
  const float numbers[] = {1, 2, 3, 4, 5, 6};
  const std::int64_t index[] = {7};
  const std::uint8_t small[] = {1, 0, 1};
  const auto view = [](Dtype dtype, std::vector<std::int64_t> shape, const auto& data) {
    return TensorView{dtype, std::move(shape), reinterpret_cast<const std::byte*>(data), sizeof data};
  };
  write_safetensors(path, {{"case", "round trip"}},
                    {{"a", view(Dtype::u8, {3}, small)},
                     {"b", view(Dtype::f32, {2, 3}, numbers)},
                     {"c", view(Dtype::i64, {}, index)}});
  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("case"), "round trip");
  EXPECT_EQ(file.at("b").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.at("b").data, numbers, sizeof numbers), 0);
  EXPECT_EQ(file.at("c").count(), 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.at("c").data) % 8, 0u);
  EXPECT_EQ(std::memcmp(file.at("a").data, small, sizeof small), 0);
  std::filesystem::remove(path);
}

TEST(Safetensors, EveryDefectIsOneClearLine) {
  EXPECT_NE(error_of("abc").find("3 bytes; expected a safetensors file"), std::string::npos);
  EXPECT_NE(error_of(std::string(8, '\xff')).find("truncated"), std::string::npos);
  EXPECT_NE(error_of(file_of("nonsense", 0)).find("not a JSON object"), std::string::npos);
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_EQ(error_of(file_of(good, 8)), "");
  EXPECT_NE(error_of(file_of(good, 7)).find("truncated"), std::string::npos);
  EXPECT_NE(error_of(file_of(good, 12)).find("describes 8 bytes"), std::string::npos);
  EXPECT_NE(error_of(file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8)).find("do not fit shape"),
            std::string::npos);
  const std::string deep(1000000, '['), closed(1000000, ']');
  EXPECT_NE(error_of(file_of(R"({"a":{"dtype":"F32","shape":[)" + deep + closed + R"(],"data_offsets":[0,8]}})", 8))
                .find("shape holds array"),
            std::string::npos);
  EXPECT_NE(error_of(file_of(R"({"__metadata__":{"a":)" + deep + closed + "}}", 0)).find("no text but array"),
            std::string::npos);
  EXPECT_NE(error_of(file_of(R"({"a":{"dtype":"X1","shape":[2],"data_offsets":[0,8]}})", 8)).find("dtype is X1"),
            std::string::npos);
  EXPECT_NE(error_of(file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0))
                .find("do not fit"),
            std::string::npos);
  EXPECT_NE(error_of(file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                             R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                             8))
                .find("overlap"),
            std::string::npos);
}

}  // namespace
}  // namespace longwave
