// What S4 keeps from call to call in evaluation must never show.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

class S4Evaluation : public ::testing::TestWithParam<Json> {
 protected:
  S4Evaluation() {
    const auto& info = find_mixer("s4");
    mixer_ = info.make({6, 40}, info.resolve(settings_from_json(GetParam(), "test"), "mixer", false), 7);
    mixer_->eval();
  }

  at::Tensor kept(const at::Tensor& x) const {
    const at::NoGradGuard no_grad;
    return mixer_->forward(x);
  }
  at::Tensor fresh(const at::Tensor& x) const { return mixer_->forward(x).detach(); }

  std::shared_ptr<SequenceMixer> mixer_;
};

TEST_P(S4Evaluation, KeptKernelsGiveTheBitsOfFreshOnes) {
  for (const std::int64_t t : {7, 40, 1, 33, 90, 12}) {  // beyond l_max, too
    const auto x = at::randn({2, t, 6});
    EXPECT_TRUE(at::equal(kept(x), fresh(x))) << t;
  }
}

TEST_P(S4Evaluation, ChangedWeightsAndStepsAreSeen) {
  const auto x = at::randn({2, 20, 6});
  const auto first = kept(x);
  {
    const at::NoGradGuard no_grad;
    for (auto& [name, tensor] : mixer_->state())
      if (name.ends_with(".B")) tensor.mul_(2);
  }
  EXPECT_TRUE(at::equal(kept(x), fresh(x)));
  EXPECT_FALSE(at::equal(kept(x), first));
  const auto before = kept(x);
  mixer_->scale_step(2);
  EXPECT_TRUE(at::equal(kept(x), fresh(x)));
  EXPECT_FALSE(at::equal(kept(x), before));
}

TEST(S4Pieces, GiveTheBitsOfOnePiece) {
  for (const auto* name : {"s4", "s4d"}) {
    const auto& info = find_mixer(name);
    const auto mixer = info.make({20, 40}, info.resolve({}, "mixer", false), 7);
    mixer->eval();
    const at::NoGradGuard no_grad;
    const auto x = at::randn({2, 150, 20});
    auto state = mixer->initial_state(2), whole_state = mixer->initial_state(2);
    const auto whole = mixer->forward(x, {}, &whole_state);
    std::int64_t at = 0;
    for (const std::int64_t steps : {1, 9, 100, 40}) {
      EXPECT_TRUE(at::equal(mixer->forward(x.narrow(1, at, steps), {}, &state), whole.narrow(1, at, steps))) << name;
      at += steps;
    }
    EXPECT_TRUE(at::equal(state.at("h"), whole_state.at("h"))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, S4Evaluation,
                         ::testing::Values(Json{{"d_state", 8}}, Json{{"d_state", 8}, {"bidirectional", true}},
                                           Json{{"d_state", 8}, {"n_ssm", 2}}));

}  // namespace
}  // namespace longwave
