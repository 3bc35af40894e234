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

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  TensorMap all;
  add(all, "model/", checkpoint.model);
  add(all, "optimizer/", checkpoint.optimizer);
  add(all, "best/", checkpoint.best);
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
  const auto content = file.metadata().find("content");
  return {metadata_json(file, "recipe", path.string()),
          metadata_json(file, "state", path.string()),
          take(file, "model/"),
          take(file, "optimizer/"),
          take(file, "best/"),
          content == file.metadata().end() ? std::string() : content->second};
}

void write_weights(const std::filesystem::path& path, const TensorMap& tensors, const Json& recipe, const Json& sizes) {
  TensorMap all;
  add(all, "", tensors);
  write_tensors(path, all, {{"format", "longwave weights 1"}, {"recipe", recipe.dump()}, {"sizes", sizes.dump()}});
}

Weights read_weights(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  return {take(file, ""), metadata_json(file, "recipe", path.string()), metadata_json(file, "sizes", path.string())};
}

TensorMap copy_of(const TensorMap& tensors) {
  TensorMap copies;
  for (const auto& [name, tensor] : tensors) copies[name] = tensor.detach().clone();
  return copies;
}

}  // namespace longwave
