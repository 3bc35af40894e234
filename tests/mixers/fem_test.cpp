#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/mixers/mixer.h"
#include "tests/support/error_message.h"

namespace longwave {
namespace {

std::shared_ptr<SequenceMixer> make(const Json& options) {
  const auto& info = find_mixer("fem");
  return info.make({8, 0}, info.resolve(settings_from_json(options, "test"), "mixer", false), 7);
}

TEST(FreeEnergyMixer, ValuesThatNoFloatExponentiatesStayFinite) {
  for (const bool temperature : {false, true})
    for (const auto* prior : {"linear", "softmax", "gla", "mamba"}) {
      const auto mixer = make({{"prior_type", prior}, {"use_temperature", temperature}});
      const at::NoGradGuard no_grad;
      mixer->state().at("W_v.bias").fill_(1000);
      EXPECT_TRUE(at::isfinite(mixer->forward(at::randn({1, 300, 8}))).all().item<bool>()) << prior << temperature;
    }
}

TEST(FreeEnergyMixer, RefusesACapThatFloatDoesNotReach) {
  EXPECT_EQ(testing::message([] {
              make({{"value_logexp_cap", 90}});
            }),
            "test: mixer.value_logexp_cap is 90; expected in [0.001, 60.0]");
}

}  // namespace
}  // namespace longwave
