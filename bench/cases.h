#pragma once

#include <functional>
#include <string>
#include <vector>

#include "longwave/nn/module.h"

namespace longwave::bench {

/// What bounds a case on any machine, and how much of it one pass forward and backward needs at least.
enum class Bound { exponentials, fft_flops, gemm_flops };
const char* name_of(Bound bound);

/// One operator or mixer at fixed sizes, for comparison with the same in PyTorch (pytorch_mixers.py).
struct Case {
  std::string name = {}, sizes = {};
  TensorMap leaves = {};  // inputs and weights, all to be differentiated
  std::function<at::Tensor()> forward = {};
  Bound bound = Bound::gemm_flops;
  double forward_work = 0, both_work = 0;  // in units of the bound
  double target = 0;                       // times as fast as PyTorch; 0: none
};

std::vector<std::string> case_names();

/// UserError with the nearest name if there is none of that name.
Case make_case(const std::string& name);

}  // namespace longwave::bench
