#include "longwave/tasks/sequence_task.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "longwave/base/check.h"
#include "longwave/base/interrupt.h"
#include "longwave/tasks/sequence_batch.h"

namespace longwave {

void SampleTask::Tally::add(const Tally& o) {
  samples += o.samples, right += o.right, scored += o.scored, exact += o.exact, loss += o.loss;
  squares += o.squares, power += o.power, last_squares += o.last_squares, last_power += o.last_power, sum += o.sum;
  moves += o.moves, legal += o.legal, choices += o.choices, any += o.any, any_exact += o.any_exact;
}

void SampleTask::gather_samples(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const {
  gather_examples(*data_, split, indices, batch);
}

const std::vector<std::int32_t>* SampleTask::lengths(Split split) const {
  auto& table = lengths_[static_cast<std::size_t>(split)];
  std::call_once(table.once, [&] {
    const auto n = samples(split), looks = std::min<std::int64_t>(n, 64);
    const auto of = [&](std::int64_t i) { return static_cast<std::int32_t>(length(split, i)); };
    bool differ = false;
    for (std::int64_t i = 0; i < looks; ++i) differ = differ || of(i * n / looks) != of(0);
    if (!differ) return;
    table.lengths.resize(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) table.lengths[static_cast<std::size_t>(i)] = of(i);
  });
  return table.lengths.empty() ? nullptr : &table.lengths;
}

void SampleTask::arrange(std::vector<std::int64_t>& order, std::int64_t batch, RandomStream random) const {
  if (facts().in_order) return std::iota(order.begin(), order.end(), 0);
  if (!bucket_) return;
  if (const auto* table = lengths(Split::train)) bucket_by_length(order, *table, batch, random);
}

void SampleTask::augment(Batch& batch, RandomStream& random) const {
  const auto& complement = facts().complement;
  if (!complement.empty()) reverse_strands(complement, batch, random);
}

namespace {

/// Ends of the ranges of groups that are scored by themselves: each group if there are few, else powers of two.
std::int64_t range_end(std::int64_t group, bool few) {
  if (few) return group;
  std::int64_t end = 1;
  while (end < group) end *= 2;
  return end;
}

constexpr std::size_t kFewGroups = 16;

}  // namespace

Scores SampleTask::evaluate(Module& model, Split split, const EvaluateOptions& options) const {
  const at::NoGradGuard no_grad;
  const bool was_training = model.is_training();
  model.eval();
  // What falls away is the end of the split as it lies, whatever the order that is scored in.
  const auto n = options.drop_last ? samples(split) / options.batch * options.batch : samples(split);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const auto* table = lengths(split);
  if (table)
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return (*table)[static_cast<std::size_t>(a)] < (*table)[static_cast<std::size_t>(b)];
    });
  const bool grouped = !facts().group.empty();
  std::map<std::int64_t, Tally> by_group;  // of the set, else by length
  Tally all;
  Batch batch;
  for (std::int64_t first = 0; first < n; first += options.batch) {
    InterruptGuard::stop_if_requested();
    const auto end = order.begin() + std::min(n, first + options.batch);
    gather_scored(split, {order.begin() + first, end}, batch);
    const auto tallies = tally(model, batch);
    for (std::size_t i = 0; i < tallies.size(); ++i) {
      all.add(tallies[i]);
      const auto index = order[static_cast<std::size_t>(first) + i];
      if (options.details && (grouped || table))
        by_group[grouped ? data_->group(split, index) : (*table)[static_cast<std::size_t>(index)]].add(tallies[i]);
    }
  }
  model.train(was_training);
  check(all.samples > 0, "no samples to score: the split has ", samples(split), ", fewer than one whole batch of ",
        options.batch);
  auto result = scores(all);
  if (by_group.size() < 2) return result;
  std::map<std::int64_t, Tally> ranges;
  for (const auto& [group, tally] : by_group) ranges[range_end(group, by_group.size() <= kFewGroups)].add(tally);
  for (const auto& [end, tally] : ranges)
    for (const auto& [name, value] : scores(tally)) result[name + "@" + std::to_string(end)] = value;
  return result;
}

double SampleTask::class_entropy(const std::function<void(const SequenceExample&, const Count&)>& take) const {
  constexpr std::int64_t kEnough = 2000;
  const auto all = samples(Split::train), some = std::min(all, kEnough);
  std::map<std::int64_t, double> counts;
  double sum = 0, entropy = 0;
  SequenceExample sample;
  for (std::int64_t i = 0; i < some; ++i) {
    data_->example(Split::train, i * all / some, sample);
    take(sample, [&](std::int64_t answer) { ++counts[answer], ++sum; });
  }
  for (const auto& [answer, count] : counts) entropy -= count / sum * std::log(count / sum);
  return counts.empty() ? std::nan("") : entropy;
}

Json SampleTask::about() const {
  Json json = {
      {"samples", {{"train", samples(Split::train)}, {"val", samples(Split::val)}, {"test", samples(Split::test)}}}};
  if (!facts().protocol.empty()) json["protocol"] = facts().protocol;
  if (!facts().caution.empty()) json["caution"] = facts().caution;
  if (!facts().content_hash.empty()) json["content"] = facts().content_hash;
  if (!facts().group.empty()) json["group"] = facts().group;
  json["input"] = facts().vocabulary > 0 ? "tokens" : "values";
  if (!facts().complement.empty()) json["augmentation"] = "a random half of every batch from the other strand";
  return json;
}

}  // namespace longwave
