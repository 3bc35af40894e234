#pragma once

#include "longwave/models/forecaster.h"
#include "longwave/nn/decoder_layer.h"
#include "longwave/nn/distil.h"
#include "longwave/nn/embedding.h"

namespace longwave {

/// Help of the field `embed_type`, which Transformer and Informer have and Autoformer has not.
inline constexpr auto kEmbedTypes =
    "what is added to the embedded values of a step: 0 or 1 calendar and position, 2 calendar, 3 position, 4 nothing";

struct EncoderDecoderOptions {
  std::int64_t d_model = 512, n_heads = 8, e_layers = 2, d_layers = 1, d_ff = 2048;
  double dropout = 0.05;
  std::string activation = "gelu";
  bool distil = false;          // halve the steps between encoder layers
  std::int64_t embed_type = 0;  // see kEmbedTypes
};

/// The encoder-decoder that Transformer and Informer share; they differ in what happens between the projections of
/// attention. The decoder reads the last observations followed by zeros and answers all steps at once.
class EncoderDecoder : public Forecaster {
 public:
  bool uses_calendar() const override { return true; }
  ForecastOutput forward(const ForecastInput& in) override;

 protected:
  /// `inner(causal)` makes the attention of one layer; called in the order encoder, then per decoder layer self, cross.
  void build(const ForecastSizes& sizes, const EncoderDecoderOptions& options,
             const std::function<AttentionLayer::Inner(bool causal)>& inner);

 private:
  at::Tensor encode(const ForecastInput& in);

  ForecastSizes sizes_;
  bool calendar_ = true;  // do the embeddings read the calendar?
  std::shared_ptr<DataEmbedding> enc_embedding_, dec_embedding_;
  std::vector<std::shared_ptr<EncoderLayer>> encoder_;
  std::vector<std::shared_ptr<DistilLayer>> distil_;
  std::vector<std::shared_ptr<DecoderLayer>> decoder_;
  torch::nn::LayerNorm enc_norm_{nullptr}, dec_norm_{nullptr};
  torch::nn::Linear projection_{nullptr};
};

/// The fields that encoder-decoder models have in common, for any Config with the members of EncoderDecoderOptions.
template <class Config>
FieldTable<Config> encoder_decoder_fields() {
  const auto positive = at_least<std::int64_t>(1);
  return FieldTable<Config>()
      .template add<std::int64_t>("d_model", &Config::d_model, "width of a step (published: 512)", positive)
      .template add<std::int64_t>("n_heads", &Config::n_heads, "attention heads; must divide d_model (published: 8)",
                                  positive)
      .template add<std::int64_t>("e_layers", &Config::e_layers, "encoder layers (published: 2)", positive)
      .template add<std::int64_t>("d_layers", &Config::d_layers, "decoder layers (published: 1)", positive)
      .template add<std::int64_t>("d_ff", &Config::d_ff, "hidden width of a feed-forward part (published: 2048)",
                                  positive)
      .template add<double>("dropout", &Config::dropout, "dropout everywhere (published: 0.05)", fraction())
      .template add<std::string>("activation", &Config::activation, "of the feed-forward parts (published: gelu)",
                                 one_of({"gelu", "relu"}));
}

}  // namespace longwave
