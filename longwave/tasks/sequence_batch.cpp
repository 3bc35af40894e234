#include "longwave/tasks/sequence_batch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "longwave/base/check.h"

namespace longwave {
namespace {

std::int64_t steps_of(const SequenceFacts& facts, const Steps& steps) {
  return facts.vocabulary > 0 ? std::ssize(steps.tokens)
                              : std::ssize(steps.values) / std::max<std::int64_t>(1, facts.channels);
}

void check_tokens(const SequenceFacts& facts, const std::vector<std::int32_t>& tokens) {
  for (const auto token : tokens)
    check(token >= 0 && token < facts.vocabulary, "data: a token is ", token, "; expected 0 .. ", facts.vocabulary - 1);
}

/// Row `row` of x, `t` steps long.
void write_steps(const SequenceFacts& facts, const Steps& steps, std::int64_t row, std::int64_t t, std::int64_t* tokens,
                 float* values) {
  if (tokens) {
    check_tokens(facts, steps.tokens);
    auto* out = std::copy(steps.tokens.begin(), steps.tokens.end(), tokens + row * t);
    std::fill(out, tokens + (row + 1) * t, facts.padding);
  } else {
    auto* out = std::copy(steps.values.begin(), steps.values.end(), values + row * t * facts.channels);
    std::fill(out, values + (row + 1) * t * facts.channels, 0.0f);
  }
}

void pad_inputs(const SequenceFacts& facts, Batch& batch, std::int64_t t) {
  const bool pairs = facts.goal == SequenceGoal::classify_pair;
  std::vector<std::int64_t> shape;
  if (pairs) shape.push_back(2);
  const auto length_shape = shape;
  shape.push_back(t);
  if (facts.vocabulary == 0) shape.push_back(facts.channels);
  auto* tokens = facts.vocabulary > 0 ? batch.prepare_integers("x", shape) : nullptr;
  auto* values = tokens ? nullptr : batch.prepare("x", shape);
  auto* lengths = batch.prepare_integers("lengths", length_shape);
  bool full = true;
  batch.steps = 0;
  const std::int64_t documents = pairs ? 2 : 1;
  for (std::int64_t row = 0; row < batch.size * documents; ++row) {
    const auto& example = batch.examples[row / documents];
    const auto& steps = row % documents == 0 ? example.first : example.second;
    write_steps(facts, steps, row, t, tokens, values);
    lengths[row] = steps_of(facts, steps);
    batch.steps += lengths[row];
    full = full && lengths[row] == t;
  }
  if (full) batch.tensors.erase("lengths");
}

void pad_labels(const SequenceFacts& facts, Batch& batch) {
  auto* y = batch.prepare_integers("y", {});
  for (std::int64_t b = 0; b < batch.size; ++b) {
    y[b] = batch.examples[b].label;
    check(y[b] >= 0 && y[b] < facts.classes, "data: a label is ", y[b], "; expected 0 .. ", facts.classes - 1);
  }
}

template <class T>
void check_target_count(const std::vector<T>& targets, std::int64_t t) {
  check(std::ssize(targets) <= t, "data: a sample has ", targets.size(), " targets and ", t, " steps");
}

void pad_step_classes(const SequenceFacts& facts, Batch& batch, std::int64_t t) {
  auto* y = batch.prepare_integers("y", {t});
  for (std::int64_t b = 0; b < batch.size; ++b) {
    const auto& targets = batch.examples[b].targets;
    check_target_count(targets, t);
    for (const auto target : targets)
      check(target == kIgnoredTarget || (target >= 0 && target < facts.classes), "data: a target is ", target,
            "; expected 0 .. ", facts.classes - 1, " or ", kIgnoredTarget);
    std::fill(std::copy(targets.begin(), targets.end(), y + b * t), y + (b + 1) * t, kIgnoredTarget);
  }
}

void pad_step_values(Batch& batch, std::int64_t t) {
  auto *y = batch.prepare("y", {t}), *scored = batch.prepare("scored", {t});
  std::fill_n(y, batch.size * t, 0.0f);
  std::fill_n(scored, batch.size * t, 0.0f);
  for (std::int64_t b = 0; b < batch.size; ++b) {
    const auto& targets = batch.examples[b].target_values;
    check_target_count(targets, t);
    for (std::size_t i = 0; i < targets.size(); ++i)
      if (!std::isnan(targets[i]))
        y[b * t + static_cast<std::int64_t>(i)] = targets[i], scored[b * t + static_cast<std::int64_t>(i)] = 1;
  }
}

}  // namespace

void gather_examples(const SequenceData& data, Split split, const std::vector<std::int64_t>& indices, Batch& batch) {
  batch.size = std::ssize(indices);
  if (batch.examples.size() < indices.size()) batch.examples.resize(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) data.example(split, indices[i], batch.examples[i]);
  pad_examples(data.facts(), batch);
}

void pad_examples(const SequenceFacts& facts, Batch& batch) {
  std::int64_t t = 1;
  for (std::int64_t b = 0; b < batch.size; ++b)
    t = std::max({t, steps_of(facts, batch.examples[b].first), steps_of(facts, batch.examples[b].second)});
  pad_inputs(facts, batch, t);
  if (facts.goal == SequenceGoal::classify || facts.goal == SequenceGoal::classify_pair) pad_labels(facts, batch);
  if (facts.goal == SequenceGoal::classify_steps) pad_step_classes(facts, batch, t);
  if (facts.goal == SequenceGoal::regress_steps) pad_step_values(batch, t);
}

void reverse_strands(const std::vector<std::int32_t>& complement, Batch& batch, RandomStream& random) {
  const auto& x = batch.tensors.at("x");
  const auto lengths = model_lengths(batch);
  for (std::int64_t row = 0; row < batch.size; ++row) {
    if (random.uniform() < 0.5) continue;
    auto* tokens = x[row].data_ptr<std::int64_t>();
    auto* end = tokens + (lengths.defined() ? lengths[row].item<std::int64_t>() : x.size(1));
    std::reverse(tokens, end);
    for (; tokens < end; ++tokens) *tokens = complement[static_cast<std::size_t>(*tokens)];
  }
}

at::Tensor model_input(const Batch& batch, bool pairs) {
  const auto& x = batch.tensors.at("x");
  return pairs ? x.flatten(0, 1) : x;
}

at::Tensor model_lengths(const Batch& batch) {
  const auto found = batch.tensors.find("lengths");
  return found == batch.tensors.end() ? at::Tensor() : found->second.flatten();
}

void bucket_by_length(std::vector<std::int64_t>& order, const std::vector<std::int32_t>& lengths, std::int64_t batch,
                      RandomStream random, std::int64_t pool) {
  const auto n = std::ssize(order), whole = n / batch;
  for (std::int64_t first = 0; first < n; first += pool * batch) {
    const auto end = std::min(n, first + pool * batch);
    std::stable_sort(order.begin() + first, order.begin() + end, [&](std::int64_t a, std::int64_t b) {
      return lengths[static_cast<std::size_t>(a)] < lengths[static_cast<std::size_t>(b)];
    });
  }
  std::vector<std::int64_t> batches(static_cast<std::size_t>(whole));
  std::iota(batches.begin(), batches.end(), 0);
  for (auto i = batches.size(); i > 1; --i) std::swap(batches[i - 1], batches[random.below(i)]);
  const auto sorted = order;
  for (std::int64_t i = 0; i < whole; ++i)
    std::copy_n(sorted.begin() + batches[static_cast<std::size_t>(i)] * batch, batch, order.begin() + i * batch);
}

}  // namespace longwave
