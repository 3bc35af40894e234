#include "longwave/tasks/language.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "longwave/base/check.h"
#include "longwave/base/interrupt.h"

namespace longwave {
namespace {

/// Inputs x and targets y [count, length] of windows of one length; targets that do not count are ignored.
std::pair<at::Tensor, at::Tensor> window_tensors(const std::vector<std::int32_t>& stream, const StreamWindow* windows,
                                                 std::int64_t count) {
  const auto length = windows[0].length;
  auto x = at::empty({count, length}, at::kLong), y = at::full({count, length}, kIgnoredTarget, at::kLong);
  auto *in = x.data_ptr<std::int64_t>(), *out = y.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto* tokens = stream.data() + windows[i].begin;
    std::copy_n(tokens, length, in + i * length);
    const auto skipped = length - windows[i].scored;
    std::copy_n(tokens + 1 + skipped, windows[i].scored, out + i * length + skipped);
  }
  return {x, y};
}

double carried_nats(LanguageModel& model, const std::vector<std::int32_t>& stream,
                    const std::vector<StreamWindow>& windows) {
  auto state = model.initial_state(1);
  double nats = 0;
  for (const auto& window : windows) {
    InterruptGuard::stop_if_requested();
    const auto [x, y] = window_tensors(stream, &window, 1);
    nats += model.losses(x, y, {}, &state).sum(at::kDouble).item<double>();
  }
  return nats;
}

class LanguageTask final : public Task {
 public:
  LanguageTask(std::shared_ptr<const SequenceData> data, const SequenceTaskOptions& options)
      : data_(std::move(data)), options_(options) {}

  /// Segments of a split.
  std::int64_t samples(Split split) const override {
    const auto n = data_->samples(split);
    return n < 2 ? 0 : std::max<std::int64_t>(1, (n - 1) / length(split));
  }

  void arrange(std::vector<std::int64_t>& order, std::int64_t, RandomStream random) const override {
    const auto step = length(Split::train), n = data_->samples(Split::train);
    const auto offset = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(step)));
    for (auto& segment : order) segment = (segment * step + offset) % n;
  }

  /// Segments that reach beyond the end go on at the beginning.
  void gather(Split split, const std::vector<std::int64_t>& begins, Batch& batch) const override {
    const auto& stream = data_->stream(split);
    const auto t = length(split), n = std::ssize(stream);
    batch.size = std::ssize(begins);
    batch.steps = batch.size * t;
    auto *x = batch.prepare_integers("x", {t}), *y = batch.prepare_integers("y", {t});
    for (std::int64_t b = 0; b < batch.size; ++b)
      for (std::int64_t i = 0; i < t; ++i) {
        x[b * t + i] = stream[static_cast<std::size_t>((begins[b] + i) % n)];
        y[b * t + i] = stream[static_cast<std::size_t>((begins[b] + i + 1) % n)];
      }
  }

  Loss loss(Module& model, const Batch& batch) const override {
    const auto& y = batch.tensors.at("y");
    const auto total = as_language_model(model).losses(batch.tensors.at("x"), y).sum() / static_cast<double>(y.numel());
    return {total, {{"cross_entropy", total}}};
  }

  Scores evaluate(Module& module, Split split, const EvaluateOptions& options) const override {
    const at::NoGradGuard no_grad;
    auto& model = as_language_model(module);
    const bool was_training = model.is_training();
    model.eval();
    const auto& stream = data_->stream(split);
    check(stream.size() > 1, "the split has ", stream.size(), " tokens; expected at least 2 to predict one");
    const auto predictions = static_cast<double>(stream.size() - 1);
    const double nats = stream_nats(model, stream, options_, options.batch), loss = nats / predictions;
    model.train(was_training);
    Scores scores{{"loss", loss}, {"perplexity", std::exp(loss)}, {"tokens", predictions}};
    if (!is_spelt()) {
      scores["bits"] = loss / std::numbers::ln2;
      return scores;
    }
    const auto size = data_->text_size(split);
    scores[selection().score] = loss / std::numbers::ln2;
    scores["bits_per_byte"] = nats / std::numbers::ln2 / static_cast<double>(size.bytes);
    if (size.words > 0) scores["word_perplexity"] = std::exp(nats / static_cast<double>(size.words));
    return scores;
  }

  Selection selection() const override { return {.score = is_spelt() ? "bits_per_" + unit() : "perplexity"}; }
  std::vector<Baseline> baselines() const override {
    auto lines = data_->baselines();
    if (is_spelt())
      for (auto& line : lines) line.score = std::log2(line.score);
    return lines;
  }
  double chance_loss() const override { return std::log(static_cast<double>(data_->facts().vocabulary)); }

  Json about() const override {
    Json json = {{"evaluation", evaluation_name(options_)},
                 {"tokens",
                  {{"train", data_->samples(Split::train)},
                   {"val", data_->samples(Split::val)},
                   {"test", data_->samples(Split::test)}}}};
    if (!unit().empty()) json["unit"] = unit();
    if (!data_->facts().protocol.empty()) json["protocol"] = data_->facts().protocol;
    if (!data_->facts().content_hash.empty()) json["content"] = data_->facts().content_hash;
    return json;
  }

 private:
  std::int64_t length(Split split) const { return std::min(options_.context, data_->samples(split) - 1); }
  const std::string& unit() const { return data_->facts().unit; }
  bool is_spelt() const { return unit() == "character" || unit() == "byte"; }

  std::shared_ptr<const SequenceData> data_;
  SequenceTaskOptions options_;
};

}  // namespace

LanguageModel& as_language_model(Module& module) {
  auto* model = dynamic_cast<LanguageModel*>(&module);
  check(model != nullptr, "this model is no language model");
  return *model;
}

std::string evaluation_name(const SequenceTaskOptions& options) {
  const auto context = std::to_string(options.context);
  if (options.evaluation == "segment") return "segment(" + context + ")";
  if (options.evaluation == "sliding") return "sliding(" + context + ", " + std::to_string(options.stride) + ")";
  return options.evaluation;
}

std::vector<StreamWindow> stream_windows(std::int64_t n, const SequenceTaskOptions& options) {
  const auto predictions = n - 1;
  const auto length = options.evaluation == "whole" ? predictions : std::min(options.context, predictions);
  std::vector<StreamWindow> windows{{0, length, length}};
  const auto step = options.evaluation == "sliding" ? options.stride : length;
  for (auto done = length; done < predictions;) {
    const auto scored = std::min(step, predictions - done);
    const auto begin = options.evaluation == "sliding" ? std::max<std::int64_t>(0, done + scored - length) : done;
    windows.push_back({begin, done + scored - begin, scored});
    done += scored;
  }
  return windows;
}

double stream_nats(LanguageModel& model, const std::vector<std::int32_t>& stream, const SequenceTaskOptions& options,
                   std::int64_t batch) {
  const auto windows = stream_windows(std::ssize(stream), options);
  if (options.evaluation == "stream") return carried_nats(model, stream, windows);
  double nats = 0;
  for (std::size_t first = 0; first < windows.size();) {
    InterruptGuard::stop_if_requested();
    std::size_t end = first + 1;
    while (end < windows.size() && end - first < static_cast<std::size_t>(batch) &&
           windows[end].length == windows[first].length)
      ++end;
    const auto [x, y] = window_tensors(stream, &windows[first], static_cast<std::int64_t>(end - first));
    nats += model.losses(x, y).sum(at::kDouble).item<double>();
    first = end;
  }
  return nats;
}

std::shared_ptr<const Task> make_language_task(std::shared_ptr<const SequenceData> data,
                                               const SequenceTaskOptions& options) {
  return std::make_shared<LanguageTask>(std::move(data), options);
}

}  // namespace longwave
