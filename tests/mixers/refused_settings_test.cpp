// Settings that fields alone do not refuse get one line that names them.

#include <gtest/gtest.h>

#include "longwave/mixers/mixer.h"
#include "tests/support/error_message.h"

namespace longwave {
namespace {

std::string message_of(const std::string& mixer, const Json& settings, std::int64_t l_max = 64) {
  return testing::message([&] {
    const auto& info = find_mixer(mixer);
    info.make({4, l_max}, info.resolve(settings_from_json(settings, "test"), "", false), 1);
  });
}

TEST(RefusedSettings, LsslNamesAnOddStateOfFourier) {
  EXPECT_EQ(message_of("lssl", {{"measure", "fourier"}, {"d_state", 3}}),
            "lssl: d_state is 3; expected an even number with measure = fourier, whose states are pairs");
  EXPECT_EQ(message_of("lssl", {{"measure", "fourier"}, {"d_state", 4}}), "accepted");
  EXPECT_EQ(message_of("lssl", {{"measure", "legs"}, {"d_state", 3}}), "accepted");
}

TEST(RefusedSettings, SgconvBoundsItsKernels) {
  EXPECT_EQ(message_of("sgconv", {{"n_scales", 70}}), "test: n_scales is 70; expected in [0, 27]");
  EXPECT_EQ(message_of("sgconv", {{"init_scale", 30}}), "test: init_scale is 30; expected in [0, 26]");
  EXPECT_EQ(message_of("sgconv", {{"n_scales", 23}}),
            "sgconv: kernel_dim = 32, n_scales = 23 and init_scale = 0 make kernels of 32 x 2^22 steps; expected at "
            "most 2^26 (l_max is 64)");
  EXPECT_NE(message_of("sgconv", {{"init_scale", 26}}).find("32 x 2^26 steps"), std::string::npos);
  EXPECT_NE(message_of("sgconv", {}, std::int64_t{1} << 60).find("32 x 2^55 steps"), std::string::npos);
  EXPECT_EQ(message_of("sgconv", {{"n_scales", 9}, {"init_scale", 3}}), "accepted");
}

}  // namespace
}  // namespace longwave
