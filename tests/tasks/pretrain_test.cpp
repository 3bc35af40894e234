#include "longwave/tasks/pretrain.h"

#include <gtest/gtest.h>

#include "longwave/base/check.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

std::vector<std::int64_t> first_indices(std::int64_t n) {
  std::vector<std::int64_t> list;
  for (std::int64_t i = 0; i < n; ++i) list.push_back(i);
  return list;
}

at::Tensor real_steps(const Batch& batch) {
  const auto t = batch.tensors.at("x").size(1);
  return at::arange(t).unsqueeze(0) < batch.tensors.at("lengths").unsqueeze(1);
}

TEST(Masks, HideTokensAtTheirRatioAnewEachTimeAndNeverPadding) {
  const auto data = testing::tiny_sequences(SequenceGoal::classify, 500);
  const auto task = make_pretrain_task(data, {.mask_ratio = 0.3});
  RandomStream random{1, 0};
  Batch batch;
  task->gather(Split::train, first_indices(500), batch);
  const auto original = batch.tensors.at("x").clone(), real = real_steps(batch);
  EXPECT_TRUE(batch.tensors.at("y").eq(kIgnoredTarget).all().item<bool>()) << "nothing is hidden before augment";
  task->augment(batch, random);
  const auto &x = batch.tensors.at("x"), &y = batch.tensors.at("y");
  const auto hidden = y.ne(kIgnoredTarget);
  EXPECT_FALSE(hidden.logical_and(real.logical_not()).any().item<bool>()) << "padding is scored";
  EXPECT_TRUE(at::equal(x, at::where(hidden, at::full({}, 5, at::kLong), original))) << "5 is the mask token";
  EXPECT_TRUE(at::equal(at::where(hidden, y, original), original)) << "the target is what was hidden";
  const double ratio = hidden.sum().item<double>() / real.sum().item<double>();
  EXPECT_NEAR(ratio, 0.3, 0.03) << "3000 steps: 4 standard errors";
  const auto before = hidden.clone();
  task->gather(Split::train, first_indices(500), batch);
  task->augment(batch, random);
  EXPECT_FALSE(at::equal(batch.tensors.at("y").ne(kIgnoredTarget), before)) << "masks are drawn anew";
}

/// Scores of pretraining do not depend on how many samples are scored at once.
TEST(Masks, OfValidationAreThoseOfTheSample) {
  const auto data = testing::tiny_sequences(SequenceGoal::classify, 70);
  const auto task = make_pretrain_task(data, {.mask_ratio = 0.3});
  const auto sizes = pretrain_sizes(data->facts(), {});
  const auto model = make_sequence_model("mingru", resolve_sequence_model("mingru", {}, {}, {}), sizes, 3);
  const auto score = [&](std::int64_t batch) {
    return task->evaluate(*model, Split::val, {.batch = batch}).at("loss");
  };
  EXPECT_NEAR(score(5), score(33), 1e-6);
}

/// Tokens: spans of 6 in documents of 40 steps, and what is hidden of them after `draw`.
class Spans : public ::testing::Test {
 protected:
  static constexpr std::int64_t kSpan = 6, kSamples = 400;

  at::Tensor hidden(std::uint64_t seed, double ratio = 0.3) {
    const auto task = make_pretrain_task(data_, {.mask_ratio = ratio, .mask_span = kSpan});
    RandomStream random{seed, 0};
    task->gather(Split::train, first_indices(kSamples), batch_);
    task->augment(batch_, random);
    return batch_.tensors.at("y").ne(kIgnoredTarget);
  }

  std::shared_ptr<const SequenceData> data_ =
      find_sequence_data("retrieval-synthetic")
          .make(find_sequence_data("retrieval-synthetic").resolve(settings_from_json({{"length", 40}}, "test"), "data"),
                {});
  Batch batch_;
};

TEST_F(Spans, AreAsLongAsAskedAndHideTheShareAskedFor) {
  const auto mask = hidden(1);
  std::int64_t inside = 0, whole = 0;
  std::vector<std::int64_t> starts(kSpan);  // of what is hidden first, by its place
  for (std::int64_t b = 0; b < kSamples; ++b)
    for (std::int64_t i = 0; i < 40; ++i) {
      if (!mask[b][i].item<bool>() || (i > 0 && mask[b][i - 1].item<bool>())) continue;
      auto end = i;
      while (end < 40 && mask[b][end].item<bool>()) ++end;
      if (i == 0 || end == 40) continue;  // cut off
      ++inside, whole += (end - i) % kSpan == 0;
      ++starts[static_cast<std::size_t>(i % kSpan)];
    }
  EXPECT_GT(inside, 300);
  EXPECT_EQ(whole, inside) << "one span, or several that meet";
  for (const auto count : starts) EXPECT_GT(count, inside / 12) << "they begin anywhere";
  EXPECT_NEAR(mask.to(at::kDouble).mean().item<double>(), 0.3, 0.036)
      << "at least 2667 spans: 4 standard errors; " << inside;
  const auto by_step = mask.to(at::kDouble).mean(0);  // the ends as often as the middle
  EXPECT_LT((by_step - 0.3).abs().max().item<double>(), 0.1) << "400 samples: 4 standard errors";
  EXPECT_TRUE(hidden(1, 1.0).all().item<bool>());
  EXPECT_FALSE(hidden(1, 0.0).any().item<bool>());
}

TEST_F(Spans, AreThoseOfTheSeed) {
  const auto first = hidden(1).clone();
  EXPECT_TRUE(at::equal(hidden(1), first));
  EXPECT_FALSE(at::equal(hidden(2), first));
  const auto task = make_pretrain_task(data_, {.mask_span = kSpan});
  EXPECT_EQ(task->about().at("mask_span"), kSpan);
  EXPECT_EQ(make_pretrain_task(data_, {})->about().at("mask_span"), 1);
}

TEST_F(Spans, NeverHidePaddingAndStartAnewWithEverySample) {
  const auto data = testing::tiny_sequences(SequenceGoal::classify, 500);  // 3 to 9 steps
  const auto task = make_pretrain_task(data, {.mask_ratio = 0.3, .mask_span = 20});
  RandomStream random{1, 0};
  Batch batch;
  task->gather(Split::train, first_indices(500), batch);
  const auto real = real_steps(batch);
  task->augment(batch, random);
  const auto mask = batch.tensors.at("y").ne(kIgnoredTarget);
  EXPECT_FALSE(mask.logical_and(real.logical_not()).any().item<bool>()) << "padding is scored";
  EXPECT_NEAR(mask.sum().item<double>() / real.sum().item<double>(), 0.3, 0.08) << "a span or two a sample";
  const auto sizes = pretrain_sizes(data->facts(), {});
  const auto model = make_sequence_model("mingru", resolve_sequence_model("mingru", {}, {}, {}), sizes, 3);
  const auto score = [&](std::int64_t size) { return task->evaluate(*model, Split::val, {.batch = size}).at("loss"); };
  EXPECT_NEAR(score(5), score(33), 1e-6) << "those of validation are the sample's, whatever the batch";
}

TEST(Masks, HideNumbersBehindAnExtraChannel) {
  const auto data = testing::tiny_sequences(SequenceGoal::regress_steps, 300);
  const auto task = make_pretrain_task(data, {});
  RandomStream random{1, 0};
  Batch batch;
  task->gather(Split::train, first_indices(300), batch);
  const auto target = batch.tensors.at("target").clone(), real = real_steps(batch);
  EXPECT_TRUE(at::equal(batch.tensors.at("x").select(2, 0), target.select(2, 0)));
  task->augment(batch, random);
  const auto& x = batch.tensors.at("x");
  const auto hidden = x.select(2, 1).eq(1);
  EXPECT_TRUE(at::equal(hidden, batch.tensors.at("scored").eq(1)));
  EXPECT_FALSE(hidden.logical_and(real.logical_not()).any().item<bool>());
  EXPECT_TRUE(at::equal(x.select(2, 0), target.select(2, 0).masked_fill(hidden, 0)));
  EXPECT_TRUE(at::equal(batch.tensors.at("target"), target));
  EXPECT_NEAR(hidden.sum().item<double>() / real.sum().item<double>(), 0.5, 0.05);
}

std::shared_ptr<const SequenceData> small(const std::string& name, Json settings) {
  settings.update({{"train_samples", 16}, {"val_samples", 4}, {"test_samples", 4}});
  const auto& info = find_sequence_data(name);
  return info.make(info.resolve(settings_from_json(settings, "test"), "data"), {});
}

/// Pathfinder: half of the pixels show the middle grey and are restored as one of 256 levels.
TEST(Masks, AreThosePublishedForTheSet) {
  const auto data = small("pathfinder", {{"difficulty", "easy"}});
  const auto task = make_pretrain_task(data, {});
  EXPECT_EQ(task->about().at("mask_ratio"), 0.5);
  EXPECT_EQ(task->about().at("mask_loss"), "levels");
  EXPECT_EQ(pretrain_sizes(data->facts(), {}).classes, 256);
  RandomStream random{1, 0};
  Batch batch;
  task->gather(Split::train, first_indices(16), batch);
  task->augment(batch, random);
  const auto& x = batch.tensors.at("x");
  const auto hidden = x.select(2, 1).eq(1);
  EXPECT_TRUE(x.select(2, 0).masked_select(hidden).eq(0.5).all().item<bool>());
  EXPECT_NEAR(hidden.to(at::kDouble).mean().item<double>(), 0.5, 0.02) << "16384 steps: 5 standard errors";

  const auto own = make_pretrain_task(data, {.mask_ratio = 0.2, .loss = "l1"});
  EXPECT_EQ(own->about().at("mask_ratio"), 0.2);
  EXPECT_EQ(own->about().at("mask_loss"), "l1");
  EXPECT_EQ(pretrain_sizes(data->facts(), {.loss = "l1"}).classes, 1);

  const auto ratio = [](const std::string& name, const Json& settings) {
    return make_pretrain_task(small(name, settings), {})->about().at("mask_ratio");
  };
  EXPECT_EQ(ratio("listops", {{"max_depth", 3}, {"max_args", 3}, {"min_length", 5}, {"max_length", 12}}), 0.1);
  EXPECT_EQ(ratio("text-synthetic", Json::object()), 0.15) << "nothing is published for it";
  EXPECT_EQ(ratio("chirps", Json::object()), 0.5);
}

TEST(Causal, TheTargetIsTheNextStepAndTheLastIsNotScored) {
  Batch batch;
  make_pretrain_task(testing::tiny_sequences(SequenceGoal::classify), {.objective = "causal"})
      ->gather(Split::train, {3, 8}, batch);
  const auto &x = batch.tensors.at("x"), &y = batch.tensors.at("y");
  for (std::int64_t b = 0; b < 2; ++b) {
    const auto end =
        batch.tensors.contains("lengths") ? batch.tensors.at("lengths")[b].item<std::int64_t>() : x.size(1);
    for (std::int64_t i = 0; i < x.size(1); ++i)
      EXPECT_EQ(y[b][i].item<std::int64_t>(), i + 1 < end ? x[b][i + 1].item<std::int64_t>() : kIgnoredTarget);
  }
}

TEST(Pairs, AreTakenApart) {
  const auto data = testing::tiny_sequences(SequenceGoal::classify_pair, 40);
  const auto task = make_pretrain_task(data, {});
  EXPECT_EQ(task->samples(Split::train), 80);
  Batch batch;
  task->gather(Split::train, {14, 15}, batch);
  SequenceExample pair;
  data->example(Split::train, 7, pair);
  EXPECT_EQ(batch.tensors.at("x")[0][0].item<std::int64_t>(), pair.first.tokens[0]);
  EXPECT_EQ(batch.tensors.at("x")[1][0].item<std::int64_t>(), pair.second.tokens[0]);
}

TEST(Sizes, AMaskTokenIsAddedWhereTheSetHasNone) {
  SequenceFacts facts;
  facts.vocabulary = 7;
  EXPECT_EQ(pretrain_sizes(facts, {}).vocabulary, 8);
  EXPECT_EQ(pretrain_sizes(facts, {.objective = "causal"}).vocabulary, 7);
  facts.mask = 6;
  EXPECT_EQ(pretrain_sizes(facts, {}).vocabulary, 7);
  EXPECT_EQ(pretrain_sizes(facts, {}).classes, 7);
  facts.vocabulary = 0, facts.channels = 3;
  EXPECT_EQ(pretrain_sizes(facts, {}).channels, 4);
  EXPECT_EQ(pretrain_sizes(facts, {}).classes, 3);
  EXPECT_EQ(pretrain_sizes(facts, {.loss = "levels"}).classes, 256);
  facts.goal = SequenceGoal::language;
  EXPECT_THROW(pretrain_sizes(facts, {}), UserError);
}

TEST(Transfer, BodyAndEncoderGoOverTheHeadStaysFresh) {
  const TensorMap before{
      {"encoder.weight", at::ones({8, 4})}, {"backbone.a", at::ones({2})}, {"decoder.bias", at::ones({8})}};
  const TensorMap fresh{
      {"encoder.weight", at::zeros({7, 4})}, {"backbone.a", at::zeros({2})}, {"decoder.bias", at::zeros({3})}};
  const auto after = transferred(before, fresh);
  EXPECT_TRUE(at::equal(after.at("encoder.weight"), at::ones({7, 4})));
  EXPECT_TRUE(at::equal(after.at("backbone.a"), at::ones({2})));
  EXPECT_TRUE(at::equal(after.at("decoder.bias"), at::zeros({3})));
}

TEST(Transfer, TheClassTokenAndLearnedPositionsGoOverToo) {
  const auto facts = testing::tiny_sequences(SequenceGoal::classify)->facts();
  const auto config = resolve_sequence_model(
      "attention", settings_from_json({{"pool", "cls"}, {"positions", "learned"}, {"d_model", 8}}, "test"),
      settings_from_json({{"causal", false}, {"heads", 2}}, "test"), {});
  const auto before = make_sequence_model("attention", config, pretrain_sizes(facts, {}), 1);
  const auto model = make_sequence_model("attention", config, sequence_sizes(facts), 2);
  auto weights = before->state();
  weights.at("encoder.class_token") = at::ones({8});
  model->load(transferred(weights, model->state()), "test");
  EXPECT_TRUE(at::equal(model->state().at("encoder.class_token"), at::ones({8})));
  EXPECT_TRUE(at::equal(model->state().at("encoder.positions"), weights.at("encoder.positions")));
}

}  // namespace
}  // namespace longwave
