#pragma once

#include "longwave/models/forecaster.h"
#include "longwave/models/transformer_parts.h"

namespace longwave {

/// What SAMoVAR, FixedVAR and LinTrans share in their configuration; 0 means "by rule".
struct SegmentConfig {
  std::int64_t d_model = 0, n_heads = 8, e_layers = 3;
  double dropout = 0.1;
  std::int64_t number_of_targets = 0, time_emb_dim = 0;
};

template <class Config>
FieldTable<Config> segment_fields() {
  const auto of = []<class T>(T SegmentConfig::*member) { return static_cast<T Config::*>(member); };
  using C = SegmentConfig;
  const auto any = at_least<std::int64_t>(0);
  return FieldTable<Config>()
      .add("d_model", of(&C::d_model), "width of a token; 0: 32 floor(sqrt(channels))", any)
      .add("n_heads", of(&C::n_heads), "attention heads; 0: width / 16", any)
      .add("e_layers", of(&C::e_layers), "layers", at_least<std::int64_t>(1))
      .add("dropout", of(&C::dropout), "of tokens, MLP outputs and attention outputs", fraction())
      .add("number_of_targets", of(&C::number_of_targets), "forecast the last so many channels; 0: as the data say",
           any)
      .add("time_emb_dim", of(&C::time_emb_dim), "calendar features read as exogenous channels, before the others",
           any);
}

/// The sizes that follow. Shape letters: s horizon = segment length, n segments, t = 2n tokens, d width, h heads,
/// e = d/h, c input channels with calendar features, j target channels.
struct SegmentSizes {
  std::int64_t lookback, horizon, inputs, targets, segments, width, heads, layers;
  std::int64_t tokens() const { return 2 * segments; }
  std::int64_t head_width() const { return width / heads; }
};

/// `width_from_targets`: the rule for the width counts target channels (LinTrans), not input channels. UserError if the
/// settings do not fit together.
SegmentSizes segment_sizes(const ForecastSizes& sizes, const SegmentConfig& config, bool width_from_targets = false);

/// Two tokens a segment and target channel: the segment itself ("main"), and a mixture of all channels ("exogenous").
struct ArxTokenizer final : Module {
  explicit ArxTokenizer(const SegmentSizes& sizes);
  /// [b, c, n, s] -> [b, j, 2n, d]: exogenous token of segment 0, main token of segment 0, exogenous token of 1, ...
  at::Tensor forward(const at::Tensor& segments, bool univariate);
  torch::nn::Linear tokenizer{nullptr}, context_channel_projection{nullptr}, context_temporal_projection{nullptr},
      tokenizer_output{nullptr};
  std::shared_ptr<RmsNorm> input_norm_ctx, input_norm_main;
};

/// Windows as sequences of segments as long as the horizon; every main token forecasts the next segment.
/// "Linear Transformers as VAR Models" (Lu and Yang 2025, arXiv 2502.07244), sections 3 and 4.
class SegmentForecaster : public Forecaster {
 public:
  SegmentForecaster(const SegmentSizes& sizes, const SegmentConfig& config, bool univariate);
  ForecastOutput forward(const ForecastInput& in) final;
  bool uses_calendar() const override { return calendar_ > 0; }
  const SegmentSizes& sizes() const { return sizes_; }
  ArxTokenizer& arx() { return *tokenizer_; }

 protected:
  /// Segments [b, c, n, s] -> normalised representation of the main tokens [b j, n, d].
  virtual at::Tensor encode(const at::Tensor& segments) = 0;

  /// The tokens of the segments after dropout at their positions [j, 2n, d] (or [1, j, 2n, d]), normalised:
  /// [b, j, 2n, d].
  at::Tensor tokens(const at::Tensor& segments, const at::Tensor& positions, const RmsNorm& norm);

  SegmentSizes sizes_;
  Dropout dropout_;

 private:
  std::shared_ptr<ArxTokenizer> tokenizer_;
  std::int64_t calendar_;
  bool univariate_;
};

}  // namespace longwave
