#pragma once

#include <functional>
#include <set>
#include <string>

namespace longwave {

/// Floating-point operations of some work on this thread.
struct FlopCount {
  double flops = 0;
  std::set<std::string> unknown;  // operators of ours that ran without a formula for their cost
};

/// Runs `work` and counts the matrix products, convolutions, Fourier transforms and operators of ours that it calls. A
/// multiply-add counts 2. Element-wise work, sums and moves of data count 0, as is usual in published counts.
FlopCount count_flops(const std::function<void()>& work);

}  // namespace longwave
