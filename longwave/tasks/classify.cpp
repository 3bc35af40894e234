// Classes of sequences, of pairs and of steps, and numbers of steps.

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/models/classifier.h"
#include "longwave/tasks/language.h"
#include "longwave/tasks/metrics.h"
#include "longwave/tasks/sequence_batch.h"
#include "longwave/tasks/sequence_task.h"
#include "longwave/tasks/step_scores.h"

namespace longwave {
namespace {

void add_accuracy(Scores& scores, double right, double scored, double independent) {
  scores["accuracy"] = right / scored;
  std::tie(scores["accuracy_low"], scores["accuracy_high"]) =
      wilson_interval(right / scored * independent, independent);
}

/// classify, classify_pair: cross-entropy of one label a row.
class ClassifyTask final : public SampleTask {
 public:
  using SampleTask::SampleTask;

  Loss loss(Module& model, const Batch& batch) const override {
    const auto total = at::cross_entropy_loss(logits(model, batch), batch.tensors.at("y"));
    return {total, {{"cross_entropy", total}}};
  }
  Selection selection() const override { return {.score = "accuracy", .higher = true}; }
  double chance_loss() const override {
    return class_entropy([](const SequenceExample& sample, const Count& count) { count(sample.label); });
  }

 protected:
  std::vector<Tally> tally(Module& model, const Batch& batch) const override {
    const auto out = logits(model, batch);
    const auto& y = batch.tensors.at("y");
    const auto losses = at::cross_entropy_loss(out, y, {}, at::Reduction::None).to(at::kDouble).contiguous();
    const auto right = out.argmax(1).eq(y).contiguous();
    std::vector<Tally> tallies(static_cast<std::size_t>(batch.size));
    for (std::size_t i = 0; i < tallies.size(); ++i) {
      const bool hit = right.data_ptr<bool>()[i];
      tallies[i] = {.samples = 1, .right = hit ? 1.0 : 0.0, .scored = 1, .loss = losses.data_ptr<double>()[i]};
    }
    return tallies;
  }
  Scores scores(const Tally& t) const override {
    Scores scores{{"loss", t.loss / t.scored}};
    add_accuracy(scores, t.right, t.scored, t.samples);
    return scores;
  }

 private:
  at::Tensor logits(Module& model, const Batch& batch) const {
    const bool pairs = facts().goal == SequenceGoal::classify_pair;
    return as_classifier(model).forward(model_input(batch, pairs), model_lengths(batch));
  }
};

/// classify_steps: cross-entropy of the scored steps. Its interval counts sequences, because the steps of one are not
/// independent. Every step is told with the true ones in front of it, moves too.
class ClassifyStepsTask final : public SampleTask {
 public:
  using SampleTask::SampleTask;

  Loss loss(Module& model, const Batch& batch) const override { return mean_step_loss(as_classifier(model), batch); }
  Selection selection() const override { return {.score = "accuracy", .higher = true}; }
  double chance_loss() const override {
    return class_entropy([](const SequenceExample& sample, const Count& count) {
      for (const auto target : sample.targets)
        if (target != kIgnoredTarget) count(target);
    });
  }

 protected:
  std::vector<Tally> tally(Module& model, const Batch& batch) const override {
    const auto steps = score_steps(as_classifier(model), batch);
    std::vector<Tally> tallies(static_cast<std::size_t>(batch.size), Tally{.samples = 1});
    const auto width = static_cast<std::size_t>(batch.tensors.at("y").size(1));
    std::vector<std::vector<std::int32_t>> predicted(tallies.size(), std::vector<std::int32_t>(width, kIgnoredTarget));
    for (std::size_t i = 0; i < steps.row.size(); ++i) {
      auto& t = tallies[steps.row[i]];
      t.scored += 1, t.right += steps.right[i], t.loss += steps.loss[i];
      predicted[steps.row[i]][steps.step[i]] = steps.predicted[i];
    }
    for (std::size_t row = 0; row < tallies.size(); ++row) {
      auto& t = tallies[row];
      const auto moves = data().moves(batch.examples[row], predicted[row]);
      t.exact = t.right == t.scored;
      t.moves = static_cast<double>(moves.made), t.legal = static_cast<double>(moves.legal);
      if (moves.right < 0) continue;
      t.choices = t.scored, t.any = static_cast<double>(moves.right), t.any_exact = t.any == t.scored;
    }
    return tallies;
  }
  Scores scores(const Tally& t) const override {
    check(t.scored > 0, "data: no step of these samples is scored");
    Scores scores{{"loss", t.loss / t.scored}, {"exact_match", t.exact / t.samples}};
    if (t.moves > 0) scores["legal_moves"] = t.legal / t.moves;
    if (t.choices > 0) scores["accuracy_any"] = t.any / t.choices, scores["exact_match_any"] = t.any_exact / t.samples;
    add_accuracy(scores, t.right, t.scored, t.samples);
    return scores;
  }
};

/// regress_steps: mean squared error of the scored steps. "error" divides it by the mean square of the truth: 1 is what
/// forecasting zero earns.
class RegressStepsTask final : public SampleTask {
 public:
  using SampleTask::SampleTask;

  Loss loss(Module& model, const Batch& batch) const override {
    const auto& scored = batch.tensors.at("scored");
    const auto error = (output(model, batch) - batch.tensors.at("y")) * scored;
    const auto count = scored.sum().clamp_min(1), total = error.square().sum() / count;
    return {total, {{"mse", total}}, count.item<double>()};
  }
  Selection selection() const override { return {.score = "error"}; }

 protected:
  std::vector<Tally> tally(Module& model, const Batch& batch) const override {
    const auto out = output(model, batch).contiguous();
    const auto *p = out.data_ptr<float>(), *y = batch.tensors.at("y").data_ptr<float>(),
               *scored = batch.tensors.at("scored").data_ptr<float>();
    const auto t = out.size(1);
    std::vector<Tally> tallies(static_cast<std::size_t>(batch.size), Tally{.samples = 1});
    for (std::int64_t i = 0; i < out.numel(); ++i) {
      if (scored[i] == 0) continue;
      auto& sample = tallies[static_cast<std::size_t>(i / t)];
      const double error = p[i] - y[i], truth = y[i];
      sample.scored += 1, sample.squares += error * error, sample.power += truth * truth;
      sample.last_squares = error * error, sample.last_power = truth * truth;
    }
    return tallies;
  }
  Scores scores(const Tally& t) const override {
    check(t.power > 0, "data: no step of these samples is scored, or all targets are zero");
    return {
        {"mse", t.squares / t.scored}, {"error", t.squares / t.power}, {"error_last", t.last_squares / t.last_power}};
  }

 private:
  static at::Tensor output(Module& model, const Batch& batch) {
    return as_classifier(model).forward(model_input(batch, false), model_lengths(batch)).squeeze(-1);
  }
};

}  // namespace

Classifier& as_classifier(Module& module) {
  auto* model = dynamic_cast<Classifier*>(&module);
  check(model != nullptr, "this model is no classifier");
  return *model;
}

std::shared_ptr<const Task> make_sequence_task(std::shared_ptr<const SequenceData> data,
                                               const SequenceTaskOptions& options) {
  switch (data->facts().goal) {
    case SequenceGoal::classify_steps:
      return std::make_shared<ClassifyStepsTask>(std::move(data), options.bucket);
    case SequenceGoal::regress_steps:
      return std::make_shared<RegressStepsTask>(std::move(data), options.bucket);
    case SequenceGoal::language:
      return make_language_task(std::move(data), options);
    default:
      return std::make_shared<ClassifyTask>(std::move(data), options.bucket);
  }
}

}  // namespace longwave
