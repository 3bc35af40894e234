#include "longwave/nn/activation.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <functional>
#include <map>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/ops/gated_activation.h"
#include "longwave/ops/gated_linear_unit.h"
#include "longwave/ops/gated_map.h"
#include "longwave/ops/steps.h"

namespace longwave {
namespace {

using Function = std::function<at::Tensor(const at::Tensor&)>;

/// The identity; gradients come back contiguous.
struct ContiguousGradient : torch::autograd::Function<ContiguousGradient> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& x) { return x.view_as(x); }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 torch::autograd::variable_list grads) {
    return {grads[0].contiguous()};
  }
};

const std::map<std::string, Function>& functions() {
  static const Function same = [](const at::Tensor& x) { return x; };
  static const Function gelu = [](const at::Tensor& x) { return exact_gelu(x); };
  static const Function silu = [](const at::Tensor& x) {
    return ops::gated_activation(x, {}, {}, ops::HiddenFunction::silu);
  };
  static const std::map<std::string, Function> table = {
      {"none", same},
      {"identity", same},
      {"id", same},
      {"linear", same},
      {"gelu", gelu},
      {"gelu(erf)", gelu},
      {"gelu_tanh", [](const at::Tensor& x) { return at::gelu(x, "tanh"); }},
      {"silu", silu},
      {"swish", silu},
      {"relu", [](const at::Tensor& x) { return at::relu(x); }},
      {"elu", [](const at::Tensor& x) { return at::elu(x); }},
      {"sqrelu", [](const at::Tensor& x) { return at::relu(x).square(); }},
      {"tanh", [](const at::Tensor& x) { return at::tanh(x); }},
      {"sigmoid", [](const at::Tensor& x) { return at::sigmoid(x); }},
      {"softplus", [](const at::Tensor& x) { return at::softplus(x); }},
      {"sin", [](const at::Tensor& x) { return at::sin(x); }},
  };
  return table;
}

}  // namespace

const std::vector<std::string>& activation_names() {
  static const auto names = [] {
    std::vector<std::string> list;
    for (const auto& [name, function] : functions()) list.push_back(name);
    return list;
  }();
  return names;
}

at::Tensor exact_gelu(const at::Tensor& x) {
  if (x.scalar_type() == at::kDouble) return ContiguousGradient::apply(at::gelu(x));
  return ops::gated_activation(x, {}, {}, ops::HiddenFunction::gelu);
}

at::Tensor activate(const std::string& name, const at::Tensor& x) {
  const auto found = functions().find(name);
  if (found == functions().end()) fail("unknown activation '", name, "'", suggestion(name, activation_names()));
  return found->second(x);
}

const std::vector<std::string>& gated_activation_names() {
  static const auto names = [] {
    auto list = activation_names();
    list.emplace_back("glu");
    return list;
  }();
  return names;
}

at::Tensor activate_or_gate(const std::string& name, const at::Tensor& x) {
  return name == "glu" ? ops::gated_linear_unit(x) : activate(name, x);
}

at::Tensor map_and_activate(const std::string& name, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const std::string& before, const at::Tensor& valid) {
  constexpr std::int64_t kFused = 48;  // rows from which it pays that the weight is packed first
  if (name == "glu" && x.numel() >= kFused * x.size(-1)) {
    const bool gelu = before == "gelu" || before == "gelu(erf)";
    return ops::gated_map(gelu ? x : activate(before, x), weight, bias, gelu, valid);
  }
  const auto inputs = activate(before, x);
  const auto y = name == "glu" ? ops::gated_linear_unit(at::linear(inputs, weight), bias)
                               : activate(name, at::linear(inputs, weight, bias));
  return valid.defined() ? ops::fill_steps(y, valid, 0) : y;
}

}  // namespace longwave
