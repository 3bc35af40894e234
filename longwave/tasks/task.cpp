#include "longwave/tasks/task.h"

#include <ATen/ops/empty.h>

namespace longwave {

float* Batch::prepare(const std::string& name, std::vector<std::int64_t> rest) {
  rest.insert(rest.begin(), size);
  auto& kept = storage_[name];
  if (!kept.defined() || kept.size(0) < size || kept.sizes().slice(1) != at::IntArrayRef(rest).slice(1))
    kept = at::empty(rest, at::kFloat);
  auto& view = tensors[name] = kept.narrow(0, 0, size);
  return view.data_ptr<float>();
}

}  // namespace longwave
