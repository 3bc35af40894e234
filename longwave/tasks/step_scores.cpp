#include "longwave/tasks/step_scores.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "longwave/tasks/sequence_batch.h"

namespace longwave {
namespace {

constexpr std::int64_t kLogits = 8 << 20;  // at a time when scoring: 32 MiB

/// The vectors of the scored steps [n, d], their targets [n] and places [n] in the flattened batch.
struct ScoredSteps {
  at::Tensor vectors, targets, places;
};

ScoredSteps scored_steps(Classifier& model, const Batch& batch) {
  const auto y = batch.tensors.at("y").flatten();
  const auto places = y.ne(kIgnoredTarget).nonzero().squeeze(1);
  const auto features = model.features(model_input(batch, false), model_lengths(batch)).flatten(0, 1);
  return {features.index_select(0, places), y.index_select(0, places), places};
}

}  // namespace

Loss mean_step_loss(Classifier& model, const Batch& batch) {
  const auto steps = scored_steps(model, batch);
  const auto count = static_cast<double>(std::max<std::int64_t>(1, steps.targets.size(0)));
  const auto total = model.losses(steps.vectors, steps.targets).sum() / count;
  return {total, {{"cross_entropy", total}}, count};
}

StepScores score_steps(Classifier& model, const Batch& batch) {
  const auto steps = scored_steps(model, batch);
  const auto n = steps.targets.size(0), t = batch.tensors.at("y").size(1);
  const auto rows = std::max<std::int64_t>(1, kLogits / model.config().classes);
  StepScores scores;
  for (std::int64_t first = 0; first < n; first += rows) {
    const auto count = std::min(rows, n - first);
    const auto targets = steps.targets.narrow(0, first, count);
    const auto logits = model.decode(steps.vectors.narrow(0, first, count));
    const auto predicted = logits.argmax(1);
    const auto right = predicted.eq(targets).to(at::kDouble);
    const auto losses = at::cross_entropy_loss(logits, targets, {}, at::Reduction::None).to(at::kDouble);
    const auto* p = predicted.data_ptr<std::int64_t>();
    const auto *r = right.data_ptr<double>(), *l = losses.data_ptr<double>();
    scores.predicted.insert(scores.predicted.end(), p, p + count);
    scores.right.insert(scores.right.end(), r, r + count);
    scores.loss.insert(scores.loss.end(), l, l + count);
  }
  const auto* places = steps.places.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i) {
    scores.row.push_back(static_cast<std::size_t>(places[i] / t));
    scores.step.push_back(static_cast<std::size_t>(places[i] % t));
  }
  return scores;
}

}  // namespace longwave
