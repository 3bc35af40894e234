#include "longwave/train/checkpoint.h"

#include "longwave/base/check.h"
#include "longwave/nn/tensor_file.h"

namespace longwave {
namespace {

const char* const kFormat = "longwave checkpoint 1";
const std::string kComplex = "@complex";  // the format has no complex type: such a tensor is stored as [..., 2]

void add(TensorMap& all, const std::string& prefix, const TensorMap& tensors) {
  for (const auto& [name, tensor] : tensors)
    if (tensor.is_complex())
      all[prefix + name + kComplex] = at::view_as_real(tensor.detach());
    else
      all[prefix + name] = tensor;
}

TensorMap take(const SafetensorsFile& file, const std::string& prefix) {
  TensorMap tensors;
  for (const auto& [name, tensor] : read_tensors(file, prefix))
    if (name.ends_with(kComplex))
      tensors[name.substr(0, name.size() - kComplex.size())] = at::view_as_complex(tensor);
    else
      tensors[name] = tensor;
  return tensors;
}

Json metadata_json(const SafetensorsFile& file, const std::string& key, const std::string& path) {
  const auto found = file.metadata().find(key);
  check(found != file.metadata().end(), path, ": is no checkpoint of longwave: its metadata have no '", key, "'");
  const auto json = Json::parse(found->second, nullptr, false);
  check(!json.is_discarded(), path, ": damaged: its metadata '", key, "' are not JSON");
  return json;
}

/// "" in files of older versions.
std::string content_of(const SafetensorsFile& file) {
  const auto found = file.metadata().find("content");
  return found == file.metadata().end() ? std::string() : found->second;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  TensorMap all;
  add(all, "model/", checkpoint.model);
  add(all, "optimizer/", checkpoint.optimizer);
  add(all, "best/", checkpoint.best);
  add(all, "average/", checkpoint.average);
  write_tensors(path, all,
                {{"format", kFormat},
                 {"recipe", checkpoint.recipe.dump()},
                 {"state", checkpoint.state.dump()},
                 {"content", checkpoint.content}});
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  const auto format = file.metadata().find("format");
  check(format != file.metadata().end() && format->second == kFormat, path.string(),
        ": is no checkpoint of this version of longwave; expected format '", kFormat, "'");
  return {metadata_json(file, "recipe", path.string()),
          metadata_json(file, "state", path.string()),
          take(file, "model/"),
          take(file, "optimizer/"),
          take(file, "best/"),
          take(file, "average/"),
          content_of(file)};
}

void write_weights(const std::filesystem::path& path, const Weights& weights) {
  TensorMap all;
  add(all, "", weights.tensors);
  write_tensors(path, all,
                {{"format", "longwave weights 1"},
                 {"recipe", weights.recipe.dump()},
                 {"sizes", weights.sizes.dump()},
                 {"content", weights.content}});
}

Weights read_weights(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  return {take(file, ""), metadata_json(file, "recipe", path.string()), metadata_json(file, "sizes", path.string()),
          content_of(file)};
}

TensorMap copy_of(const TensorMap& tensors) {
  TensorMap copies;
  for (const auto& [name, tensor] : tensors) copies[name] = tensor.detach().clone();
  return copies;
}

}  // namespace longwave
