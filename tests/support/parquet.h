#pragma once

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/io/parquet_metadata.h"

namespace longwave::testing {

// Thrift's compact protocol: values with their type before them.

inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes += static_cast<char>(value);
}
inline std::string zigzag(std::int64_t value) {
  return varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}
inline std::string thrift_int(std::int64_t value) { return "\x06" + zigzag(value); }
inline std::string thrift_text(const std::string& text) { return "\x08" + varint(text.size()) + text; }
inline std::string thrift_bool(bool value) { return value ? "\x01" : "\x02"; }

struct ThriftField {
  int id;
  std::string value;
};
inline std::string thrift_struct(const std::vector<ThriftField>& fields) {
  std::string bytes = "\x0c";
  int last = 0;
  for (const auto& [id, value] : fields) {
    bytes += static_cast<char>((id - last) << 4 | value[0]);
    bytes += value.substr(1);
    last = id;
  }
  return bytes + '\0';
}
inline std::string thrift_list(const std::vector<std::string>& elements) {
  std::string bytes = std::string("\x09") + static_cast<char>(0xf0 | (elements.empty() ? 12 : elements[0][0])) +
                      varint(elements.size());
  for (const auto& element : elements) bytes += element.substr(1);
  return bytes;
}

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string plain_texts(const std::vector<std::string>& texts) {
  std::string bytes;
  for (const auto& text : texts) bytes += raw(static_cast<std::uint32_t>(text.size())) + text;
  return bytes;
}
template <class T>
std::string plain_numbers(const std::vector<T>& numbers) {
  std::string bytes;
  for (const auto number : numbers) bytes += raw(number);
  return bytes;
}
/// One run of the same number, below 256.
inline std::string run(std::size_t count, int number) { return varint(count << 1) + static_cast<char>(number); }

inline std::string pack(ParquetCodec codec, const std::string& bytes) {
  std::string packed;
  if (codec == ParquetCodec::snappy) {
    snappy::Compress(bytes.data(), bytes.size(), &packed);
  } else if (codec == ParquetCodec::zstd) {
    packed.resize(ZSTD_compressBound(bytes.size()));
    packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
  } else if (codec == ParquetCodec::gzip) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    packed.resize(deflateBound(&stream, bytes.size()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
  } else {
    return bytes;
  }
  return packed;
}

/// A page of a Parquet file: its type, the number of values, their encoding and bytes.
struct Page {
  ParquetPageType type = ParquetPageType::data;
  std::int64_t count = 0;
  ParquetEncoding encoding = ParquetEncoding::plain;
  std::string values = {};
  std::string levels = {};  // of an optional column, in runs
  bool checksum = false;
  std::int64_t claimed_size = -1;  // once unpacked, where it is not the true one

  std::string bytes(ParquetCodec codec) const {
    const bool second = type == ParquetPageType::data_v2;
    auto body = values;
    if (!second && !levels.empty()) body = raw(static_cast<std::uint32_t>(levels.size())) + levels + values;
    const auto stored = second ? levels + pack(codec, values) : pack(codec, body);
    const auto size = claimed_size >= 0 ? claimed_size : std::ssize(body) + (second ? std::ssize(levels) : 0);
    const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(stored.data()), stored.size());
    const auto number = thrift_int(static_cast<int>(encoding)), many = thrift_int(count), none = thrift_int(0);
    std::vector<ThriftField> head{
        {1, thrift_int(static_cast<int>(type))}, {2, thrift_int(size)}, {3, thrift_int(std::ssize(stored))}};
    if (checksum) head.push_back({4, thrift_int(static_cast<std::int32_t>(sum))});
    if (second)
      head.push_back({8, thrift_struct({{1, many},
                                        {2, none},
                                        {3, many},
                                        {4, number},
                                        {5, thrift_int(std::ssize(levels))},
                                        {6, none},
                                        {7, thrift_bool(codec != ParquetCodec::none)}})});
    else if (type == ParquetPageType::dictionary)
      head.push_back({7, thrift_struct({{1, many}, {2, number}})});
    else
      head.push_back({5, thrift_struct({{1, many}, {2, number}, {3, thrift_int(3)}, {4, thrift_int(3)}})});
    return thrift_struct(head).substr(1) + stored;
  }
};

/// A column with the pages of every group of rows, a dictionary first; or, without any, one that has others within it.
struct PageColumn {
  std::string name;
  ParquetType type = ParquetType::bytes;
  bool optional = false;
  ParquetCodec codec = ParquetCodec::none;
  std::vector<std::vector<Page>> groups = {};
  std::vector<ThriftField> more = {};  // of its element of the schema, from 5 on
};

/// A Parquet file of these columns.
inline std::string parquet_file(const std::vector<PageColumn>& columns) {
  std::string bytes = "PAR1";
  std::vector<std::string> schema{thrift_struct({{4, thrift_text("schema")}, {5, thrift_int(std::ssize(columns))}})};
  for (const auto& column : columns) {
    std::vector<ThriftField> element{{1, thrift_int(static_cast<int>(column.type))},
                                     {3, thrift_int(column.optional)},
                                     {4, thrift_text(column.name)}};
    element.insert(element.end(), column.more.begin(), column.more.end());
    schema.push_back(thrift_struct(element));
  }
  std::vector<std::string> groups;
  std::int64_t all_rows = 0;
  for (std::size_t group = 0; group < columns.back().groups.size(); ++group) {
    std::vector<std::string> chunks;
    std::int64_t rows = 0;
    for (const auto& column : columns) {
      if (column.groups.empty()) continue;
      std::int64_t dictionary = 0, data = 0;
      rows = 0;
      for (const auto& page : column.groups[group]) {
        if (page.type == ParquetPageType::dictionary)
          dictionary = std::ssize(bytes);
        else
          rows += page.count;
        if (data == 0 && page.type != ParquetPageType::dictionary) data = std::ssize(bytes);
        bytes += page.bytes(column.codec);
      }
      std::vector<ThriftField> chunk{{1, thrift_int(static_cast<int>(column.type))},
                                     {3, thrift_list({thrift_text(column.name)})},
                                     {4, thrift_int(static_cast<int>(column.codec))},
                                     {5, thrift_int(rows)},
                                     {9, thrift_int(data)}};
      if (dictionary > 0) chunk.push_back({11, thrift_int(dictionary)});
      chunks.push_back(thrift_struct({{2, thrift_int(data)}, {3, thrift_struct(chunk)}}));
    }
    groups.push_back(thrift_struct({{1, thrift_list(chunks)}, {2, thrift_int(0)}, {3, thrift_int(rows)}}));
    all_rows += rows;
  }
  const auto end = thrift_struct({{1, thrift_int(2)},
                                  {2, thrift_list(schema)},
                                  {3, thrift_int(all_rows)},
                                  {4, thrift_list(groups)},
                                  {6, thrift_text("a test")}})
                       .substr(1);
  return bytes + end + raw(static_cast<std::uint32_t>(end.size())) + "PAR1";
}

/// A Parquet file of labelled texts as the data sets library writes them: optional, snappy.
inline std::string labelled_parquet(const std::vector<std::string>& texts, const std::vector<std::int64_t>& labels) {
  const auto count = std::ssize(texts);
  const auto levels = run(texts.size(), 1);
  const auto plain = ParquetEncoding::plain;
  const auto data = ParquetPageType::data;
  return parquet_file({{"text",
                        ParquetType::bytes,
                        true,
                        ParquetCodec::snappy,
                        {{{data, count, plain, plain_texts(texts), levels}}},
                        {{6, thrift_int(0)}}},
                       {"label",
                        ParquetType::int64,
                        true,
                        ParquetCodec::snappy,
                        {{{data, count, plain, plain_numbers(labels), levels}}}}});
}

}  // namespace longwave::testing
