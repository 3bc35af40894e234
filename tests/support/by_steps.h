#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "longwave/mixers/mixer.h"

namespace longwave::testing {

/// What a model or mixer makes of x [b, t, d] one step at a time, from `state`, which goes on with it.
template <class Model>
at::Tensor by_steps(Model& model, const at::Tensor& x, State& state) {
  std::vector<at::Tensor> y;
  for (std::int64_t i = 0; i < x.size(1); ++i) y.push_back(model.forward(x.narrow(1, i, 1), {}, &state));
  return at::cat(y, 1);
}

/// The same from the beginning.
template <class Model>
at::Tensor by_steps(Model& model, const at::Tensor& x) {
  auto state = model.initial_state(x.size(0));
  return by_steps(model, x, state);
}

}  // namespace longwave::testing
