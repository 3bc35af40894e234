// Transformer: the plain encoder-decoder with softmax attention, all forecast steps answered at once.
// "Attention Is All You Need" (Vaswani et al. 2017), in the form of the Informer and Autoformer programs.

#include "longwave/models/encoder_decoder.h"

namespace longwave {
namespace {

class Transformer final : public EncoderDecoder {
 public:
  struct Config : EncoderDecoderOptions {
    static const FieldTable<Config>& fields();
  };

  Transformer(const ForecastSizes& sizes, const Config& config) {
    build(sizes, config, [&](bool causal) { return full_attention_inner(causal, {config.dropout, &random}); });
  }
};

const FieldTable<Transformer::Config>& Transformer::Config::fields() {
  static const auto table = encoder_decoder_fields<Config>().add<std::int64_t>(
      "embed_type", &Config::embed_type, kEmbedTypes, between<std::int64_t>(0, 4));
  return table;
}

const RegisterForecaster<Transformer> registered({.name = "transformer",
                                                  .title = "Transformer",
                                                  .summary = "encoder-decoder with softmax attention over the steps",
                                                  .source = "Vaswani et al. 2017, arXiv 1706.03762",
                                                  .system_ids = {"transformer"}});

}  // namespace
}  // namespace longwave
