#pragma once

#include <ATen/ops/randint.h>

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

/// The stream that a layer's dropout draws from: the model's, or where the layer stands alone one of its own, whose
/// seed the default generator draws.
class DropoutStream {
 public:
  explicit DropoutStream(RandomStream* of_model) : of_model_(of_model) {
    if (!of_model) own_.seed = static_cast<std::uint64_t>(at::randint(1LL << 62, {1}, at::kLong).item<std::int64_t>());
  }
  RandomStream* get() { return of_model_ ? of_model_ : &own_; }

 private:
  RandomStream* of_model_;
  RandomStream own_;
};

}  // namespace longwave
