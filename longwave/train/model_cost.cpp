#include "longwave/train/model_cost.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

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

double mean_steps(const std::vector<std::pair<std::int64_t, std::int64_t>>& samples) {
  double sum = 0;
  for (const auto& [steps, index] : samples) sum += static_cast<double>(steps);
  return sum / static_cast<double>(samples.size());
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

/// `rows` times the same sample: no row is padded.
Batch batch_of(const Task& task, std::int64_t sample, std::int64_t rows) {
  Batch batch;
  task.gather(Split::train, std::vector<std::int64_t>(static_cast<std::size_t>(rows), sample), batch);
  return batch;
}

/// Tokens a second of the forward pass over `rows` times the same sample.
double tokens_per_second(Module& module, const Task& task, std::int64_t sample, std::int64_t rows) {
  const auto batch = batch_of(task, sample, rows);
  return static_cast<double>(batch.steps) / median_seconds([&] { task.loss(module, batch); });
}

/// What passes in training change besides gradients, put back at the end: statistics of norms, the place in the random
/// stream, the mode.
class Untouched {
 public:
  explicit Untouched(Module& module) : module_(module), training_(module.is_training()) {
    if (auto* model = dynamic_cast<SequenceModel*>(&module)) stream_ = &model->backbone().random, random_ = *stream_;
    for (const auto& buffer : module.buffers()) before_.push_back(buffer.clone());
  }
  ~Untouched() {
    const at::NoGradGuard no_grad;
    const auto buffers = module_.buffers();
    for (std::size_t i = 0; i < before_.size(); ++i) buffers[i].copy_(before_[i]);
    if (stream_) *stream_ = random_;
    module_.train(training_);
  }
  Untouched(const Untouched&) = delete;
  Untouched& operator=(const Untouched&) = delete;

 private:
  Module& module_;
  bool training_;
  std::vector<at::Tensor> before_;
  RandomStream* stream_ = nullptr;
  RandomStream random_;
};

/// A pass of the training itself, where no layer keeps from before what it computes of its weights.
FlopCount training_pass(Module& module, const Task& task, Batch& batch) {
  const at::AutoGradMode with_gradients(true);
  RandomStream random;
  task.augment(batch, random);
  std::vector<at::Tensor> weights;
  for (const auto& weight : module.parameters())
    if (weight.requires_grad()) weights.push_back(weight);
  module.train();
  return count_flops([&] { torch::autograd::grad({task.loss(module, batch).total}, weights, {}, {}, false, true); });
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
  const Untouched untouched(module);
  const auto samples = some_samples(task);
  const auto median = samples[samples.size() / 2].second;
  const auto rows = std::min(batch_size, task.samples(Split::train));
  auto batch = batch_of(task, median, rows);
  const auto count = training_pass(module, task, batch);
  Json cost = {{"flops", count.flops},
               {"steps", batch.steps},
               {"mean_steps", mean_steps(samples)},
               {"batch", rows},
               {"not_counted", count.unknown}};
  if (measure) {
    module.eval();
    cost["tokens_per_second"] = tokens_per_second(module, task, median, 1);
    cost["batch_tokens_per_second"] = tokens_per_second(module, task, median, rows);
    measure_streaming(module, samples.back().first, cost);
  }
  return cost;
}

double training_flops(const Json& cost, double tokens) {
  return cost.at("flops").get<double>() * tokens / std::max(1.0, cost.at("steps").get<double>());
}

}  // namespace longwave
