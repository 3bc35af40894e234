#pragma once

#include "longwave/nn/dropout.h"

namespace longwave {

/// What a fused operator needs to apply one dropout by itself: the rate (0 outside training) and the key, one value of
/// the stream as in Dropout::operator().
struct DropoutDraw {
  double p = 0;
  std::int64_t key = 0;

  DropoutDraw(const Dropout& dropout, bool training) {
    if (!training || dropout.p == 0) return;
    p = dropout.p;
    key = static_cast<std::int64_t>(dropout.stream->next());
  }
};

}  // namespace longwave
