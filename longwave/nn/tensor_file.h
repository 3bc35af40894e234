#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "longwave/io/safetensors.h"
#include "longwave/nn/module.h"

namespace longwave {

/// A tensor of our own memory from a borrowed view.
at::Tensor to_tensor(const TensorView& view);

/// All tensors of a safetensors file whose name starts with `prefix`, which is cut off. UserError on a damaged file.
TensorMap read_tensors(const SafetensorsFile& file, const std::string& prefix = "");

/// Writes tensors and metadata atomically. Complex tensors are not part of the format: store their real view.
void write_tensors(const std::filesystem::path& path, const TensorMap& tensors,
                   const std::map<std::string, std::string>& metadata = {});

}  // namespace longwave
