#pragma once

#include <cstdint>

namespace longwave::kernels {

/// Cross-entropy of rows of logits with class indices. Rows whose target is `ignored` have loss and gradient zero.
struct CrossEntropy {
  const std::int64_t* targets;  // [rows]
  std::int64_t rows, classes, ignored;
};

/// loss = lse - logit of the target, lse = log of the sum of e^logit; logits [rows, classes].
void cross_entropy(const CrossEntropy& c, const float* logits, float* loss, float* lse);

/// The same, and logits become the gradients of the sum of all losses, with one exponential for each.
void cross_entropy_sum_grad(const CrossEntropy& c, float* logits, float* loss, float* lse);

/// Turns logits into their gradients for dloss [rows], in place.
void cross_entropy_grad(const CrossEntropy& c, const float* lse, const float* dloss, float* logits);

/// sums[i] += sum over rows of x [rows, n], in the same order for any number of threads.
void add_sums_over_rows(const float* x, std::int64_t rows, std::int64_t n, float* sums);

/// The definition: scalar, in double.
void cross_entropy_reference(const CrossEntropy& c, const float* logits, float* loss, float* lse);
void cross_entropy_grad_reference(const CrossEntropy& c, const float* lse, const float* dloss, float* logits);

}  // namespace longwave::kernels
