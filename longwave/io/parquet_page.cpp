#include "longwave/io/parquet_page.h"

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "longwave/io/text_source.h"

namespace longwave {
namespace {

constexpr const char* kCodecs[] = {"none", "snappy", "gzip", "LZO", "Brotli", "LZ4", "zstd", "LZ4_RAW"};
constexpr std::size_t kSnappyRatio = 22, kZstdRatio = 1 << 15, kZstdBlock = 1 << 17;  // of the formats, at most

std::string unpack(ParquetCodec codec, std::string_view packed, std::size_t size, const std::string& where) {
  const auto expect = [&](bool ok) {
    check(ok, where, ": damaged (a page of ", packed.size(), " bytes does not unpack to ", size, ")");
  };
  std::string bytes;
  if (codec == ParquetCodec::snappy) {
    std::size_t claimed = 0;
    expect(size / kSnappyRatio <= packed.size());
    expect(snappy::GetUncompressedLength(packed.data(), packed.size(), &claimed) && claimed == size);
    bytes.resize(size);
    expect(snappy::RawUncompress(packed.data(), packed.size(), bytes.data()));
  } else if (codec == ParquetCodec::zstd) {
    expect(size <= packed.size() * kZstdRatio + kZstdBlock);
    bytes.resize(size);
    expect(ZSTD_decompress(bytes.data(), size, packed.data(), packed.size()) == size);
  } else {
    expect(packed.starts_with("\x1f\x8b"));
    bytes = unpack_text(std::string(packed), where);
    expect(bytes.size() == size);
  }
  return bytes;
}

}  // namespace

ParquetPage::ParquetPage(ByteReader& in, ParquetCodec codec, bool optional) : header(read_parquet_page_header(in)) {
  const auto& where = in.where();
  auto stored = in.take(header.packed_size);
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(stored.data()), stored.size());
  check(header.checksum < 0 || static_cast<std::uint64_t>(header.checksum) == sum, where,
        ": damaged (the checksum of a page is wrong); get the file again");
  const auto kind = static_cast<ParquetPageType>(header.type);
  auto size = static_cast<std::size_t>(header.size);
  if (kind == ParquetPageType::data_v2) {  // its levels are never packed
    ByteReader parts(stored, where);
    parts.take(header.repeats_size);
    levels = parts.take(header.levels_size);
    const auto before = stored.size() - parts.left();
    check(size >= before, where, ": damaged (a page of ", size, " bytes with ", before, " of levels)");
    size -= before;
    stored = parts.take(parts.left());
  }
  if (codec == ParquetCodec::none || !header.packed) {
    check(stored.size() == size, where, ": damaged (a page of ", stored.size(), " bytes; expected ", size, ")");
    values = stored;
  } else if (size > 0) {  // else what is stored may be nothing at all
    const auto number = static_cast<std::size_t>(codec);
    check(codec == ParquetCodec::snappy || codec == ParquetCodec::gzip || codec == ParquetCodec::zstd, where,
          " is packed by ", number < std::size(kCodecs) ? kCodecs[number] : "an unknown method",
          ", which is not read; expected snappy, gzip, zstd or none");
    values = unpacked_ = unpack(codec, stored, size, where);
  }
  if (kind == ParquetPageType::data && optional) {
    ByteReader parts(values, where);
    const bool runs = static_cast<ParquetEncoding>(header.levels_encoding) == ParquetEncoding::rle;
    levels = parts.take(runs ? parts.number<std::uint32_t>() : (header.values + 7) / 8);
    values = parts.take(parts.left());
  }
}

}  // namespace longwave
