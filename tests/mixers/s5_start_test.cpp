// Where S5 starts if it keeps all states of its real system.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

TEST(S5Start, BlocksOfOddSizeHaveTheRealPole) {
  constexpr std::int64_t kBlocks = 3, kSize = 5;
  const auto& info = find_mixer("s5");
  const Json settings{{"conj_sym", false}, {"blocks", kBlocks}, {"d_state", kBlocks * kSize}};
  const auto weights =
      info.make({.d = 4}, info.resolve(settings_from_json(settings, "test"), "test", false), 1)->state();
  EXPECT_TRUE(at::allclose(weights.at("Lambda_re"), at::full({kBlocks * kSize}, -0.5)));
  const auto imaginary = weights.at("Lambda_im").view({kBlocks, kSize});
  EXPECT_TRUE(at::allclose(imaginary.narrow(1, 0, 2), -imaginary.narrow(1, 2, 2)));
  EXPECT_EQ(imaginary.select(1, 4).abs().max().item<float>(), 0);
  // B = V* times real numbers: rows of conjugate eigenvectors are conjugates, that of the real one is real.
  const auto rows = at::view_as_complex(weights.at("B")).view({kBlocks, kSize, 4});
  EXPECT_TRUE(at::allclose(rows.narrow(1, 0, 2), rows.narrow(1, 2, 2).conj()));
  EXPECT_LT(at::imag(rows.select(1, 4)).abs().max().item<float>(), 1e-6);
  EXPECT_GT(at::real(rows.select(1, 4)).abs().max().item<float>(), 1e-2);
}

}  // namespace
}  // namespace longwave
