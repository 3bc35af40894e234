#include "longwave/tasks/pretrain.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "longwave/base/check.h"
#include "longwave/tasks/metrics.h"
#include "longwave/tasks/sequence_batch.h"
#include "longwave/tasks/step_scores.h"

namespace longwave {
namespace {

constexpr std::int64_t kLevels = 256;

double ratio_of(const PretrainOptions& options, const SequenceFacts& facts) {
  return options.mask_ratio >= 0    ? options.mask_ratio
         : facts.masking.ratio >= 0 ? facts.masking.ratio
         : facts.vocabulary > 0     ? 0.15
                                    : 0.5;
}

bool as_levels(const PretrainOptions& options, const SequenceFacts& facts) {
  return options.loss == "levels" || (options.loss == "auto" && facts.masking.levels);
}

/// Which steps of a sample are hidden; they come in order.
class HiddenSpans {
 public:
  HiddenSpans(double ratio, std::int64_t span) : ratio_(ratio), span_(span) {}

  bool hides(std::int64_t step, RandomStream& random) {
    if (step == 0 || left_ == 0) {
      left_ = span_;
      if (step == 0 && span_ > 1) left_ -= static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(span_)));
      hidden_ = random.uniform() < ratio_;
    }
    --left_;
    return hidden_;
  }

 private:
  double ratio_;
  std::int64_t span_, left_ = 0;  // of the span in progress
  bool hidden_ = false;
};

/// Common to both kinds of input: documents, and where masks come from.
class PretrainTask : public SampleTask {
 public:
  PretrainTask(std::shared_ptr<const SequenceData> data, const PretrainOptions& options)
      : SampleTask(std::move(data), options.bucket),
        masked_(options.objective == "masked"),
        pairs_(facts().goal == SequenceGoal::classify_pair),
        ratio_(ratio_of(options, facts())),
        span_(options.mask_span),
        documents_(facts()) {
    documents_.goal = SequenceGoal::language;  // no targets but the inputs themselves
  }

  std::vector<Baseline> baselines() const override { return {}; }  // those of the set are of its task
  std::int64_t samples(Split split) const override { return SampleTask::samples(split) * (pairs_ ? 2 : 1); }
  Json about() const override {
    auto json = SampleTask::about();
    if (masked_) json["mask_ratio"] = ratio_, json["mask_span"] = span_;
    return json;
  }

  void gather(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const override {
    batch.size = std::ssize(indices);
    if (batch.examples.size() < indices.size()) batch.examples.resize(indices.size());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      auto& example = batch.examples[i];
      data().example(split, pairs_ ? indices[i] / 2 : indices[i], example);
      if (pairs_ && indices[i] % 2 == 1) std::swap(example.first, example.second);
      example.second = {};
    }
    pad_examples(documents_, batch);
    prepare_targets(batch);
    if (!masked_) shift_targets(batch);
  }

  void augment(Batch& batch, RandomStream& random) const override {
    SampleTask::augment(batch, random);
    HiddenSpans spans(ratio_, span_);
    if (masked_)
      for_real_steps(batch, [&](std::int64_t row, std::int64_t step, std::int64_t) {
        if (spans.hides(step, random)) hide_step(batch, row, step);
      });
    else if (!facts().complement.empty())
      shift_targets(batch);  // of the strand that is read
  }

 protected:
  void gather_scored(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const override {
    gather(split, indices, batch);
    if (!masked_) return;
    const auto stream = RandomStream{0x6d61736b, 0}.split(static_cast<std::uint64_t>(split));
    RandomStream random;
    HiddenSpans spans(ratio_, span_);
    for_real_steps(batch, [&](std::int64_t row, std::int64_t step, std::int64_t) {
      const auto sample = static_cast<std::uint64_t>(indices[static_cast<std::size_t>(row)]);
      if (step == 0) random = stream.split(sample);  // of the sample, whatever the batch
      if (spans.hides(step, random)) hide_step(batch, row, step);
    });
  }

  /// What is to be restored, and nothing scored yet.
  virtual void prepare_targets(Batch& batch) const = 0;
  /// The target of a step is the next one.
  virtual void shift_targets(Batch& batch) const = 0;
  virtual void hide_step(Batch& batch, std::int64_t row, std::int64_t step) const = 0;

  std::int64_t length(Split split, std::int64_t index) const override {
    return SampleTask::length(split, pairs_ ? index / 2 : index);
  }

  /// Calls visit(row, step) for the real steps.
  template <class Visit>
  static void for_real_steps(const Batch& batch, const Visit& visit) {
    const auto t = batch.tensors.at("x").size(1);
    const auto lengths = model_lengths(batch);
    for (std::int64_t b = 0; b < batch.size; ++b) {
      const auto end = lengths.defined() ? lengths.data_ptr<std::int64_t>()[b] : t;
      for (std::int64_t i = 0; i < end; ++i) visit(b, i, end);
    }
  }

 private:
  bool masked_, pairs_;
  double ratio_;
  std::int64_t span_;
  SequenceFacts documents_;
};

class PretrainTokens final : public PretrainTask {
 public:
  PretrainTokens(std::shared_ptr<const SequenceData> data, const PretrainOptions& options)
      : PretrainTask(std::move(data), options), mask_(facts().mask >= 0 ? facts().mask : facts().vocabulary) {}

  Loss loss(Module& model, const Batch& batch) const override { return mean_step_loss(as_classifier(model), batch); }
  Selection selection() const override { return {.score = "accuracy", .higher = true}; }

 protected:
  void prepare_targets(Batch& batch) const override {
    const auto t = batch.tensors.at("x").size(1);
    std::fill_n(batch.prepare_integers("y", {t}), batch.size * t, kIgnoredTarget);
  }
  void shift_targets(Batch& batch) const override {
    const auto t = batch.tensors.at("x").size(1);
    const auto* x = batch.tensors.at("x").data_ptr<std::int64_t>();
    auto* y = batch.tensors.at("y").data_ptr<std::int64_t>();
    for_real_steps(batch, [&](std::int64_t b, std::int64_t i, std::int64_t end) {
      if (i + 1 < end) y[b * t + i] = x[b * t + i + 1];
    });
  }
  void hide_step(Batch& batch, std::int64_t row, std::int64_t step) const override {
    const auto at = row * batch.tensors.at("x").size(1) + step;
    auto& x = batch.tensors.at("x").data_ptr<std::int64_t>()[at];
    batch.tensors.at("y").data_ptr<std::int64_t>()[at] = x;
    x = mask_;
  }
  std::vector<Tally> tally(Module& model, const Batch& batch) const override {
    const auto steps = score_steps(as_classifier(model), batch);
    std::vector<Tally> tallies(static_cast<std::size_t>(batch.size), Tally{.samples = 1});
    for (std::size_t i = 0; i < steps.row.size(); ++i) {
      auto& t = tallies[steps.row[i]];
      t.scored += 1, t.right += steps.right[i], t.loss += steps.loss[i];
    }
    return tallies;
  }
  Scores scores(const Tally& t) const override {
    const auto n = std::max(1.0, t.scored);
    return {{"accuracy", t.right / n}, {"loss", t.loss / n}};
  }

 private:
  std::int64_t mask_;
};

/// Numbers: x [b, t, c + 1] with the mask channel (causal: [b, t, c]), target [b, t, c], scored [b, t].
class PretrainValues final : public PretrainTask {
 public:
  PretrainValues(std::shared_ptr<const SequenceData> data, const PretrainOptions& options)
      : PretrainTask(std::move(data), options),
        levels_(as_levels(options, facts())),
        causal_(options.objective == "causal") {
    if (levels_) find_range();
  }

  Loss loss(Module& model, const Batch& batch) const override {
    if (levels_) return mean_step_loss(as_classifier(model), with_levels(batch));
    const auto scored = batch.tensors.at("scored").unsqueeze(-1), count = scored.sum().clamp_min(1);
    const auto total = (error(model, batch) * scored).abs().sum() / (count * facts().channels);
    return {total, {{"l1", total}}, count.item<double>()};
  }
  Selection selection() const override { return {.score = levels_ ? "accuracy" : "r2", .higher = true}; }
  Json about() const override {
    auto json = PretrainTask::about();
    json["mask_loss"] = levels_ ? "levels" : "l1";
    return json;
  }

 protected:
  void prepare_targets(Batch& batch) const override {
    const auto values = batch.tensors.at("x").clone();
    const auto t = values.size(1), c = values.size(2);
    std::copy_n(values.data_ptr<float>(), values.numel(), batch.prepare("target", {t, c}));
    std::fill_n(batch.prepare("scored", {t}), batch.size * t, 0.0f);
    if (causal_) return;
    auto* x = batch.prepare("x", {t, c + 1});
    for (std::int64_t i = 0; i < batch.size * t; ++i) {
      x = std::copy_n(values.data_ptr<float>() + i * c, c, x);
      *x++ = 0;
    }
  }
  void shift_targets(Batch& batch) const override {
    const auto t = batch.tensors.at("x").size(1), c = facts().channels;
    const auto* x = batch.tensors.at("x").data_ptr<float>();
    auto *target = batch.tensors.at("target").data_ptr<float>(), *scored = batch.tensors.at("scored").data_ptr<float>();
    for_real_steps(batch, [&](std::int64_t b, std::int64_t i, std::int64_t end) {
      if (i + 1 >= end) return;
      std::copy_n(x + (b * t + i + 1) * c, c, target + (b * t + i) * c);
      scored[b * t + i] = 1;
    });
  }
  void hide_step(Batch& batch, std::int64_t row, std::int64_t step) const override {
    const auto at = row * batch.tensors.at("x").size(1) + step, c = facts().channels;
    auto* x = batch.tensors.at("x").data_ptr<float>() + at * (c + 1);
    std::fill_n(x, c, facts().masking.hidden);
    x[c] = 1;
    batch.tensors.at("scored").data_ptr<float>()[at] = 1;
  }
  std::vector<Tally> tally(Module& model, const Batch& batch) const override {
    std::vector<Tally> tallies(static_cast<std::size_t>(batch.size), Tally{.samples = 1});
    if (levels_) {
      const auto steps = score_steps(as_classifier(model), with_levels(batch));
      for (std::size_t i = 0; i < steps.row.size(); ++i) {
        auto& t = tallies[steps.row[i]];
        t.scored += 1, t.right += steps.right[i], t.loss += steps.loss[i];
      }
      return tallies;
    }
    const auto errors = error(model, batch).contiguous();
    const auto *e = errors.data_ptr<float>(), *y = batch.tensors.at("target").data_ptr<float>(),
               *scored = batch.tensors.at("scored").data_ptr<float>();
    const auto t = errors.size(1), c = errors.size(2);
    for (std::int64_t i = 0; i < errors.numel(); ++i) {
      if (scored[i / c] == 0) continue;
      auto& sample = tallies[static_cast<std::size_t>(i / (t * c))];
      const double truth = y[i];
      sample.scored += 1, sample.squares += e[i] * e[i], sample.power += truth * truth, sample.sum += truth;
      sample.loss += std::abs(e[i]);
    }
    return tallies;
  }
  Scores scores(const Tally& t) const override {
    const auto n = std::max(1.0, t.scored);
    if (levels_) return {{"accuracy", t.right / n}, {"loss", t.loss / n}};
    const auto variance = t.power - t.sum * t.sum / n;
    return {{"l1", t.loss / n}, {"r2", variance > 0 ? 1 - t.squares / variance : 0}};
  }

 private:
  at::Tensor error(Module& model, const Batch& batch) const {
    return as_classifier(model).forward(batch.tensors.at("x"), model_lengths(batch)) - batch.tensors.at("target");
  }

  /// The smallest and the largest number of the first training samples.
  void find_range() {
    check(facts().channels == 1, "task.mask_loss: levels are of one number a step; this set has ", facts().channels);
    SequenceExample example;
    low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(256, data().samples(Split::train)); ++i) {
      data().example(Split::train, i, example);
      for (const double v : example.first.values) low_ = std::min(low_, v), high_ = std::max(high_, v);
    }
    check(high_ > low_, "task.mask_loss: all numbers of the set are equal; expected a range to cut into levels");
  }

  /// The batch with y [b, t], the levels of the scored steps.
  Batch with_levels(const Batch& batch) const {
    Batch out;
    out.size = batch.size;
    out.tensors = batch.tensors;
    const auto level = ((batch.tensors.at("target").squeeze(-1) - low_) * ((kLevels - 1) / (high_ - low_)))
                           .round()
                           .clamp(0, kLevels - 1)
                           .to(at::kLong);
    out.tensors["y"] = at::where(batch.tensors.at("scored") > 0, level, at::full({}, kIgnoredTarget, at::kLong));
    return out;
  }

  bool levels_, causal_;
  double low_ = 0, high_ = 1;
};

}  // namespace

std::shared_ptr<const Task> make_pretrain_task(std::shared_ptr<const SequenceData> data,
                                               const PretrainOptions& options) {
  if (data->facts().vocabulary > 0) return std::make_shared<PretrainTokens>(std::move(data), options);
  return std::make_shared<PretrainValues>(std::move(data), options);
}

SequenceSizes pretrain_sizes(const SequenceFacts& facts, const PretrainOptions& options) {
  check(facts.goal != SequenceGoal::language,
        "train.protocol: a language set is trained on its own tokens already; expected \"scratch\" (in a comparison: "
        "[compare.DATA] protocols = [\"scratch\"])");
  auto sizes = sequence_sizes(facts);
  const bool masked = options.objective == "masked";
  if (facts.vocabulary > 0) {
    sizes.goal = SequenceGoal::classify_steps;
    sizes.classes = facts.vocabulary;
    sizes.vocabulary += masked && facts.mask < 0 ? 1 : 0;
  } else {
    const bool levels = as_levels(options, facts);
    sizes.goal = levels ? SequenceGoal::classify_steps : SequenceGoal::regress_steps;
    sizes.classes = levels ? kLevels : facts.channels;
    sizes.channels += masked ? 1 : 0;
  }
  return sizes;
}

TensorMap transferred(const TensorMap& pretrained, TensorMap fresh) {
  for (auto& [name, tensor] : fresh) {
    if (!name.starts_with("backbone.") && !name.starts_with("encoder.")) continue;
    auto from = pretrained.at(name);
    for (std::int64_t axis = 0; axis < tensor.dim(); ++axis) from = from.narrow(axis, 0, tensor.size(axis));
    tensor = from;
  }
  return fresh;
}

}  // namespace longwave
