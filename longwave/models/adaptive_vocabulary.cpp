#include "longwave/models/adaptive_vocabulary.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/ops/linear_cross_entropy.h"

namespace longwave {
namespace {

constexpr std::int64_t kIgnored = -100;

/// Rows of `targets` inside [begin, end).
at::Tensor rows_within(const at::Tensor& targets, std::int64_t begin, std::int64_t end) {
  return targets.ge(begin).logical_and(targets.lt(end)).nonzero().squeeze(1);
}

}  // namespace

AdaptiveVocabulary::AdaptiveVocabulary(std::int64_t tokens, std::int64_t d, const std::vector<std::int64_t>& cutoffs,
                                       double division, bool outputs)
    : d_(d) {
  check(!cutoffs.empty(), "adaptive vocabulary: no cut-off; expected at least one");
  begins_.push_back(0);
  for (const auto cutoff : cutoffs) {
    check(cutoff > begins_.back() && cutoff < tokens, "model.cutoffs: ", cutoff, "; expected rising numbers below ",
          tokens, ", the size of the vocabulary");
    begins_.push_back(cutoff);
  }
  begins_.push_back(tokens);
  const auto bands = register_module("bands", std::make_shared<Module>());
  const auto maps = register_module("maps", std::make_shared<Module>());
  for (std::size_t i = 0; i + 1 < begins_.size(); ++i) {
    const auto width = std::max<std::int64_t>(1, std::llround(d / std::pow(division, i)));
    const auto name = std::to_string(i);
    bands_.push_back(bands->register_parameter(name, at::empty({begins_[i + 1] - begins_[i], width}).normal_(0, 0.02)));
    const double deviation = 1 / std::sqrt(static_cast<double>(width));
    maps_.push_back(i == 0 ? at::Tensor()
                           : maps->register_parameter(name, at::empty({d, width}).normal_(0, deviation)));
  }
  if (outputs) entries_ = register_parameter("entries", at::empty({std::ssize(cutoffs), d}).normal_(0, 0.02));
}

at::Tensor AdaptiveVocabulary::embed(const at::Tensor& tokens) const {
  const auto flat = tokens.reshape({-1});
  auto y = at::zeros({flat.size(0), d_}, bands_[0].options().requires_grad(false));
  for (std::size_t i = 0; i < bands_.size(); ++i) {
    const auto rows = rows_within(flat, begins_[i], begins_[i + 1]);
    if (rows.numel() == 0) continue;
    const auto vectors = at::embedding(bands_[i], flat.index_select(0, rows) - begins_[i]);
    y = y.index_copy(0, rows, maps_[i].defined() ? at::linear(vectors, maps_[i]) : vectors);
  }
  auto shape = tokens.sizes().vec();
  shape.push_back(y.size(1));
  return y.view(shape);
}

at::Tensor AdaptiveVocabulary::first_weight() const { return at::cat({bands_[0], entries_}); }

at::Tensor AdaptiveVocabulary::log_probabilities(const at::Tensor& y) const {
  const auto first = at::log_softmax(at::linear(y, first_weight()), -1);
  std::vector<at::Tensor> parts{first.narrow(-1, 0, begins_[1])};
  for (std::size_t i = 1; i < bands_.size(); ++i) {
    const auto inside = at::log_softmax(at::linear(at::matmul(y, maps_[i]), bands_[i]), -1);
    parts.push_back(inside + first.narrow(-1, begins_[1] + static_cast<std::int64_t>(i) - 1, 1));
  }
  return at::cat(parts, -1);
}

at::Tensor AdaptiveVocabulary::losses(const at::Tensor& y, const at::Tensor& targets) const {
  auto first_targets = targets;
  for (std::size_t i = 1; i < bands_.size(); ++i) {
    const auto inside = targets.ge(begins_[i]).logical_and(targets.lt(begins_[i + 1]));
    first_targets = first_targets.masked_fill(inside, begins_[1] + static_cast<std::int64_t>(i) - 1);
  }
  auto losses = ops::linear_cross_entropies(y, first_weight(), {}, first_targets, kIgnored);
  for (std::size_t i = 1; i < bands_.size(); ++i) {
    const auto rows = rows_within(targets, begins_[i], begins_[i + 1]);
    if (rows.numel() == 0) continue;
    const auto inside = ops::linear_cross_entropies(at::matmul(y.index_select(0, rows), maps_[i]), bands_[i], {},
                                                    targets.index_select(0, rows) - begins_[i], kIgnored);
    losses = losses.index_add(0, rows, inside);
  }
  return losses;
}

}  // namespace longwave
