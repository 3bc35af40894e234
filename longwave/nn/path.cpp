#include "longwave/nn/path.h"

#include <memory>

namespace longwave {

torch::nn::Module& submodule(torch::nn::Module& root, const std::string& path) {
  if (path.empty()) return root;
  const auto dot = path.find('.');
  const auto name = path.substr(0, dot);
  const auto children = root.named_children();
  const auto* found = children.find(name);
  auto& child = found ? **found : *root.register_module(name, std::make_shared<torch::nn::Module>(name));
  return dot == std::string::npos ? child : submodule(child, path.substr(dot + 1));
}

}  // namespace longwave
