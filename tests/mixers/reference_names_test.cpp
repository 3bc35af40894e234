// Weights under the names that versions of a reference program give them.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"

namespace longwave {
namespace {

constexpr std::int64_t kWidth = 16;

std::shared_ptr<SequenceMixer> make(const std::string& name, std::uint64_t seed) {
  const auto& info = find_mixer(name);
  return info.make({.d = kWidth}, info.resolve({}, "test", false), seed);
}

/// A mixer of that name, and its weights under the names that `rename` gives them.
struct Stored {
  std::shared_ptr<SequenceMixer> mixer;
  TensorMap weights;
  explicit Stored(const std::string& name) : mixer(make(name, 1)) {
    for (const auto& [key, value] : mixer->state()) weights[key] = value.detach().clone();
  }
  void expect_imported() const {
    const auto other = make(mixer->identity->name, 2);
    other->load(other->import_reference(weights), "test");
    const auto x = at::randn({2, 5, kWidth});
    EXPECT_TRUE(at::equal(other->forward(x), mixer->forward(x)));
  }
};

TEST(ReferenceNames, OfTheNormOfGla) {
  Stored stored("gla");
  stored.weights.at("g_norm.weight").uniform_(0.5, 2);
  stored.mixer->load(stored.weights, "test");
  stored.expect_imported();
  auto node = stored.weights.extract("g_norm.weight");
  node.key() = "g_norm_swish_gate.weight";
  stored.weights.insert(std::move(node));
  stored.expect_imported();
  EXPECT_THROW(stored.mixer->load(stored.weights, "test"), UserError) << "it is the reference's name alone";
}

TEST(ReferenceNames, TheSkipOfGatedDeltaNetIsUnread) {
  Stored stored("gated_deltanet");
  stored.expect_imported();
  stored.weights["D"] = at::ones({4});
  stored.expect_imported();
}

TEST(ReferenceNames, AreThoseOfOtherLinearAttention) {
  const std::map<std::string, std::vector<std::string>> names = {
      {"retnet", {"g_proj.weight", "k_proj.weight", "out_proj.weight", "q_proj.weight", "v_proj.weight"}},
      {"deltanet",
       {"b_proj.weight", "k_conv1d.weight", "k_proj.weight", "o_norm.weight", "o_proj.weight", "q_conv1d.weight",
        "q_proj.weight", "v_conv1d.weight", "v_proj.weight"}},
      {"rwkv4",
       {"key.weight", "output.weight", "receptance.weight", "time_decay", "time_first", "time_mix_k", "time_mix_r",
        "time_mix_v", "value.weight"}},
      {"rwkv6",
       {"gate.weight", "key.weight", "ln_x.bias", "ln_x.weight", "output.weight", "receptance.weight", "time_decay",
        "time_decay_w1", "time_decay_w2", "time_faaaa", "time_maa_g", "time_maa_k", "time_maa_r", "time_maa_v",
        "time_maa_w", "time_maa_w1", "time_maa_w2", "time_maa_x", "value.weight"}},
  };
  for (const auto& [mixer, expected] : names) {
    std::vector<std::string> own;
    for (const auto& [name, tensor] : make(mixer, 1)->state()) own.push_back(name);
    EXPECT_EQ(own, expected) << mixer;
  }
}

}  // namespace
}  // namespace longwave
