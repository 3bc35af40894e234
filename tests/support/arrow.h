#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <string>
#include <vector>

namespace longwave::testing {

/// A column of an Arrow file: the number of its type, what belongs to the type, and the buffers of every batch.
struct BufferColumn {
  std::string name;
  int type = 5;                                        // Utf8
  int width = 0;                                       // bits of an integer
  bool sign = true;                                    // of an integer
  int precision = 0;                                   // of a real number
  std::vector<std::vector<std::string>> batches = {};  // presence, (ends of texts,) values
  std::vector<std::int64_t> missing = {};              // values in each batch
  bool dictionary = false;
};

template <class T>
std::string bytes_of_all(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Buffers of texts, all of them present, with ends of type T.
template <class T = std::int32_t>
std::vector<std::string> text_buffers(const std::vector<std::string>& texts) {
  std::vector<T> ends{0};
  std::string all;
  for (const auto& text : texts) {
    all += text;
    ends.push_back(static_cast<T>(all.size()));
  }
  return {"", bytes_of_all(ends), all};
}

class ArrowWriter {
 public:
  /// A stream of these columns with batches of so many rows; `packed`: claims that buffers are.
  std::string stream(const std::vector<BufferColumn>& columns, const std::vector<std::int64_t>& rows,
                     bool packed = false) {
    std::string bytes = message(1, schema(columns), "");
    for (std::size_t i = 0; i < rows.size(); ++i) bytes += batch(columns, i, rows[i], packed);
    return bytes + word(-1) + word(0);
  }
  /// The same as a file, whose index says nothing.
  std::string file(const std::vector<BufferColumn>& columns, const std::vector<std::int64_t>& rows) {
    const std::string index(16, 'x');
    return std::string("ARROW1\0\0", 8) + stream(columns, rows) + index + word(16) + "ARROW1";
  }

 private:
  using Offset = flatbuffers::Offset<flatbuffers::Table>;

  static flatbuffers::voffset_t slot(int field) { return static_cast<flatbuffers::voffset_t>(4 + 2 * field); }
  static std::string word(std::int32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

  Offset type_of(const BufferColumn& column) {
    const auto start = builder_.StartTable();
    if (column.type == 2) {
      builder_.AddElement<std::int32_t>(slot(0), column.width, 0);
      builder_.AddElement<std::uint8_t>(slot(1), column.sign, 0);
    }
    if (column.type == 3) builder_.AddElement<std::int16_t>(slot(0), static_cast<std::int16_t>(column.precision), 0);
    return builder_.EndTable(start);
  }
  Offset schema(const std::vector<BufferColumn>& columns) {
    std::vector<Offset> fields;
    for (const auto& column : columns) {
      const auto name = builder_.CreateString(column.name);
      const auto type = type_of(column);
      Offset dictionary;
      if (column.dictionary) dictionary = builder_.EndTable(builder_.StartTable());
      const auto start = builder_.StartTable();
      builder_.AddOffset(slot(0), name);
      builder_.AddElement<std::uint8_t>(slot(2), static_cast<std::uint8_t>(column.type), 0);
      builder_.AddOffset(slot(3), type);
      if (column.dictionary) builder_.AddOffset(slot(4), dictionary);
      fields.push_back(builder_.EndTable(start));
    }
    const auto all = builder_.CreateVector(fields);
    const auto start = builder_.StartTable();
    builder_.AddOffset(slot(1), all);
    return builder_.EndTable(start);
  }
  std::string batch(const std::vector<BufferColumn>& columns, std::size_t number, std::int64_t rows, bool packed) {
    std::vector<std::int64_t> nodes, buffers;
    std::string body;
    for (const auto& column : columns) {
      nodes.insert(nodes.end(), {rows, column.missing.empty() ? 0 : column.missing[number]});
      for (const auto& one : column.batches[number]) {
        buffers.insert(buffers.end(), {std::ssize(body), std::ssize(one)});
        body += one;
        body.resize((body.size() + 7) / 8 * 8);
      }
    }
    const auto node_list = pairs(nodes), buffer_list = pairs(buffers);
    Offset compression;
    if (packed) compression = builder_.EndTable(builder_.StartTable());
    const auto start = builder_.StartTable();
    builder_.AddElement<std::int64_t>(slot(0), rows, 0);
    builder_.AddOffset(slot(1), node_list);
    builder_.AddOffset(slot(2), buffer_list);
    if (packed) builder_.AddOffset(slot(3), compression);
    return message(3, builder_.EndTable(start), body);
  }
  /// A vector of structures of two numbers.
  flatbuffers::Offset<flatbuffers::Vector<std::int64_t>> pairs(const std::vector<std::int64_t>& numbers) {
    builder_.StartVector(numbers.size() / 2, 16);
    for (auto i = numbers.size(); i-- > 0;) builder_.PushElement(numbers[i]);
    return builder_.EndVector(numbers.size() / 2);
  }
  std::string message(int kind, Offset header, const std::string& body) {
    const auto start = builder_.StartTable();
    builder_.AddElement<std::int64_t>(slot(3), std::ssize(body), 0);
    builder_.AddOffset(slot(2), header);
    builder_.AddElement<std::int16_t>(slot(0), 4, 0);
    builder_.AddElement<std::uint8_t>(slot(1), static_cast<std::uint8_t>(kind), 0);
    builder_.Finish(Offset(builder_.EndTable(start)));
    std::string bytes(reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize());
    builder_.Clear();
    bytes.resize((bytes.size() + 7) / 8 * 8);
    return word(-1) + word(static_cast<std::int32_t>(bytes.size())) + bytes + body;
  }

  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace longwave::testing
