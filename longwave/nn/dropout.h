#pragma once

#include "longwave/base/random.h"
#include "longwave/ops/dropout.h"

namespace longwave {

/// Dropout whose randomness is a stream of the model: one value of the stream a call, so that a checkpoint of two
/// numbers restores it. The stream must outlive this object (it is a member of the model).
struct Dropout {
  double p = 0;
  RandomStream* stream = nullptr;

  at::Tensor operator()(const at::Tensor& x, bool training) const {
    if (!training || p == 0) return x;
    return ops::dropout(x, p, static_cast<std::int64_t>(stream->next()));
  }
};

}  // namespace longwave
