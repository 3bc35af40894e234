// What every registered channel mixer promises, with its defaults and with every variant that it names.

#include "longwave/channel/channel.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

struct Subject {
  std::string mixer, variant;
  Json settings;
  std::int64_t d;

  std::shared_ptr<ChannelMixer> make(at::ScalarType type, RandomStream* stream = nullptr, Json more = {}) const {
    const auto& info = find_channel_mixer(mixer);
    Json all = settings;
    if (!more.is_null()) all.update(more);
    auto built = info.make(d, info.resolve(settings_from_json(all, "variant"), "channel", false), 7, stream);
    built->to(type);
    built->eval();
    return built;
  }
};

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const auto& [name, info] : channel_mixers()) {
    all.push_back({name, "defaults", Json::object(), 16});
    for (const auto& variant : info.variants) all.push_back({name, variant.name, variant.settings, variant.d});
  }
  return all;
}

class ChannelContract : public ::testing::TestWithParam<Subject> {
 protected:
  const Subject& subject = GetParam();
  at::Tensor input(std::vector<std::int64_t> sizes, at::ScalarType type = at::kDouble) const {
    at::manual_seed(1);
    sizes.push_back(subject.d);
    return at::randn(sizes, at::kDouble).to(type);
  }
};

TEST_P(ChannelContract, KeepsAnyShapeOfWidthD) {
  const auto mixer = subject.make(at::kFloat);
  for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{}, {3}, {2, 5}, {2, 3, 4}}) {
    const auto x = input(sizes, at::kFloat);
    EXPECT_EQ(mixer->forward(x).sizes(), x.sizes());
  }
}

TEST_P(ChannelContract, EveryPositionAlone) {
  const auto mixer = subject.make(at::kDouble);
  const auto x = input({4, 5});
  auto changed = x.clone();
  changed[1][2].mul_(-3).add_(1);
  const auto y = mixer->forward(x), again = mixer->forward(changed);
  auto same = at::ones({4, 5}, at::kBool);
  same[1][2] = false;
  EXPECT_LT(testing::largest_difference(again.index({same}), y.index({same})), 1e-13);
  EXPECT_GT(testing::largest_difference(again, y), 1e-3);
}

TEST_P(ChannelContract, GradientsOfTheInputMatchDifferencesAndFloatMatchesDouble) {
  const auto exact = subject.make(at::kDouble), fast = subject.make(at::kFloat);
  const testing::Op op = [&](const testing::Tensors& in) -> testing::Tensors {
    return {(in[0].scalar_type() == at::kDouble ? exact : fast)->forward(in[0])};
  };
  testing::expect_gradients_match_differences(op, {input({3, 7})});
  testing::expect_float_matches_double(op, {input({3, 7})}, 1e-5);
}

TEST_P(ChannelContract, EveryWeightHasAGradient) {
  const auto mixer = subject.make(at::kDouble);
  (mixer->forward(input({3, 7})).square()).sum().backward();
  for (const auto& item : mixer->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
  }
}

TEST_P(ChannelContract, RefusesAnotherWidth) {
  const auto mixer = subject.make(at::kFloat);
  EXPECT_THROW(mixer->forward(at::zeros({2, subject.d + 1})), UserError);
}

TEST_P(ChannelContract, DropoutActsInTrainingOnly) {
  RandomStream stream(3);
  const auto mixer = subject.make(at::kFloat, &stream, {{"dropout", 0.5}});
  const auto x = input({9, 4}, at::kFloat);
  const auto y = mixer->forward(x);
  EXPECT_TRUE(at::equal(mixer->forward(x), y));
  mixer->train();
  EXPECT_FALSE(at::equal(mixer->forward(x), y));
  EXPECT_THROW(subject.make(at::kFloat, nullptr, {{"dropout", 0.5}}), UserError);
}

std::string name_of(const ::testing::TestParamInfo<Subject>& info) {
  return info.param.mixer + "_" + info.param.variant;
}

INSTANTIATE_TEST_SUITE_P(Registered, ChannelContract, ::testing::ValuesIn(subjects()), name_of);

}  // namespace
}  // namespace longwave
