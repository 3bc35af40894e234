#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "longwave/base/check.h"

namespace longwave {

/// Takes numbers and pieces off the front of bytes in memory. UserError that begins with `where` at their end.
class ByteReader {
 public:
  /// Both must outlive the reader.
  ByteReader(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  std::size_t left() const { return rest_.size(); }
  const std::string& where() const { return where_; }

  std::string_view take(std::size_t size) {
    check(size <= rest_.size(), where_, ": damaged or cut short (", size, " bytes are needed where ", rest_.size(),
          " are left)");
    const auto piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }
  /// A little-endian number.
  template <class T>
  T number() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  /// Seven bits a byte, the lowest first, the eighth set in all bytes but the last.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = number<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail(where_, ": damaged (a number of more than 64 bits)");
  }
  /// The same for numbers with a sign: 0, -1, 1, -2, ...
  std::int64_t zigzag() {
    const auto value = varint();
    return static_cast<std::int64_t>(value >> 1 ^ (0 - (value & 1)));
  }

 private:
  std::string_view rest_;
  const std::string& where_;
};

}  // namespace longwave
