#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/nn/module.h"

namespace longwave {

/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101): decay w <- w (1 - rate * weight_decay), then the Adam step
/// with bias correction by the current betas. A parameter without gradient is left alone. State goes by parameter name.
class AdamW {
 public:
  struct Options {
    double beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;
  };
  /// What is different for one parameter.
  struct Treatment {
    double rate_scale = 1;  // factor of the learning rate
    double weight_decay = 0;
  };
  /// `special`: by parameter name; the others are treated as `options` say.
  AdamW(const Module& module, const Options& options, const std::map<std::string, Treatment>& special = {});

  /// Drops all gradients.
  void zero_grad();

  /// Euclidean norm of all gradients together.
  double gradient_norm() const;

  /// The first parameter whose gradient has a number that is not finite; "" if there is none.
  std::string first_bad_gradient() const;

  /// One step with the gradients times `gradient_scale` (clipping).
  void step(double learning_rate, double beta1, double gradient_scale = 1);

  /// "m.<name>" and "v.<name>": running means of gradient and squared gradient. They share memory with the optimiser.
  TensorMap state() const;
  /// Steps taken, by parameter name (parameters may differ: no gradient, no step).
  Json steps() const;

  /// Restores both. UserError naming `where` if they are of another model.
  void load(const TensorMap& state, const Json& steps, const std::string& where);

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter, mean, square;  // real views of complex parameters
    Treatment treatment;
    std::int64_t steps = 0;
  };
  struct Group {  // of equal steps and treatment, updated in one call
    std::vector<at::Tensor> parameters, gradients, means, squares;
  };
  std::vector<Slot> slots_;
  Options options_;
};

}  // namespace longwave
