#include "longwave/train/weight_average.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "longwave/base/check.h"
#include "longwave/train/checkpoint.h"

namespace longwave {
namespace {

void copy_into(const TensorMap& to, const TensorMap& from) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : from) to.at(name).copy_(tensor);
}

}  // namespace

WeightAverage::WeightAverage(Module& model, double decay) : decay_(decay) {
  if (decay == 0) return;
  for (const auto& [name, tensor] : model.state())
    if (tensor.is_floating_point() || tensor.is_complex()) weights_[name] = tensor;
  averages_ = copy_of(weights_);
}

void WeightAverage::add(std::int64_t step) {
  const at::NoGradGuard no_grad;
  const auto n = static_cast<double>(step);
  const auto share = 1 - std::min(decay_, (1 + n) / (10 + n));
  for (const auto& [name, average] : averages_) average.lerp_(weights_.at(name), share);
}

void WeightAverage::load(const TensorMap& averages, const std::string& where) {
  for (const auto& [name, average] : averages_) {
    const auto found = averages.find(name);
    check(found != averages.end() && found->second.sizes() == average.sizes(), where, ": the average of ", name,
          " is missing or of another shape; this checkpoint is from another model");
  }
  copy_into(averages_, averages);
}

WeightAverage::InPlace::InPlace(const WeightAverage& average) : average_(average), own_(copy_of(average.weights_)) {
  copy_into(average.weights_, average.averages_);
}

WeightAverage::InPlace::~InPlace() { copy_into(average_.weights_, own_); }

}  // namespace longwave
