#include "longwave/report/tensorboard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "longwave/base/atomic_file.h"

namespace longwave {
namespace {

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(masked_crc32c(std::string("\x18\0\0\0\0\0\0\0", 8)), 0x224B7FA3u);  // length 24: starts every event file
}

struct Scalar {
  std::string tag;
  float value = 0;
  std::uint64_t step = 0;
  double time = 0;
};

std::uint64_t varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(in.at(0));
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

template <class T>
T take(std::string_view& in) {
  T value;
  std::memcpy(&value, in.substr(0, sizeof value).data(), sizeof value);
  in.remove_prefix(sizeof value);
  return value;
}

/// Walks any message of the format; nested messages have field numbers 5 (summary) and 1 (value) as in Event.
void decode(std::string_view in, int depth, Scalar& out) {
  while (!in.empty()) {
    const auto key = varint(in);
    const auto field = key >> 3;
    switch (key & 7) {
      case 0:
        out.step = varint(in);
        break;
      case 1:
        out.time = take<double>(in);
        break;
      case 5:
        out.value = take<float>(in);
        break;
      case 2: {
        const auto size = varint(in);
        const auto body = in.substr(0, size);
        in.remove_prefix(body.size());
        if ((depth == 0 && field == 5) || (depth == 1 && field == 1))
          decode(body, depth + 1, out);
        else
          out.tag = body;
        break;
      }
      default:
        FAIL() << "wire type " << (key & 7);
    }
  }
}

std::vector<Scalar> read_events(const std::filesystem::path& path) {
  const auto text = read_file(path);
  std::string_view in = text;
  std::vector<Scalar> events;
  while (!in.empty()) {
    const auto length_bytes = in.substr(0, 8);
    const auto length = take<std::uint64_t>(in);
    EXPECT_EQ(take<std::uint32_t>(in), masked_crc32c(length_bytes));
    const auto data = in.substr(0, length);
    in.remove_prefix(length);
    EXPECT_EQ(take<std::uint32_t>(in), masked_crc32c(data));
    decode(data, 0, events.emplace_back());
  }
  return events;
}

TEST(EventWriter, WritesARecordThatCanBeReadBackBeforeItIsClosed) {
  const auto folder = std::filesystem::temp_directory_path() / ("lw_events_" + std::to_string(::getpid()));
  {
    EventWriter writer(folder);
    writer.scalar("loss/train", 0.375, 300, 1700000000.25);
    writer.scalar("loss/val", -2, 1, 0);
    const auto events = read_events(writer.path());
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].tag, "brain.Event:2");
    EXPECT_EQ(events[1].tag, "loss/train");
    EXPECT_EQ(events[1].value, 0.375f);
    EXPECT_EQ(events[1].step, 300u);
    EXPECT_EQ(events[1].time, 1700000000.25);
    EXPECT_EQ(events[2].value, -2.0f);
    EXPECT_GT(events[2].time, 1.7e9);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace longwave
