// Softmax attention (Vaswani et al. 2017), with grouped queries (Ainslie et al. 2023), rotary positions (Su et al.
// 2021) or linear biases (ALiBi, Press et al. 2022): y = o(softmax(q k' / sqrt(e)) v) in heads. The t x t matrix is
// never stored. Streams with a cache of all keys and values.

#include <ATen/ATen.h>

#include "longwave/base/check.h"
#include "longwave/mixers/mixer.h"
#include "longwave/nn/alibi.h"
#include "longwave/nn/multihead_attention.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

using at::Tensor;

struct AttentionConfig {
  bool causal = true;
  std::int64_t heads = 0, key_heads = 0;
  std::string rotary = "half";
  double rotary_base = 10000;
  bool alibi = false, bias = true;

  static const FieldTable<AttentionConfig>& fields() {
    static const auto table =
        FieldTable<AttentionConfig>()
            .add("causal", &AttentionConfig::causal, "a step sees itself and earlier ones; false: all steps")
            .add("heads", &AttentionConfig::heads, "query heads, which divide d; 0: as many as make them 64 wide",
                 at_least<std::int64_t>(0))
            .add("key_heads", &AttentionConfig::key_heads,
                 "heads of keys and values, shared by groups of query heads; 0: one for each",
                 at_least<std::int64_t>(0))
            .add("rotary", &AttentionConfig::rotary,
                 "rotary positions: which channels make a pair, c and c + e/2 (half) or 2c and 2c + 1 (interleaved)",
                 one_of({"none", "half", "interleaved"}))
            .add("rotary_base", &AttentionConfig::rotary_base, "base of the rotary angles", at_least(1.0))
            .add("alibi", &AttentionConfig::alibi,
                 "ALiBi positions, with rotary = none: scores fall with the distance, by a slope of each head's own")
            .add("bias", &AttentionConfig::bias, "add biases to the four linear maps");
    return table;
  }
};

AttentionShape shape_of(const AttentionConfig& c, std::int64_t d) {
  auto shape = attention_heads("attention", d, c.heads, c.key_heads);
  shape.causal = c.causal;
  shape.rotary_base = c.rotary_base;
  shape.alibi = c.alibi;
  check(!c.alibi || c.rotary == "none", "attention: alibi is true and rotary is ", c.rotary,
        "; expected one kind of positions: alibi = true with rotary = none");
  if (c.rotary != "none") {
    shape.rotary = c.rotary == "half" ? ops::RotaryPairs::half : ops::RotaryPairs::interleaved;
    check(d / shape.heads % 2 == 0, "attention: heads are ", d / shape.heads,
          " wide; expected an even width for rotary positions (or rotary = none)");
  }
  return shape;
}

/// kept = cat({kept, fresh}, 1) of [b, s, h, e] and [b, t, h, e]. Rows have room behind them, which is doubled when it
/// is used up, so that a step costs its own numbers and not a copy of all. Memory that anybody else can see stays as it
/// is.
void extend(Tensor& kept, const Tensor& fresh) {
  if (at::GradMode::is_enabled()) {
    kept = at::cat({kept, fresh}, 1);
    return;
  }
  const auto b = kept.size(0), s = kept.size(1), t = fresh.size(1), width = kept.size(2) * kept.size(3);
  auto room = kept.stride(0) / width;
  const auto with_room = [&](const at::Storage& storage) {
    return at::empty({0}, fresh.options())
        .set_(storage, 0, {b, s + t, kept.size(2), kept.size(3)}, {room * width, width, kept.size(3), 1});
  };
  const bool ours = kept.use_count() == 1 && kept.storage().use_count() == 1 && kept.storage_offset() == 0 &&
                    kept.strides() == at::IntArrayRef({room * width, width, kept.size(3), 1}) &&
                    kept.element_size() * b * room * width == static_cast<std::int64_t>(kept.storage().nbytes());
  Tensor longer;
  if (ours && room >= s + t) {
    longer = with_room(kept.storage());
  } else {
    room = s == 0 ? t : 2 * (s + t);  // what is read at once need not go on
    longer = with_room(at::empty({b, room, kept.size(2), kept.size(3)}, fresh.options()).storage());
    longer.narrow(1, 0, s).copy_(kept);
  }
  longer.narrow(1, s, t).copy_(fresh);
  kept = longer;
}

class Attention final : public SequenceMixer {
 public:
  using Config = AttentionConfig;

  Attention(const MixerSizes& sizes, const Config& config)
      : d_(sizes.d), shape_(shape_of(config, d_)), maps_(*this, shape_, d_, d_, config.bias) {}

  MixerProperties properties() const override {
    MixerProperties p;
    p.cost = Cost::quadratic;
    if (!shape_.causal) p.causal = p.streams = false, p.reason = "every step sees all steps";
    return p;
  }

  Tensor forward(const Tensor& x_any, const Lengths& lengths, State* state) override {
    check_input("attention", x_any, d_, lengths, state);
    const auto valid = valid_steps(lengths, x_any);
    const auto x = zero_padding(x_any, valid);
    const auto w = maps_.weights();
    ops::SoftmaxAttentionOptions options{.causal = shape_.causal};
    if (state) options.offsets = state->at("length");
    if (shape_.alibi) options.slopes = alibi_slopes(shape_.heads, x.options());
    if (!shape_.causal && valid.defined()) options.key_mask = valid.squeeze(-1);
    auto p = project(shape_, w, x, {}, options.offsets);
    if (state) {
      append(*state, p, lengths);
      p.k = state->at("k"), p.v = state->at("v");
    }
    const auto y = std::get<0>(ops::softmax_attention(p.q, p.k, p.v, options));
    return zero_padding(at::linear(y.flatten(-2), w.o, w.o_bias), valid);
  }

  /// Keys and values of all steps so far, [b, s, key_heads, e], and how many of them a row has, [b]. Grows with t.
  State first_state(std::int64_t b) const override {
    if (!shape_.causal) return SequenceMixer::first_state(b);
    const auto nothing =
        at::empty({b, 0, shape_.key_heads, d_ / shape_.heads}, maps_.k->weight.options().requires_grad(false));
    return {{"k", nothing}, {"v", nothing}, {"length", at::zeros({b}, nothing.options().dtype(at::kLong))}};
  }

  TensorMap import_reference(TensorMap weights) const override { return split_joint_projection(std::move(weights)); }

 private:
  /// Puts the new keys and values behind those that each row has.
  static void append(State& state, const Projections& p, const Lengths& lengths) {
    const auto before = state.at("length");
    const auto cached = state.at("k").size(1), t = p.k.size(1);
    const auto after = before + (lengths.defined() ? lengths : at::scalar_tensor(t, before.options()));
    Tensor places;  // of every step among the cached and the new ones, where rows are of different lengths
    if (lengths.defined() || !(before == cached).all().item<bool>()) {
      const auto longest = after.max().item<std::int64_t>();
      const auto steps = at::arange(longest, before.options()).unsqueeze(0), kept = before.unsqueeze(1);
      places = at::where(steps < kept, steps, steps - kept + cached).clamp_max(cached + t - 1);
    }
    for (const auto& [name, fresh] : {std::pair{"k", p.k}, {"v", p.v}}) {
      auto& all = state.at(name);
      extend(all, fresh);
      if (places.defined()) {
        const auto index = places.unsqueeze(-1).unsqueeze(-1).expand({-1, -1, all.size(2), all.size(3)});
        all = all.gather(1, index);
      }
    }
    state["length"] = after;
  }

  std::int64_t d_;
  AttentionShape shape_;
  AttentionMaps maps_;
};

const RegisterMixer<Attention> registered({
    .name = "attention",
    .title = "Softmax attention",
    .family = "attention",
    .summary = "multi-head softmax attention, causal or bidirectional, with grouped queries, rotary or ALiBi positions",
    .source = "Vaswani et al. 2017, Attention is all you need; Su et al. 2021 (rotary); Press et al. 2022 (ALiBi); "
              "Ainslie et al. 2023 (groups)",
    .variants = {{"grouped", {{"heads", 4}, {"key_heads", 2}, {"rotary", "interleaved"}, {"bias", false}}, 24},
                 {"one_key_head", {{"heads", 3}, {"key_heads", 1}}, 18},
                 {"bidirectional", {{"causal", false}, {"heads", 2}}, 20},
                 {"no_positions", {{"rotary", "none"}, {"heads", 3}}, 15},
                 {"alibi", {{"alibi", true}, {"rotary", "none"}, {"heads", 6}, {"key_heads", 3}}, 18},
                 {"alibi_bidirectional", {{"alibi", true}, {"rotary", "none"}, {"heads", 2}, {"causal", false}}, 20}},
});

}  // namespace
}  // namespace longwave
