#include "longwave/nn/tensor_file.h"

#include <ATen/ops/from_blob.h>

#include <array>

#include "longwave/base/check.h"

namespace longwave {
namespace {

struct TypeRow {
  Dtype dtype;
  at::ScalarType type;
};
constexpr std::array<TypeRow, 10> kTypes{{{Dtype::f64, at::kDouble},
                                          {Dtype::f32, at::kFloat},
                                          {Dtype::f16, at::kHalf},
                                          {Dtype::bf16, at::kBFloat16},
                                          {Dtype::i64, at::kLong},
                                          {Dtype::i32, at::kInt},
                                          {Dtype::i16, at::kShort},
                                          {Dtype::i8, at::kChar},
                                          {Dtype::u8, at::kByte},
                                          {Dtype::boolean, at::kBool}}};

}  // namespace

at::Tensor to_tensor(const TensorView& view) {
  for (const auto& row : kTypes)
    if (row.dtype == view.dtype) {
      auto* bytes = const_cast<std::byte*>(view.data);  // from_blob takes no const; the clone only reads
      return at::from_blob(bytes, view.shape, at::TensorOptions(row.type)).clone();
    }
  fail("tensors of type ", name_of(view.dtype), " cannot be used");
}

TensorMap read_tensors(const SafetensorsFile& file, const std::string& prefix) {
  TensorMap tensors;
  for (const auto& [name, view] : file.tensors())
    if (name.starts_with(prefix)) tensors[name.substr(prefix.size())] = to_tensor(view);
  return tensors;
}

void write_tensors(const std::filesystem::path& path, const TensorMap& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::map<std::string, TensorView> views;
  TensorMap contiguous;  // keeps the copies alive while they are written
  for (const auto& [name, tensor] : tensors) {
    const auto& held = contiguous[name] = tensor.detach().cpu().contiguous();
    const auto row = std::find_if(kTypes.begin(), kTypes.end(), [&](auto r) { return r.type == held.scalar_type(); });
    check(row != kTypes.end(), path.string(), ": tensor ", name, " of type ", held.scalar_type(), " cannot be stored");
    views[name] = {row->dtype, held.sizes().vec(), static_cast<const std::byte*>(held.data_ptr()), held.nbytes()};
  }
  write_safetensors(path, metadata, views);
}

}  // namespace longwave
