#include "longwave/nn/module.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <vector>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"

namespace longwave {
namespace {

std::string shape_text(const at::Tensor& x) { return fmt::format("[{}]", fmt::join(x.sizes(), ", ")); }

/// Files store a single number as [1], modules hold it as [].
bool is_one_number(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 1 && b.numel() == 1 && a.dim() <= 1 && b.dim() <= 1;
}

void add_list(std::string& text, const char* title, const std::vector<std::string>& names) {
  if (!names.empty()) text += fmt::format("; {} {}: {}", names.size(), title, join(names));
}

}  // namespace

TensorMap Module::state() const {
  TensorMap all;
  for (const auto& item : named_parameters()) all[item.key()] = item.value();
  for (const auto& item : named_buffers()) all[item.key()] = item.value();
  return all;
}

void Module::load(const TensorMap& weights, const std::string& where) {
  auto own = state();
  std::vector<std::string> missing, unexpected, mismatched, complex;
  for (const auto& [name, tensor] : own) {
    const auto found = weights.find(name);
    if (found == weights.end())
      missing.push_back(name);
    else if (found->second.sizes() != tensor.sizes() && !is_one_number(found->second, tensor))
      mismatched.push_back(fmt::format("{} is {}; expected {}", name, shape_text(found->second), shape_text(tensor)));
    else if (found->second.is_complex() && !tensor.is_complex())
      complex.push_back(name);
  }
  for (const auto& [name, tensor] : weights)
    if (!own.count(name)) unexpected.push_back(name);
  if (!missing.empty() || !unexpected.empty() || !mismatched.empty() || !complex.empty()) {
    auto text = where + ": weights do not fit this model";
    add_list(text, "of another shape", mismatched);
    add_list(text, "complex where ours are real", complex);
    add_list(text, "missing", missing);
    add_list(text, "unexpected", unexpected);
    throw UserError(text);
  }
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : own) tensor.copy_(weights.at(name).reshape(tensor.sizes()));
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const auto& parameter : parameters())
    if (parameter.requires_grad()) count += parameter.numel();
  return count;
}

void check_like_weight(const char* what, const at::Tensor& x, const at::Tensor& weight) {
  check(x.scalar_type() == weight.scalar_type(), what, ": x is ", x.scalar_type(), "; expected ", weight.scalar_type(),
        " like the weights");
  check(x.device() == weight.device(), what, ": x is on ", x.device().str(), "; expected ", weight.device().str(),
        ", where the weights are");
}

}  // namespace longwave
