// LinTrans: the plain linear transformer on the tokens of SAMoVAR, the baseline of its paper.
// "Linear Transformers as VAR Models" (Lu and Yang 2025, arXiv 2502.07244), section 5.

#include <cmath>

#include "longwave/models/segment_forecaster.h"
#include "longwave/ops/causal_linear_attention.h"

namespace longwave {
namespace {

struct Attention final : Module {
  Attention(std::int64_t width, std::int64_t depth) {
    q1 = register_module("q1", normal_linear(width, width));
    k1 = register_module("k1", normal_linear(width, width));
    v1 = register_module("v1", normal_linear(width, width));
    c_proj = register_module("c_proj", normal_linear(width, width, 0.02 / std::sqrt(2.0 * depth)));
  }
  /// [b, t, d] -> [b, t, d]. Dropout on the input of the keys and on the output.
  at::Tensor forward(const at::Tensor& x, std::int64_t heads, const Dropout& dropout, bool training) {
    const auto split = [&](const at::Tensor& y) { return y.view({x.size(0), x.size(1), heads, -1}); };
    const auto out = ops::causal_linear_attention(split(q1->forward(x)), split(k1->forward(dropout(x, training))),
                                                  split(v1->forward(x)));
    return dropout(c_proj->forward(out.reshape(x.sizes())), training);
  }
  torch::nn::Linear q1{nullptr}, k1{nullptr}, v1{nullptr}, c_proj{nullptr};
};

class LinTrans final : public SegmentForecaster {
 public:
  struct Config : SegmentConfig {
    static const FieldTable<Config>& fields();
  };

  LinTrans(const ForecastSizes& sizes, const Config& config)
      : SegmentForecaster(segment_sizes(sizes, config, /*width_from_targets=*/true), config, /*univariate=*/false) {
    const auto d = sizes_.width, t = sizes_.tokens(), layers = sizes_.layers;
    const auto norm = [d] { return std::make_shared<RmsNorm>(d); };
    pos_emb_ =
        register_module("pos_emb", std::make_shared<Module>())->register_parameter("weight", at::randn({t, d}) * 0.02);
    channel_emb_ = register_parameter("channel_emb", at::randn({1, sizes_.targets, t, d}) * 0.02);
    pre_norm_ = register_module("pre_norm", norm());
    final_norm_ = register_module("final_norm", norm());
    const auto transformer = register_module("transformer", std::make_shared<Module>());
    attn_ = transformer->register_module("attn", std::make_shared<PartList<Attention>>());
    attn_->fill(layers, [&] { return std::make_shared<Attention>(d, layers); });
    pns_ = transformer->register_module("pns", std::make_shared<PartList<RmsNorm>>());
    pns_->fill(layers, norm);
    lns_ = transformer->register_module("lns", std::make_shared<PartList<RmsNorm>>());
    lns_->fill(layers, norm);
    mlps_ = transformer->register_module("mlps", std::make_shared<PartList<Mlp>>());
    mlps_->fill(layers, [&] { return std::make_shared<Mlp>(d, layers); });
    // The reference keeps a layer that it never uses; it is here so that its checkpoints load.
    transformer->register_module("layer_attn", normal_linear(d, 2 * layers));
  }

 private:
  at::Tensor encode(const at::Tensor& segments) override {
    const auto d = sizes_.width;
    const bool training = is_training();
    auto x = tokens(segments, pos_emb_ + channel_emb_, *pre_norm_);
    note("tokens", x);
    x = x.view({-1, sizes_.tokens(), d});
    for (std::int64_t layer = 0; layer < sizes_.layers; ++layer) {
      const auto attended = (*attn_)[layer].forward((*pns_)[layer].forward(x), sizes_.heads, dropout_, training);
      note("attn_out." + std::to_string(layer), attended);
      x = mlp_block(x + attended, (*lns_)[layer], (*mlps_)[layer], dropout_, training);
    }
    x = final_norm_->forward(x);
    note("final", x);
    return x.view({-1, sizes_.segments, 2, d}).select(2, 1);
  }

  at::Tensor pos_emb_, channel_emb_;
  std::shared_ptr<RmsNorm> pre_norm_, final_norm_;
  std::shared_ptr<PartList<Attention>> attn_;
  std::shared_ptr<PartList<RmsNorm>> pns_, lns_;
  std::shared_ptr<PartList<Mlp>> mlps_;
};

const FieldTable<LinTrans::Config>& LinTrans::Config::fields() {
  static const auto table = segment_fields<Config>();
  return table;
}

const RegisterForecaster<LinTrans> registered({.name = "lintrans",
                                               .title = "LinTrans",
                                               .summary = "plain linear transformer on SAMoVAR's tokens",
                                               .source = "Lu and Yang 2025, arXiv 2502.07244, section 5",
                                               .system_ids = {"lintrans"}});

}  // namespace
}  // namespace longwave
