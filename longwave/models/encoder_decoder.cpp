#include "longwave/models/encoder_decoder.h"

#include "longwave/models/targets.h"
#include "longwave/nn/path.h"

namespace longwave {

void EncoderDecoder::build(const ForecastSizes& sizes, const EncoderDecoderOptions& options,
                           const std::function<AttentionLayer::Inner(bool causal)>& inner) {
  sizes_ = sizes;
  calendar_ = options.embed_type <= 2;
  const bool positions = options.embed_type != 2 && options.embed_type != 4;
  const auto d = options.d_model;
  const Dropout dropout{options.dropout, &random};
  const EncoderLayerOptions layer{d, options.n_heads, options.d_ff, activation_of(options.activation), dropout};
  const auto embedding = [&](const char* name) {
    return register_module(name,
                           std::make_shared<DataEmbedding>(sizes.channels, sizes.time_features, d, positions, dropout));
  };
  const auto norm = [&](const char* path) {
    return submodule(*this, path).register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({d})));
  };
  enc_embedding_ = embedding("enc_embedding");
  dec_embedding_ = embedding("dec_embedding");
  for (std::int64_t i = 0; i < options.e_layers; ++i) {
    encoder_.push_back(submodule(*this, "encoder.attn_layers")
                           .register_module(std::to_string(i), std::make_shared<EncoderLayer>(layer, inner(false))));
    if (options.distil && i + 1 < options.e_layers)
      distil_.push_back(
          submodule(*this, "encoder.conv_layers").register_module(std::to_string(i), std::make_shared<DistilLayer>(d)));
  }
  enc_norm_ = norm("encoder");
  for (std::int64_t i = 0; i < options.d_layers; ++i) {
    auto self = inner(true);  // before `cross`: the order of calls is part of the contract
    decoder_.push_back(
        submodule(*this, "decoder.layers")
            .register_module(std::to_string(i), std::make_shared<DecoderLayer>(layer, std::move(self), inner(false))));
  }
  dec_norm_ = norm("decoder");
  projection_ = submodule(*this, "decoder").register_module("projection", torch::nn::Linear(d, sizes.channels));
}

at::Tensor EncoderDecoder::encode(const ForecastInput& in) {
  auto x = enc_embedding_->forward(in.x, calendar_ ? in.x_mark : at::Tensor());
  for (std::size_t i = 0; i < encoder_.size(); ++i) {
    x = encoder_[i]->forward(x);
    if (i < distil_.size()) x = distil_[i]->forward(x);
  }
  return enc_norm_->forward(x);
}

ForecastOutput EncoderDecoder::forward(const ForecastInput& in) {
  const auto memory = encode(in);
  auto x = dec_embedding_->forward(in.x_dec, calendar_ ? in.y_mark : at::Tensor());
  for (auto& layer : decoder_) x = layer->forward(x, memory);
  const auto steps = dec_norm_->forward(x.slice(1, x.size(1) - sizes_.horizon));
  return {target_channels(projection_->forward(steps), sizes_), {}};
}

}  // namespace longwave
