#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace longwave {

/// Element types of the safetensors format that Longwave reads and writes.
enum class Dtype { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::size_t bytes_of(Dtype dtype);
const char* name_of(Dtype dtype);  // "F32", ...

/// One tensor, row-major, borrowed from somebody's memory.
struct TensorView {
  Dtype dtype;
  std::vector<std::int64_t> shape;
  const std::byte* data;
  std::size_t bytes;

  std::int64_t count() const;
};

/// A safetensors file, read whole and checked whole: header, types, shapes, offsets (no overlap, no gap, no byte past
/// the end). Any defect is a UserError that names the file, the tensor and what was expected.
/// Format: https://github.com/huggingface/safetensors (8 bytes little-endian header length, JSON header, data).
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// From bytes already in memory; `name` stands for the path in messages.
  SafetensorsFile(std::string bytes, std::string name);

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }

  /// The tensor of that name; UserError if absent.
  const TensorView& at(const std::string& name) const;

 private:
  void parse();

  std::string bytes_, name_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, TensorView> tensors_;
};

/// Writes atomically. Tensors lie by width of their type, then by name, so that every one is aligned to its type.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata,
                       const std::map<std::string, TensorView>& tensors);

}  // namespace longwave
