#include "longwave/io/parquet_metadata.h"

#include <algorithm>

#include "longwave/io/thrift_compact.h"

namespace longwave {
namespace {

constexpr std::int64_t kOptional = 1, kRepeated = 2;  // repetition_type

struct SchemaElement {
  std::string name;
  std::int64_t type = -1, repetition = 0, children = 0;
  std::int64_t converted = -1, logical = -1;  // what the stored values stand for, in two generations
};

SchemaElement read_element(ThriftReader& in) {
  SchemaElement element;
  in.structure([&](std::int64_t id) {
    if (id == 1) element.type = in.integer();
    if (id == 3) element.repetition = in.integer();
    if (id == 4) element.name = in.text();
    if (id == 5) element.children = in.integer();
    if (id == 6) element.converted = in.integer();
    if (id == 10) in.structure([&](std::int64_t kind) { element.logical = kind; });
  });
  return element;
}

bool among(std::int64_t value, std::initializer_list<std::int64_t> known) {
  return std::find(known.begin(), known.end(), value) != known.end();
}

/// Why the values of a stored column are not read.
std::string refusal_of(const SchemaElement& element) {
  if (element.repetition == kRepeated) return "is a list; expected one value in a row";
  switch (static_cast<ParquetType>(element.type)) {
    case ParquetType::bytes:  // text, enumerations, JSON
      if (among(element.converted, {-1, 0, 4, 19}) && among(element.logical, {-1, 1, 4, 12})) return "";
      return "holds decimal numbers or objects as bytes; expected texts or numbers";
    case ParquetType::int32:
    case ParquetType::int64:  // integers of whatever size, not those whose uppermost bit is no sign
      if (among(element.converted, {-1, 11, 12, 15, 16, 17, 18}) && among(element.logical, {-1, 10})) return "";
      return "holds dates, times, decimal numbers or numbers without a sign; expected texts or plain numbers";
    case ParquetType::boolean:
    case ParquetType::real32:
    case ParquetType::real64:
      return "";
    default:
      return "holds values of a fixed number of bytes (INT96, FIXED_LEN_BYTE_ARRAY); expected texts or numbers";
  }
}

/// The columns at the top. The schema is a tree, each node before its children.
std::vector<ParquetColumn> top_columns(const std::vector<SchemaElement>& schema, const std::string& where) {
  std::vector<ParquetColumn> columns;
  std::size_t leaf = 0;
  for (std::size_t i = 1; i < schema.size();) {
    const auto& top = schema[i];
    ParquetColumn column{top.name, refusal_of(top), leaf, static_cast<ParquetType>(top.type),
                         top.repetition == kOptional};
    if (top.children > 0) column.refusal = "is nested; expected one value in a row";
    columns.push_back(std::move(column));
    for (std::int64_t open = 1; open > 0; ++i) {  // it and all below it
      check(i < schema.size() && schema[i].children >= 0 && schema[i].children <= std::ssize(schema), where,
            ": damaged (its columns are not what it says)");
      open += schema[i].children - 1;
      leaf += schema[i].children == 0;
    }
  }
  return columns;
}

ParquetChunk read_chunk(ThriftReader& in) {
  ParquetChunk chunk;
  in.structure([&](std::int64_t id) {
    if (id == 1) chunk.refusal = "lies in another file (" + std::string(in.text()) + ")";
    if (id == 3)
      in.structure([&](std::int64_t field) {
        if (field == 4) chunk.codec = static_cast<ParquetCodec>(in.integer());
        if (field == 5) chunk.values = in.integer();
        if (field == 9) chunk.data_page = in.integer();
        if (field == 11) chunk.dictionary_page = in.integer();
      });
    if (id == 8) chunk.refusal = "is encrypted";
  });
  return chunk;
}

}  // namespace

ParquetMetadata read_parquet_metadata(ByteReader& bytes) {
  ThriftReader in(bytes);
  ParquetMetadata metadata;
  std::vector<SchemaElement> schema;
  in.fields([&](std::int64_t id) {
    if (id == 2) in.list([&] { schema.push_back(read_element(in)); });
    if (id == 4)
      in.list([&] {
        auto& group = metadata.groups.emplace_back();
        in.structure([&](std::int64_t field) {
          if (field == 1) in.list([&] { group.chunks.push_back(read_chunk(in)); });
          if (field == 3) group.rows = in.integer();
        });
      });
  });
  metadata.columns = top_columns(schema, bytes.where());
  for (const auto& column : metadata.columns)
    for (const auto& group : metadata.groups)
      check(column.leaf < group.chunks.size(), bytes.where(), ": damaged (column '", column.name,
            "' is missing in a group of rows)");
  return metadata;
}

ParquetPageHeader read_parquet_page_header(ByteReader& bytes) {
  ThriftReader in(bytes);
  ParquetPageHeader page;
  in.fields([&](std::int64_t id) {
    if (id == 1) page.type = in.integer();
    if (id == 2) page.size = in.integer();
    if (id == 3) page.packed_size = in.integer();
    if (id == 4) page.checksum = static_cast<std::uint32_t>(in.integer());
    if (id == 5)
      in.structure([&](std::int64_t field) {
        if (field == 1) page.values = in.integer();
        if (field == 2) page.encoding = in.integer();
        if (field == 3) page.levels_encoding = in.integer();
      });
    if (id == 7)
      in.structure([&](std::int64_t field) {
        if (field == 1) page.values = in.integer();
        if (field == 2) page.encoding = in.integer();
      });
    if (id == 8)
      in.structure([&](std::int64_t field) {
        if (field == 1) page.values = in.integer();
        if (field == 4) page.encoding = in.integer();
        if (field == 5) page.levels_size = in.integer();
        if (field == 6) page.repeats_size = in.integer();
        if (field == 7) page.packed = in.boolean();
      });
  });
  check(page.size >= 0 && page.packed_size >= 0 && (page.values >= 0 || page.type == 1), bytes.where(),
        ": damaged (a page without sizes)");
  return page;
}

}  // namespace longwave
