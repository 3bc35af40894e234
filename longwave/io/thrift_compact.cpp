#include "longwave/io/thrift_compact.h"

namespace longwave {

void ThriftReader::skip(int type) {
  switch (type) {
    case kTrue:
    case kFalse:
      return;
    case kByte:
      in_.take(1);
      return;
    case kInt16:
    case kInt32:
    case kInt64:
      in_.varint();
      return;
    case kDouble:
      in_.take(8);
      return;
    case kUuid:
      in_.take(16);
      return;
    case kBinary:
      in_.take(in_.varint());
      return;
    case kStruct:
      return fields([](std::int64_t) {});
    case kList:
    case kSet: {
      const Nesting nesting(*this);
      const auto head = in_.number<std::uint8_t>();
      const auto count = head >> 4 == 15 ? in_.varint() : head >> 4;
      const auto element = head & 15;
      for (std::uint64_t i = 0; i < count; ++i)
        if (element <= kFalse)
          in_.take(1);  // an element has its value, a field's is in its type
        else
          skip(element);
      return;
    }
    case kMap: {
      const Nesting nesting(*this);
      const auto count = in_.varint();
      if (count == 0) return;
      const auto types = in_.number<std::uint8_t>();
      for (std::uint64_t i = 0; i < count; ++i)
        for (const int one : {types >> 4, types & 15})
          if (one <= kFalse)
            in_.take(1);
          else
            skip(one);
      return;
    }
    default:
      expect(false);
  }
}

}  // namespace longwave
