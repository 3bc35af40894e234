#include "longwave/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"

namespace longwave {
namespace {

using Header = nlohmann::json;  // object keys sorted: files come out the same however they are made

struct DtypeRow {
  Dtype dtype;
  const char* name;
  std::size_t bytes;
};
constexpr std::array<DtypeRow, 10> kDtypes{{{Dtype::f64, "F64", 8},
                                            {Dtype::f32, "F32", 4},
                                            {Dtype::f16, "F16", 2},
                                            {Dtype::bf16, "BF16", 2},
                                            {Dtype::i64, "I64", 8},
                                            {Dtype::i32, "I32", 4},
                                            {Dtype::i16, "I16", 2},
                                            {Dtype::i8, "I8", 1},
                                            {Dtype::u8, "U8", 1},
                                            {Dtype::boolean, "BOOL", 1}}};

constexpr std::size_t kMaxHeader = 100u << 20;  // the format's own limit
constexpr std::size_t kLengthBytes = 8;

const DtypeRow& row_of(Dtype dtype) {
  return *std::find_if(kDtypes.begin(), kDtypes.end(), [&](const auto& row) { return row.dtype == dtype; });
}

/// Number of elements, or -1 where a size is negative or the product overflows.
std::int64_t safe_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const auto size : shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) return -1;
  return count;
}

TensorView parse_entry(const Header& entry, const std::string& where, const std::byte* data, std::size_t data_bytes) {
  check(entry.is_object() && entry.contains("dtype") && entry["dtype"].is_string() && entry.contains("shape") &&
            entry["shape"].is_array() && entry.contains("data_offsets") && entry["data_offsets"].is_array() &&
            entry["data_offsets"].size() == 2,
        where, ": header entry is incomplete; expected dtype, shape and two data_offsets");
  const auto dtype = entry["dtype"].get<std::string>();
  const auto row = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const auto& r) { return dtype == r.name; });
  check(row != kDtypes.end(), where, ": dtype is ", dtype, "; expected F64, F32, F16, BF16, I64 ... U8 or BOOL");
  TensorView view{row->dtype, {}, nullptr, 0};
  for (const auto& size : entry["shape"]) {
    check(size.is_number_unsigned() && size.get<std::uint64_t>() <= INT64_MAX, where, ": shape holds ",
          size.is_number() ? size.dump() : size.type_name(), "; expected sizes of at least 0");
    view.shape.push_back(size.get<std::int64_t>());
  }
  const auto &begin = entry["data_offsets"][0], &end = entry["data_offsets"][1];
  check(begin.is_number_unsigned() && end.is_number_unsigned() && begin.get<std::size_t>() <= end.get<std::size_t>() &&
            end.get<std::size_t>() <= data_bytes,
        where, ": data_offsets lie outside the ", data_bytes, " bytes of data; the file is truncated or damaged");
  view.data = data + begin.get<std::size_t>();
  view.bytes = end.get<std::size_t>() - begin.get<std::size_t>();
  const auto count = safe_count(view.shape);
  check(count >= 0 && static_cast<std::uint64_t>(count) <= SIZE_MAX / 8 && count * row->bytes == view.bytes, where,
        ": ", view.bytes, " bytes of data do not fit shape ", entry["shape"].dump(), " of ", dtype);
  return view;
}

}  // namespace

std::size_t bytes_of(Dtype dtype) { return row_of(dtype).bytes; }
const char* name_of(Dtype dtype) { return row_of(dtype).name; }

std::int64_t TensorView::count() const { return safe_count(shape); }

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : SafetensorsFile(read_file(path), path.string()) {}

SafetensorsFile::SafetensorsFile(std::string bytes, std::string name)
    : bytes_(std::move(bytes)), name_(std::move(name)) {
  parse();
}

void SafetensorsFile::parse() {
  check(bytes_.size() >= kLengthBytes, name_, ": ", bytes_.size(), " bytes; expected a safetensors file");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes_.data(), kLengthBytes);
  check(length <= kMaxHeader && length <= bytes_.size() - kLengthBytes, name_, ": header of ", length,
        " bytes does not fit the file of ", bytes_.size(), " bytes; it is truncated or not a safetensors file");
  const auto header = Header::parse(bytes_.begin() + kLengthBytes, bytes_.begin() + kLengthBytes + length,
                                    /*callback=*/nullptr, /*allow_exceptions=*/false);
  check(header.is_object(), name_, ": header is not a JSON object; expected a safetensors file");
  const auto* data = reinterpret_cast<const std::byte*>(bytes_.data()) + kLengthBytes + length;
  const auto data_bytes = bytes_.size() - kLengthBytes - length;
  std::size_t described = 0;
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") {
      check(entry.is_object(), name_, ": __metadata__ is not a JSON object");
      for (const auto& [k, v] : entry.items()) {
        check(v.is_string(), name_, ": metadata '", k, "' is no text but ", v.type_name());
        metadata_[k] = v.get<std::string>();
      }
      continue;
    }
    const auto view = parse_entry(entry, name_ + ": tensor " + key, data, data_bytes);
    ranges.emplace_back(view.data - data, view.data - data + view.bytes);
    described += view.bytes;
    tensors_.emplace(key, view);
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    check(ranges[i].first >= ranges[i - 1].second, name_, ": tensors overlap; the file is damaged");
  check(described == data_bytes, name_, ": header describes ", described, " bytes of data, the file holds ", data_bytes,
        "; it is truncated or damaged");
}

const TensorView& SafetensorsFile::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  check(found != tensors_.end(), name_, ": tensor ", name, " is missing");
  return found->second;
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata,
                       const std::map<std::string, TensorView>& tensors) {
  Header header = Header::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  // Wide types first keeps every tensor aligned without padding, which the format does not allow.
  std::vector<std::pair<std::string, TensorView>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return bytes_of(a.second.dtype) > bytes_of(b.second.dtype); });
  for (const auto& [name, view] : ordered) {
    header[name] = {
        {"dtype", name_of(view.dtype)}, {"shape", view.shape}, {"data_offsets", {offset, offset + view.bytes}}};
    offset += view.bytes;
  }
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(text);
  for (const auto& [name, view] : ordered) file.write(view.data, view.bytes);
  file.commit();
}

}  // namespace longwave
