#include "longwave/train/model_cost.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "longwave/models/backbone.h"
#include "longwave/tasks/pretrain.h"
#include "longwave/tasks/sequence_model.h"
#include "longwave/tasks/sequence_task.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

/// One layer of width 8 of `mixer`.
std::shared_ptr<SequenceModel> model_of(const std::string& mixer, const SequenceSizes& sizes, Json stack = {}) {
  stack.update({{"layers", 1}, {"d_model", 8}});
  const auto heads = mixer == "attention" ? settings_from_json({{"heads", 2}}, "test") : Settings();
  return make_sequence_model(mixer, resolve_sequence_model(mixer, settings_from_json(stack, "test"), heads, {}), sizes,
                             1);
}

std::shared_ptr<const SequenceData> shared(const SequenceData& data) {
  return {&data, [](const SequenceData*) {}};
}

/// On a set of samples of 3 to 9 steps, the longest of which it claims to have `max_length`.
Json cost_of(const std::string& mixer, const SequenceData& data, std::int64_t max_length) {
  auto sizes = sequence_sizes(data.facts());
  sizes.max_length = max_length;
  return sequence_cost(*model_of(mixer, sizes), *make_sequence_task(shared(data), {}), 16);
}

double flops_per_token(const Json& cost) { return training_flops(cost, 1); }

TEST(SequenceCost, IsOfASampleOfMedianLength) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < 70; ++i) lengths.push_back(data.length(Split::train, i));
  std::sort(lengths.begin(), lengths.end());
  const auto cost = cost_of("mingru", data, 9);
  EXPECT_EQ(cost.at("steps"), 16 * lengths[35]);
  EXPECT_GT(cost.at("flops").get<double>(), 0);
  EXPECT_DOUBLE_EQ(training_flops(cost, 160.0 * static_cast<double>(lengths[35])), 10 * cost.at("flops").get<double>());
}

TEST(SequenceCost, OnlySomeSamplesOfALargeSplitAreLookedAt) {
  const testing::TinySequences data(SequenceGoal::classify, 256 * 7);
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < 256; ++i) lengths.push_back(data.length(Split::train, 7 * i));
  std::sort(lengths.begin(), lengths.end());
  EXPECT_EQ(cost_of("mingru", data, 9).at("steps"), 16 * lengths[128]);
}

TEST(SequenceCost, StateIsThatAfterTheLongestSequence) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto bytes = [&](const std::string& mixer, std::int64_t max_length) {
    return cost_of(mixer, data, max_length).at("state_bytes").get<double>();
  };
  EXPECT_EQ(cost_of("attention", data, 40).at("state_steps"), 40);
  EXPECT_GE(bytes("attention", 40), 40 * 2 * 8 * 4) << "keys and values of every step";
  EXPECT_GT(bytes("attention", 40), 3 * bytes("attention", 9));
  EXPECT_EQ(bytes("mingru", 40), bytes("mingru", 9)) << "a state that does not grow";
  EXPECT_EQ(cost_of("attention", data, 0).at("state_steps"), 9) << "the longest of those looked at";
}

TEST(SequenceCost, WhatDoesNotStreamHasNoState) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto cost = cost_of("hyena", data, 9);
  EXPECT_FALSE(cost.contains("state_bytes"));
  EXPECT_FALSE(cost.contains("step_seconds"));
  EXPECT_GT(cost.at("tokens_per_second").get<double>(), 0);
}

TEST(SequenceCost, OfUseIsMeasured) {
  for (const auto goal : {SequenceGoal::classify, SequenceGoal::classify_pair, SequenceGoal::language}) {
    const auto cost = cost_of("mingru", testing::TinySequences(goal, 70), 9);
    EXPECT_GT(cost.at("step_seconds").get<double>(), 0);
    EXPECT_LT(cost.at("step_seconds").get<double>(), 1);
    EXPECT_EQ(cost.at("batch"), goal == SequenceGoal::language ? 1 : 16) << "one segment of 256 tokens in the stream";
    EXPECT_GT(cost.at("batch_tokens_per_second").get<double>(), 0);
  }
  const auto few = cost_of("mingru", testing::TinySequences(SequenceGoal::classify, 5), 9);
  EXPECT_EQ(few.at("batch"), 5) << "no batch is larger than the split";
}

TEST(SequenceCost, ARowCostsLessInABatch) {
  const auto cost = cost_of("mingru", testing::TinySequences(SequenceGoal::classify, 70), 9);
  EXPECT_GT(cost.at("batch_tokens_per_second").get<double>(), 2 * cost.at("tokens_per_second").get<double>());
}

/// Learned positions end with the longest sequence: the step that is timed must lie within.
TEST(SequenceCost, StreamingStaysWithinTheLearnedPositions) {
  const testing::TinySequences data(SequenceGoal::language);
  auto sizes = sequence_sizes(data.facts());
  sizes.max_length = 16;
  const auto model = model_of("mingru", sizes, {{"positions", "learned"}});
  const auto cost = sequence_cost(*model, *make_sequence_task(shared(data), {.context = 16}), 4);
  EXPECT_EQ(cost.at("state_steps"), 16);
  EXPECT_GT(cost.at("step_seconds").get<double>(), 0);
}

/// Layers that make kernels of their weights keep them in evaluation.
TEST(SequenceCost, IsTheSameBehindAnEvaluation) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto task = make_sequence_task(shared(data), {});
  for (const std::string mixer : {"s4", "s4d_minimal", "lssl", "gla"}) {
    const auto model = model_of(mixer, sequence_sizes(data.facts()));
    const auto before = sequence_cost(*model, *task, 8, false);
    model->eval();
    {
      const at::NoGradGuard no_grad;
      task->evaluate(*model, Split::val, {});
    }
    EXPECT_EQ(sequence_cost(*model, *task, 8, false), before) << mixer;
  }
}

TEST(SequenceCost, OfATokenIsThatOfPretrainingButForTheHeads) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  for (const std::string mixer : {"s4", "s4d_minimal", "lssl", "gla"}) {
    const auto model = model_of(mixer, sequence_sizes(data.facts()));
    const auto scratch = flops_per_token(sequence_cost(*model, *make_sequence_task(shared(data), {}), 8, false));
    const PretrainOptions options{.objective = "masked", .mask_ratio = 0.5};
    const auto first = model_of(mixer, pretrain_sizes(data.facts(), options));
    const auto pretraining =
        flops_per_token(sequence_cost(*first, *make_pretrain_task(shared(data), options), 8, false));
    const double head = 3 * 2 * 8 * 6;  // of every step to six tokens; that of three classes is cheaper
    EXPECT_GT(scratch, head);
    EXPECT_NEAR(pretraining, scratch, head) << mixer;
  }
}

TEST(SequenceCost, WhatIsComputedAgainCounts) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto flops = [&](std::int64_t recompute) {
    const auto sizes = sequence_sizes(data.facts());
    const auto model = model_of("mingru", sizes, {{"recompute", recompute}});
    return sequence_cost(*model, *make_sequence_task(shared(data), {}), 16).at("flops").get<double>();
  };
  EXPECT_GT(flops(2), 1.25 * flops(0));  // a third, but for the head
  EXPECT_LT(flops(2), 1.34 * flops(0));
}

TEST(SequenceCost, KernelsAreMadeOnceABatch) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto task = make_sequence_task(shared(data), {});
  for (const std::string mixer : {"s4", "s4d_minimal", "lssl", "gla"}) {
    const auto model = model_of(mixer, sequence_sizes(data.facts()));
    const auto one = flops_per_token(sequence_cost(*model, *task, 1, false));
    const auto eight = flops_per_token(sequence_cost(*model, *task, 8, false));
    if (mixer == "gla")
      EXPECT_DOUBLE_EQ(eight, one);
    else
      EXPECT_LT(eight, 0.9 * one) << mixer;
  }
}

TEST(SequenceCost, LeavesTheModelAsItWas) {
  const testing::TinySequences data(SequenceGoal::classify, 70);
  const auto model = model_of("mingru", sequence_sizes(data.facts()), {{"norm", "batch"}, {"dropout", 0.5}});
  const auto task = make_sequence_task(shared(data), {});
  TensorMap before;
  for (const auto& [name, tensor] : model->state()) before[name] = tensor.clone();
  const auto random = model->backbone().random.count;
  for (const bool training : {true, false}) {
    model->train(training);
    sequence_cost(*model, *task, 8);
    EXPECT_EQ(model->is_training(), training);
    EXPECT_EQ(model->backbone().random.count, random);
    for (const auto& [name, tensor] : model->state()) EXPECT_TRUE(tensor.equal(before.at(name))) << name;
    for (const auto& weight : model->parameters()) EXPECT_FALSE(weight.grad().defined());
  }
}

}  // namespace
}  // namespace longwave
