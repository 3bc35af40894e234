#pragma once

#include <array>

#include "bench/cases.h"

namespace longwave::bench {

using Tensors = std::vector<at::Tensor>;

/// Steps of a sequence: those that a case has of itself, or those that were asked for behind its name.
std::int64_t steps_of(std::int64_t usual);

/// `value` as a leaf of the case that asks for a gradient.
at::Tensor leaf(Case& c, const std::string& name, const at::Tensor& value);

/// The same without gradient, as float: the other side reads nothing else.
at::Tensor constant(Case& c, const std::string& name, const at::Tensor& value);

/// Numbers of all matrices of two dimensions: what products a step takes.
double matrix_weights(const Module& module);

/// Adds numbers that go between memory and the processor once: so many times those of x forward, and in both passes.
void add_bytes(Case& c, const at::Tensor& x, double forward, double both = 0);

/// Adds products of `multiply_adds` a step: 2 operations each forward, 4 more backward.
void add_products(Case& c, std::int64_t steps, double multiply_adds);

/// Adds softmax attention's exponentials of `pairs` of steps, once forward and once more backward.
void add_scores(Case& c, std::int64_t pairs);

/// Adds a selective scan of so many states, over all steps: an exponential each forward and one more backward, where
/// the decays are computed again, and the operations beside it. Forward 6: the exponent, e h + drive B, C h to the sum;
/// backward the first 4 of them once again, and 14: the adjoint, its share in the gradients of B, C and the input and
/// what it gives back to the step before (5 multiplications with addition), that and the decay's gradient (2), which
/// goes to A and to the step size (4).
void add_scan(Case& c, std::int64_t states);

/// The products of a recurrent network of width d and so many gates: of the inputs, and of their gradients and those of
/// both matrices, for all steps at once; of states and their gradients at every step.
std::function<void()> recurrent_products(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t gates);

/// The products of linear maps of `steps` rows, each of a number of inputs to one of outputs: the outputs, and the
/// gradients of inputs and matrix.
std::function<void()> map_products(std::int64_t steps, const std::vector<std::array<std::int64_t, 2>>& maps);

/// Adds causal convolutions of b rows of `channels` features with a kernel each: transforms of real sequences of length
/// 2t, 5 t log2 t operations each (a complex one of length t); forward: of u, of the product, of the kernel; backward:
/// of dy, u, du, of the kernel and its gradient.
void add_convolutions(Case& c, std::int64_t b, std::int64_t t, std::int64_t channels);

/// Products of a state [keys, values] of `heads` heads, which is written once and read `reads` times a step, and of the
/// visible half of a chunk of 64 steps.
constexpr double state_products(int heads, int keys, int values, int reads = 1) {
  return heads * ((1.0 + reads) * keys * values + 32.0 * reads * (keys + values));
}

}  // namespace longwave::bench
