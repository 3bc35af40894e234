#include "longwave/io/idx.h"

#include "longwave/base/check.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

constexpr unsigned kUnsignedByte = 8;

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

IdxArray parse_idx(std::string bytes, const std::string& name) {
  check(bytes.size() >= 4, name, ": ", bytes.size(), " bytes; expected an IDX file");
  const auto magic = big_endian(bytes, 0);
  const std::size_t extents = magic & 0xff, header = 4 + 4 * extents;
  check(magic >> 8 == kUnsignedByte && extents >= 1 && extents <= 4, name, ": magic number ", magic,
        "; expected an IDX file of bytes (2049 for labels, 2051 for images)");
  check(bytes.size() >= header, name, ": truncated IDX header (", bytes.size(), " bytes; expected ", header, ")");
  IdxArray array;
  std::uint64_t size = 1;
  for (std::size_t i = 0; i < extents; ++i) {
    array.shape.push_back(big_endian(bytes, 4 + 4 * i));
    check(array.shape.back() == 0 || size <= bytes.size() / static_cast<std::uint64_t>(array.shape.back()), name,
          ": truncated IDX file (fewer bytes than its header asks for); get it again");
    size *= static_cast<std::uint64_t>(array.shape.back());
  }
  check(bytes.size() - header == size, name, ": ", bytes.size() - header, " bytes after the header, which asks for ",
        size, "; the file is ", bytes.size() - header < size ? "truncated" : "damaged", ", get it again");
  array.values = std::move(bytes.erase(0, header));
  return array;
}

IdxArray read_idx(const std::filesystem::path& path) { return parse_idx(read_text(path), path.string()); }

}  // namespace longwave
