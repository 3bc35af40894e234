#include "longwave/nn/output_gate.h"

#include <ATen/ops/sigmoid.h>

#include "longwave/nn/activation.h"

namespace longwave {

const std::vector<std::string>& OutputGate::kinds() {
  static const std::vector<std::string> all{"none", "gelu", "full_glu", "half_glu1", "half_glu2"};
  return all;
}

OutputGate::OutputGate(Module& owner, const std::string& kind, std::int64_t d) : kind_(kind) {
  if (kind == "full_glu") out1_ = owner.register_module("out1", torch::nn::Linear(d, d));
  if (kind != "none" && kind != "gelu") out2_ = owner.register_module("out2", torch::nn::Linear(d, d));
}

at::Tensor OutputGate::operator()(const at::Tensor& y) {
  if (kind_ == "none") return y;
  const auto x = activate("gelu_tanh", y);
  if (kind_ == "gelu") return x;
  const auto kept = kind_ == "half_glu2" ? y : out1_ ? out1_->forward(x) : x;
  return kept * at::sigmoid(out2_->forward(x));
}

}  // namespace longwave
