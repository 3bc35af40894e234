// S4, "Efficiently Modeling Long Sequences with Structured State Spaces" (Gu, Goel, Re 2021): a state-space model of
// every feature, diagonal plus low rank, as a long convolution, and a skip. The layer alone, without activation.

#include <ATen/ATen.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/s4_layer.h"

namespace longwave {
namespace {

struct S4Config : S4Options {
  static const FieldTable<S4Config>& fields() {
    static const auto table = [] {
      FieldTable<S4Config> t;
      add_state_space_fields(t);
      return t;
    }();
    return table;
  }
};

class S4 final : public SequenceMixer {
 public:
  using Config = S4Config;
  S4(const MixerSizes& sizes, const Config& config) : d_(sizes.d), bidirectional_(config.bidirectional) {
    layer_ = std::make_shared<S4Layer>(with_sizes(config, "dplr", sizes.d, sizes.l_max));
    for (const auto& part : layer_->named_parameters(false)) register_parameter(part.key(), part.value());
    for (const auto& part : layer_->named_children()) register_module(part.key(), part.value());
  }

  MixerProperties properties() const override {
    return {.causal = !bidirectional_,
            .streams = !bidirectional_,
            .cost = Cost::linearithmic,
            .reason = bidirectional_ ? "bidirectional: outputs depend on later steps" : ""};
  }

  at::Tensor forward(const at::Tensor& x, const Lengths& lengths, State* state) override {
    check_input("s4", x, d_, lengths, state);
    const auto valid = valid_steps(lengths, x);
    const auto y = layer_->forward(zero_padding(x, valid), lengths, state ? &state->at("h") : nullptr, noter());
    return zero_padding(y, valid);
  }

  State initial_state(std::int64_t b) const override {
    check(!bidirectional_, "s4: a bidirectional layer has no state");
    return {{"h", layer_->initial_state(b)}};
  }

 private:
  std::int64_t d_;
  bool bidirectional_;
  std::shared_ptr<S4Layer> layer_;
};

}  // namespace
}  // namespace longwave
