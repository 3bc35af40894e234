#include "longwave/nn/alibi.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "tests/support/error_message.h"

namespace longwave {
namespace {

std::vector<double> slopes(std::int64_t heads) {
  const auto x = alibi_slopes(heads, at::kDouble);
  return {x.data_ptr<double>(), x.data_ptr<double>() + heads};
}

std::shared_ptr<SequenceMixer> make(const Json& options, std::int64_t d) {
  const auto& info = find_mixer("attention");
  return info.make({d, 0}, info.resolve(settings_from_json(options, "test"), "mixer", false), 7);
}

TEST(Alibi, SlopesAreThePublishedOnes) {
  using Slopes = std::vector<double>;
  EXPECT_EQ(slopes(1), Slopes({1.0 / 256}));
  EXPECT_EQ(slopes(8), Slopes({0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625}));
  // Those of 4 heads, then the first and third of 8.
  EXPECT_EQ(slopes(6), Slopes({0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125}));
  EXPECT_DOUBLE_EQ(slopes(16)[0], std::sqrt(0.5));
}

TEST(Alibi, TheMixerIsItsDefinition) {
  constexpr std::int64_t kWidth = 18, kHeads = 6, kSteps = 21;
  for (const bool causal : {true, false}) {
    const auto mixer =
        make({{"alibi", true}, {"rotary", "none"}, {"heads", kHeads}, {"key_heads", 3}, {"causal", causal}}, kWidth);
    mixer->to(at::kDouble);
    const at::NoGradGuard no_grad;
    const auto w = mixer->state();
    const auto x = at::randn({kSteps, kWidth}, at::kDouble);
    const auto heads = [&](const std::string& name, std::int64_t n) {  // [heads, t, e]
      const auto y = at::linear(x, w.at(name + ".weight"), w.at(name + ".bias")).view({kSteps, n, -1}).transpose(0, 1);
      return y.repeat_interleave(kHeads / n, 0);
    };
    const auto ahead = (at::arange(kSteps).unsqueeze(1) - at::arange(kSteps)).to(at::kDouble);
    auto scores = at::matmul(heads("q", kHeads), heads("k", 3).transpose(1, 2)) / std::sqrt(3.0);
    for (std::int64_t head = 0; head < kHeads; ++head)
      scores[head].sub_(slopes(kHeads)[static_cast<std::size_t>(head)] * ahead.abs());
    if (causal) scores = scores.masked_fill(ahead < 0, -1e300);
    const auto mixed = at::matmul(at::softmax(scores, -1), heads("v", 3)).transpose(0, 1).reshape({kSteps, kWidth});
    const auto expected = at::linear(mixed, w.at("o.weight"), w.at("o.bias"));
    EXPECT_LT((mixer->forward(x.unsqueeze(0))[0] - expected).abs().max().item<double>(), 1e-12) << causal;
  }
}

TEST(Alibi, IsNotJoinedToRotaryPositions) {
  EXPECT_EQ(testing::message([] {
              make({{"alibi", true}}, 16);
            }),
            "attention: alibi is true and rotary is half; expected one kind of positions: alibi = true with rotary = "
            "none");
}

}  // namespace
}  // namespace longwave
