#include "longwave/io/npy.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

constexpr std::size_t kDirectoryEntry = 46, kEndRecord = 22, kLocalHeader = 30;

/// Little-endian integers with the end of the file watched.
struct Bytes {
  const std::string& all;
  const std::string& name;

  std::string_view at(std::size_t offset, std::size_t size) const {
    check(offset <= all.size() && size <= all.size() - offset, name, ": truncated or damaged archive (", all.size(),
          " bytes; it refers to byte ", offset + size, ")");
    return std::string_view(all).substr(offset, size);
  }
  std::uint32_t u16(std::size_t offset) const {
    const auto b = at(offset, 2);
    return static_cast<unsigned char>(b[0]) | static_cast<unsigned char>(b[1]) << 8;
  }
  std::uint32_t u32(std::size_t offset) const { return u16(offset) | u16(offset + 2) << 16; }
};

std::string inflate_member(std::string_view packed, std::size_t size, const std::string& name,
                           const std::string& member) {
  check(size <= packed.size() * 1100 + 1100, name, ": member ", member, " claims an impossible size of ", size,
        " bytes");
  std::string text(size, '\0');
  z_stream stream{};
  inflateInit2(&stream, -MAX_WBITS);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(size);
  const int state = inflate(&stream, Z_FINISH);
  const bool whole = state == Z_STREAM_END && stream.total_out == size;
  inflateEnd(&stream);
  check(whole, name, ": member ", member, " is damaged (it does not unpack to its size)");
  return text;
}

std::size_t find_end_record(const Bytes& bytes) {
  const auto& all = bytes.all;
  const auto lowest = all.size() > kEndRecord + 65535 ? all.size() - kEndRecord - 65535 : 0;
  for (auto at = all.size() < kEndRecord ? 0 : all.size() - kEndRecord + 1; at-- > lowest;)
    if (std::string_view(all).substr(at, 4) == "PK\5\6") return at;
  fail(bytes.name, ": truncated archive (no ZIP directory at its end); get the file again");
}

std::string read_member(const Bytes& bytes, std::size_t entry, const std::string& member) {
  const auto method = bytes.u16(entry + 10);
  const auto crc = bytes.u32(entry + 16);
  const std::size_t packed_size = bytes.u32(entry + 20), size = bytes.u32(entry + 24), local = bytes.u32(entry + 42);
  check(packed_size != 0xffffffff && size != 0xffffffff && local != 0xffffffff, bytes.name, ": member ", member,
        " is over 4 GiB (Zip64), which is not read; save it as .npy");
  check(bytes.at(local, 4) == "PK\3\4", bytes.name, ": damaged archive (no member ", member, " where it should lie)");
  const auto start = local + kLocalHeader + bytes.u16(local + 26) + bytes.u16(local + 28);
  const auto packed = bytes.at(start, packed_size);
  check(method == 0 || method == 8, bytes.name, ": member ", member, " is packed by ZIP method ", method,
        "; expected 0 (stored) or 8 (deflated)");
  auto content = method == 0 ? std::string(packed) : inflate_member(packed, size, bytes.name, member);
  const auto found = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
  check(found == crc, bytes.name, ": member ", member, " is damaged (its checksum is wrong)");
  return content;
}

std::string find_member(const Bytes& bytes, const std::string& array) {
  const auto end = find_end_record(bytes);
  const auto count = bytes.u16(end + 10);
  std::size_t entry = bytes.u32(end + 16);
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < count; ++i) {
    check(bytes.at(entry, 4) == "PK\1\2", bytes.name, ": damaged archive (bad directory entry ", i, ")");
    const auto length = bytes.u16(entry + 28);
    std::string name(bytes.at(entry + kDirectoryEntry, length));
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    if (name == array) return read_member(bytes, entry, name);
    names.push_back(name);
    entry += kDirectoryEntry + length + bytes.u16(entry + 30) + bytes.u16(entry + 32);
  }
  fail(bytes.name, ": no array called ", array, "; it holds ", names.empty() ? "none" : join(names));
}

/// The text after 'key': in the header's Python dictionary.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  const auto quoted = "'" + std::string(key) + "':";
  const auto at = header.find(quoted);
  if (at == std::string_view::npos) return {};
  auto rest = header.substr(at + quoted.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return rest;
}

std::vector<std::int64_t> parse_shape(std::string_view text, const std::string& name) {
  std::vector<std::int64_t> shape;
  const auto close = text.find(')');
  check(text.starts_with('(') && close != std::string_view::npos, name, ": damaged .npy header (no shape)");
  std::int64_t number = -1;
  for (const char c : text.substr(1, close)) {
    if (c >= '0' && c <= '9') {
      number = std::max<std::int64_t>(number, 0) * 10 + (c - '0');
      check(number < (std::int64_t{1} << 40), name, ": damaged .npy header (impossible shape)");
    } else if (number >= 0) {
      shape.push_back(number);
      number = -1;
    }
  }
  return shape;
}

template <class T>
std::vector<double> convert(std::string_view data, std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

struct Type {
  std::size_t bytes;
  std::vector<double> (*convert)(std::string_view, std::size_t);
};

const std::map<std::string, Type, std::less<>>& types() {
  static const std::map<std::string, Type, std::less<>> known = {
      {"<f4", {4, convert<float>}},        {"<f8", {8, convert<double>}},        {"<i4", {4, convert<std::int32_t>}},
      {"<i8", {8, convert<std::int64_t>}}, {"<i2", {2, convert<std::int16_t>}},  {"|i1", {1, convert<std::int8_t>}},
      {"|u1", {1, convert<std::uint8_t>}}, {"<u2", {2, convert<std::uint16_t>}}, {"<u4", {4, convert<std::uint32_t>}}};
  return known;
}

/// Fortran order (first index fastest) to C order (last index fastest).
std::vector<double> transposed(const std::vector<double>& values, const std::vector<std::int64_t>& shape) {
  std::vector<double> out(values.size());
  std::vector<std::int64_t> index(shape.size(), 0);
  for (auto& value : out) {
    std::int64_t from = 0;
    for (std::size_t d = shape.size(); d-- > 0;) from = from * shape[d] + index[d];
    value = values[static_cast<std::size_t>(from)];
    for (std::size_t d = shape.size(); d-- > 0 && ++index[d] == shape[d];) index[d] = 0;
  }
  return out;
}

/// An array that is not converted yet.
struct RawArray {
  std::string type;  // "<f4"
  bool fortran = false;
  std::vector<std::int64_t> shape;
  std::size_t count = 0;
  std::string_view data;

  /// `count` values of this width are there. UserError otherwise.
  void expect(std::size_t width, const std::string& name) const {
    check(count == 0 || width <= data.size() / count, name,
          ": truncated array (it has fewer bytes than its shape asks for)");
  }
};

RawArray parse_raw(std::string_view text, const std::string& name) {
  check(text.size() >= 12 && text.starts_with("\x93NUMPY"), name, ": no NumPy array (wrong first bytes)");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(text[i])); };
  const bool short_header = text[6] == 1;
  const auto length = short_header ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  const std::size_t start = short_header ? 10 : 12;
  check(length <= text.size() - start, name, ": truncated .npy header");
  const auto header = text.substr(start, length);
  const auto type = value_of(header, "descr"), order = value_of(header, "fortran_order"),
             shape = value_of(header, "shape");
  check(type && order && shape, name, ": damaged .npy header (expected descr, fortran_order and shape)");
  RawArray array;
  array.type = type->size() > 1 ? type->substr(1, type->find('\'', 1) - 1) : std::string_view();
  array.fortran = order->starts_with("True");
  array.shape = parse_shape(*shape, name);
  array.data = text.substr(start + length);
  array.count = 1;
  for (const auto extent : array.shape) {
    check(extent == 0 || array.count <= array.data.size() / static_cast<std::size_t>(extent), name,
          ": truncated array (it has fewer bytes than its shape asks for)");
    array.count *= static_cast<std::size_t>(extent);
  }
  return array;
}

NpyArray parse_array(std::string_view text, const std::string& name) {
  const auto raw = parse_raw(text, name);
  const auto known = types().find(raw.type);
  check(known != types().end(), name, ": array of type ", raw.type.substr(0, 12),
        "; expected little-endian float32, float64 or integers");
  raw.expect(known->second.bytes, name);
  NpyArray array{raw.shape, known->second.convert(raw.data, raw.count)};
  if (raw.fortran) array.values = transposed(array.values, array.shape);
  return array;
}

/// One text of fixed width, which zeros fill up; `step` bytes a character.
std::string fixed_text(std::string_view data, std::size_t step) {
  std::string text;
  for (std::size_t i = 0; i + step <= data.size(); i += step) {
    std::uint32_t code = 0;
    for (std::size_t k = step; k-- > 0;) code = code << 8 | static_cast<unsigned char>(data[i + k]);
    text += code < 128 ? static_cast<char>(code) : '?';
  }
  return text.substr(0, text.find_last_not_of('\0') + 1);
}

}  // namespace

NpyArray parse_npy(const std::string& bytes, const std::string& name, const std::string& array) {
  check(!bytes.empty(), name, ": empty file; expected an .npz archive or an .npy array");
  if (bytes.starts_with("\x93NUMPY")) return parse_array(bytes, name);
  check(bytes.starts_with("PK"), name, ": neither an .npz archive nor an .npy array");
  return parse_array(find_member({bytes, name}, array), name);
}

NpyArray read_npy(const std::filesystem::path& path, const std::string& array) {
  return parse_npy(read_bytes(path), path.string(), array);
}

NpyText parse_npy_text(const std::string& bytes, const std::string& name) {
  const auto raw = parse_raw(bytes, name);
  const bool unicode = raw.type.starts_with("<U"), plain = raw.type.starts_with("|S");
  std::size_t length = 0;
  for (const char c : raw.type.substr(std::min<std::size_t>(2, raw.type.size())))
    length = c >= '0' && c <= '9' && length < 1'000'000 ? 10 * length + static_cast<std::size_t>(c - '0') : 0;
  check((unicode || plain) && length > 0 && !raw.fortran, name, ": array of type ", raw.type.substr(0, 12),
        "; expected text (<U or |S) in C order");
  const std::size_t step = unicode ? 4 : 1, width = length * step;
  raw.expect(width, name);
  NpyText text{raw.shape, {}};
  for (std::size_t i = 0; i < raw.count; ++i)
    text.values.push_back(fixed_text(raw.data.substr(i * width, width), step));
  return text;
}

}  // namespace longwave
