#pragma once

#include <cstdint>
#include <string_view>

#include "longwave/io/byte_reader.h"

namespace longwave {

/// Structures of Thrift's compact protocol, field by field:
/// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
class ThriftReader {
 public:
  explicit ThriftReader(ByteReader& in) : in_(in) {}

  /// Calls visit(id) for the fields of a structure. What it does not read is passed over.
  template <class Visit>
  void fields(const Visit& visit) {
    const Nesting nesting(*this);
    for (std::int64_t id = 0;;) {
      const auto head = in_.number<std::uint8_t>();
      if (head == 0) return;
      id = head >> 4 ? id + (head >> 4) : in_.zigzag();
      type_ = head & 15;
      unread_ = true;
      visit(id);
      if (unread_) skip(type_);
    }
  }
  /// Calls visit() for the elements of a list, which it must read.
  template <class Visit>
  void list(const Visit& visit) {
    expect(type_ == kList || type_ == kSet);
    const auto head = in_.number<std::uint8_t>();
    const auto count = head >> 4 == 15 ? in_.varint() : head >> 4;
    const auto type = head & 15;
    for (std::uint64_t i = 0; i < count; ++i) {
      type_ = type;
      unread_ = true;
      visit();
    }
    unread_ = false;
  }
  /// A structure that is a field or an element.
  template <class Visit>
  void structure(const Visit& visit) {
    expect(type_ == kStruct);
    fields(visit);
    unread_ = false;
  }
  std::int64_t integer() {
    expect(type_ == kInt16 || type_ == kInt32 || type_ == kInt64);
    unread_ = false;
    return in_.zigzag();
  }
  bool boolean() {
    expect(type_ == kTrue || type_ == kFalse);
    unread_ = false;
    return type_ == kTrue;
  }
  std::string_view text() {
    expect(type_ == kBinary);
    unread_ = false;
    return in_.take(in_.varint());
  }

 private:
  enum Type { kTrue = 1, kFalse, kByte, kInt16, kInt32, kInt64, kDouble, kBinary, kList, kSet, kMap, kStruct, kUuid };

  /// Structures within structures, which a damaged file could have without end.
  struct Nesting {
    explicit Nesting(ThriftReader& reader) : depth(reader.depth_) { reader.expect(++depth < 32); }
    ~Nesting() { --depth; }
    int& depth;
  };

  void expect(bool ok) const { check(ok, in_.where(), ": damaged (its description is not what it should be)"); }
  void skip(int type);

  ByteReader& in_;
  int type_ = 0, depth_ = 0;  // of the field or element that comes next
  bool unread_ = false;
};

}  // namespace longwave
