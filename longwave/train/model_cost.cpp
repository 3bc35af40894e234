#include "longwave/train/model_cost.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "longwave/models/flops.h"
#include "longwave/models/language_model.h"

namespace longwave {
namespace {

/// Steps and number of some training samples, spread evenly over the split, in the order of their steps.
std::vector<std::pair<std::int64_t, std::int64_t>> some_samples(const Task& task) {
  constexpr std::int64_t kSome = 256;
  const auto n = task.samples(Split::train), count = std::min(n, kSome);
  std::vector<std::pair<std::int64_t, std::int64_t>> samples;
  Batch batch;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto index = i * n / count;
    task.gather(Split::train, {index}, batch);
    samples.push_back({batch.steps, index});
  }
  std::sort(samples.begin(), samples.end());
  return samples;
}

/// Median over passes that take a tenth of a second together; of a pass that takes longer alone, that one.
double median_seconds(const std::function<void()>& pass) {
  using Clock = std::chrono::steady_clock;
  constexpr double kEnough = 0.1;
  std::vector<double> times;
  for (double spent = 0; spent < kEnough; spent += times.back()) {
    const auto start = Clock::now();
    pass();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  const auto middle = times.begin() + std::ssize(times) / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

/// Tokens a second of the forward pass over `rows` times the same sample: no row is padded.
double tokens_per_second(Module& module, const Task& task, std::int64_t sample, std::int64_t rows) {
  Batch batch;
  task.gather(Split::train, std::vector<std::int64_t>(static_cast<std::size_t>(rows), sample), batch);
  return static_cast<double>(batch.steps) / median_seconds([&] { task.loss(module, batch); });
}

State initial_state(SequenceModel& model) {
  auto* language = dynamic_cast<LanguageModel*>(&model);
  return language ? language->initial_state(1) : model.backbone().initial_state(1);
}

/// The next `steps` steps of one sequence: by a language model whole, with the logits of a single step; of others by
/// the backbone, beside which their encoder and head are a small map each.
void read(SequenceModel& model, std::int64_t steps, State& state) {
  auto* language = dynamic_cast<LanguageModel*>(&model);
  if (!language) {
    auto& backbone = model.backbone();
    backbone.forward(at::zeros({1, steps, backbone.config().d_model}), {}, &state);
    return;
  }
  const auto tokens = at::zeros({1, steps}, at::kLong);
  if (steps == 1)
    language->forward(tokens, {}, &state);
  else
    language->losses(tokens, tokens, {}, &state);  // the logits of all steps may not fit into memory
}

/// Of the last step of the longest sequence of the set, else of those looked at: there a state that grows is largest.
void measure_streaming(Module& module, std::int64_t longest_seen, Json& cost) {
  auto* found = dynamic_cast<SequenceModel*>(&module);
  if (!found || !found->backbone().properties().streams) return;
  auto& model = *found;
  const auto longest = model.backbone().config().l_max;
  const auto steps = longest > 0 ? longest : longest_seen;
  auto before = initial_state(model);
  if (steps > 1) read(model, steps - 1, before);
  State after;
  cost["step_seconds"] = median_seconds([&] {
    after = before;
    read(model, 1, after);
  });
  double bytes = 0;
  for (const auto& [name, tensor] : after) bytes += static_cast<double>(tensor.numel() * tensor.element_size());
  cost["state_steps"] = steps;
  cost["state_bytes"] = bytes;
}

}  // namespace

Json sequence_cost(Module& module, const Task& task, std::int64_t batch_size, bool measure) {
  const at::NoGradGuard no_grad;
  const bool was_training = module.is_training();
  module.eval();
  const auto samples = some_samples(task);
  const auto median = samples[samples.size() / 2].second;
  Batch batch;
  task.gather(Split::train, {median}, batch);
  const auto count = count_flops([&] { task.loss(module, batch); });
  Json cost = {{"flops", count.flops}, {"steps", batch.steps}, {"not_counted", count.unknown}};
  if (measure) {
    const auto rows = std::min(batch_size, task.samples(Split::train));
    cost["tokens_per_second"] = tokens_per_second(module, task, median, 1);
    cost["batch"] = rows;
    cost["batch_tokens_per_second"] = tokens_per_second(module, task, median, rows);
    measure_streaming(module, samples.back().first, cost);
  }
  module.train(was_training);
  return cost;
}

double training_flops(const Json& cost, double tokens) {
  return 3 * cost.at("flops").get<double>() * tokens / std::max(1.0, cost.at("steps").get<double>());
}

}  // namespace longwave
