#include "longwave/tasks/task.h"

#include <ATen/ops/empty.h>

namespace longwave {

at::Tensor& Batch::view(const std::string& name, const std::vector<std::int64_t>& rest, at::ScalarType type) {
  std::vector<std::int64_t> shape{size};
  shape.insert(shape.end(), rest.begin(), rest.end());
  std::int64_t count = 1;
  for (const auto n : shape) count *= n;
  auto& kept = storage_[name];
  if (!kept.defined() || kept.numel() < count || kept.scalar_type() != type) kept = at::empty({count}, type);
  return tensors[name] = kept.narrow(0, 0, count).view(shape);
}

float* Batch::prepare(const std::string& name, const std::vector<std::int64_t>& rest) {
  return view(name, rest, at::kFloat).data_ptr<float>();
}

std::int64_t* Batch::prepare_integers(const std::string& name, const std::vector<std::int64_t>& rest) {
  return view(name, rest, at::kLong).data_ptr<std::int64_t>();
}

}  // namespace longwave
