#pragma once

#include <torch/nn/module.h>

#include <string>

namespace longwave {

/// The module at a dotted path below `root`; plain containers are made where there is none. With it, weights carry
/// names such as "Predictor.model.3.weight" without a class for every container.
torch::nn::Module& submodule(torch::nn::Module& root, const std::string& path);

}  // namespace longwave
