#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "longwave/nn/module.h"

namespace longwave::bench {

/// What bounds a case on any machine, and how much of it a pass forward, and one forward and backward, need at least.
/// Traffic counts beside arithmetic, whose parts add up: the larger of the two is the bound.
enum class Bound { exponentials, fft_flops, gemm_flops, tensor_bytes };
const char* name_of(Bound bound);
struct Work {
  double forward = 0, both = 0;
};

/// One operator or mixer at fixed sizes, for comparison with the same in PyTorch (pytorch_mixers.py).
struct Case {
  std::string name = {}, sizes = {};
  TensorMap leaves = {};  // inputs, weights and buffers; what requires a gradient is differentiated
  /// If no leaf requires a gradient it is the whole case, and may work in place on the leaves.
  std::function<std::vector<at::Tensor>()> forward = {};
  std::map<Bound, Work> work = {};
  /// The matrix products of both passes alone, at their own sizes, where those are far from what machines do best.
  std::function<void()> products = {};
  double target = 0;  // times as fast as PyTorch; 0: none
};

std::vector<std::string> case_names();

/// "mamba", or "mamba@65536" for sequences of that many steps, of mixers one: where a case has sequences of free
/// length. UserError with the nearest name if there is none of that name.
Case make_case(const std::string& name);

}  // namespace longwave::bench
