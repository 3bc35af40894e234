#include "longwave/report/tensorboard.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"

namespace longwave {
namespace {

static_assert(std::endian::native == std::endian::little, "the event file stores little-endian numbers");

template <class T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The part of the protocol-buffer wire format that an Event needs. A key is field number and wire type.
enum Wire : unsigned { varint = 0, fixed64 = 1, delimited = 2, fixed32 = 5 };

std::string encode_varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string key(unsigned field, Wire wire) { return encode_varint(field << 3 | wire); }
std::string message(unsigned field, std::string_view body) {
  return key(field, delimited) + encode_varint(body.size()) + std::string(body);
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// Event: wall_time = 1 (double), step = 2 (int64), file_version = 3 (string), summary = 5 (Summary).
std::string event(double wall_time, std::int64_t step, const std::string& content) {
  return key(1, fixed64) + bytes_of(wall_time) + key(2, varint) + encode_varint(static_cast<std::uint64_t>(step)) +
         content;
}

std::string host_name() {
  char name[256] = "host";
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

EventWriter::EventWriter(const std::filesystem::path& folder, const std::string& suffix) {
  make_folder(folder);
  const double start = now();
  path_ = folder / ("events.out.tfevents." + std::to_string(static_cast<std::int64_t>(start)) + "." + host_name() +
                    "." + std::to_string(::getpid()) + suffix);
  file_ = std::fopen(path_.c_str(), "ab");
  check(file_, path_.string(), ": cannot be written: ", std::strerror(errno));
  record(event(start, 0, message(3, "brain.Event:2")));
}

EventWriter::~EventWriter() { std::fclose(file_); }

void EventWriter::scalar(const std::string& tag, double value, std::int64_t step, double wall_time) {
  // Summary: value = 1 (Value); Value: tag = 1 (string), simple_value = 2 (float).
  const auto content = message(1, tag) + key(2, fixed32) + bytes_of(static_cast<float>(value));
  record(event(wall_time > 0 ? wall_time : now(), step, message(5, message(1, content))));
}

/// TFRecord: length, its checksum, data, their checksum.
void EventWriter::record(std::string_view data) {
  const auto length = bytes_of(static_cast<std::uint64_t>(data.size()));
  auto framed = length + bytes_of(masked_crc32c(length));
  framed += data;
  framed += bytes_of(masked_crc32c(data));
  const bool written = std::fwrite(framed.data(), 1, framed.size(), file_) == framed.size() && std::fflush(file_) == 0;
  check(written, path_.string(), ": cannot be written: ", std::strerror(errno));
}

std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      auto c = i;
      for (int bit = 0; bit < 8; ++bit) c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  auto crc = 0xFFFFFFFFu;
  for (const unsigned char byte : bytes) crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF];
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  const auto crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

}  // namespace longwave
