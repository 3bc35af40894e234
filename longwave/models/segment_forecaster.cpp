#include "longwave/models/segment_forecaster.h"

#include <cmath>

#include "longwave/nn/dropout_draw.h"
#include "longwave/ops/arx_tokens.h"
#include "longwave/ops/segments.h"

namespace longwave {

SegmentSizes segment_sizes(const ForecastSizes& sizes, const SegmentConfig& config, bool width_from_targets) {
  SegmentSizes out{};
  out.lookback = sizes.lookback;
  out.horizon = sizes.horizon;
  out.inputs = sizes.channels + config.time_emb_dim;
  out.targets = config.number_of_targets ? config.number_of_targets : sizes.targets ? sizes.targets : sizes.channels;
  check(out.targets <= sizes.channels, "model.number_of_targets is ", out.targets, "; the data have only ",
        sizes.channels, " channels");
  out.segments = (sizes.lookback + sizes.horizon - 1) / sizes.horizon;
  const auto counted = static_cast<double>(width_from_targets ? out.targets : out.inputs);
  out.width = config.d_model ? config.d_model : 32 * static_cast<std::int64_t>(std::sqrt(counted));
  out.heads = config.n_heads ? config.n_heads : std::max<std::int64_t>(1, out.width / 16);
  out.layers = config.e_layers;
  check(out.width % out.heads == 0, "model.n_heads is ", out.heads, "; expected a divisor of the width ", out.width,
        " (model.d_model)");
  return out;
}

ArxTokenizer::ArxTokenizer(const SegmentSizes& sizes) {
  tokenizer = register_module("tokenizer", normal_linear(sizes.horizon, sizes.width));
  context_channel_projection =
      register_module("context_channel_projection", normal_linear(sizes.inputs, sizes.targets));
  context_temporal_projection =
      register_module("context_temporal_projection", normal_linear(sizes.horizon, sizes.width));
  tokenizer_output = register_module("tokenizer_output", normal_linear(sizes.width, sizes.horizon));
  input_norm_main = register_module("input_norm_main", std::make_shared<RmsNorm>(sizes.width));
  input_norm_ctx = register_module("input_norm_ctx", std::make_shared<RmsNorm>(sizes.width));
}

at::Tensor ArxTokenizer::forward(const at::Tensor& segments, bool univariate) {
  const auto b = segments.size(0), c = segments.size(1), n = segments.size(2), s = segments.size(3);
  const auto& mix = context_channel_projection;
  const auto targets = mix->weight.size(0);
  const auto main = tokenizer->forward(segments.narrow(1, c - targets, targets));
  const auto mixed = at::matmul(mix->weight, segments.reshape({b, c, n * s})) + mix->bias.unsqueeze(1);
  auto exogenous = context_temporal_projection->forward(mixed.view({b, targets, n, s}));
  if (univariate) exogenous = at::zeros_like(exogenous);
  return at::stack({input_norm_ctx->forward(exogenous), input_norm_main->forward(main)}, 3)
      .view({b, targets, 2 * n, main.size(-1)});
}

SegmentForecaster::SegmentForecaster(const SegmentSizes& sizes, const SegmentConfig& config, bool univariate)
    : sizes_(sizes),
      dropout_{config.dropout, &random},
      tokenizer_(register_module("tokenizer", std::make_shared<ArxTokenizer>(sizes))),
      calendar_(config.time_emb_dim),
      univariate_(univariate) {}

at::Tensor SegmentForecaster::tokens(const at::Tensor& segments, const at::Tensor& positions, const RmsNorm& norm) {
  auto& t = *tokenizer_;
  if (univariate_) return norm.forward(dropout_(t.forward(segments, true), is_training()) + positions);
  const DropoutDraw draw(dropout_, is_training());
  const auto &main = t.tokenizer, &exogenous = t.context_temporal_projection, &mix = t.context_channel_projection;
  return ops::arx_tokens(segments,
                         {main->weight, main->bias, t.input_norm_main->weight, exogenous->weight, exogenous->bias,
                          t.input_norm_ctx->weight, mix->weight, mix->bias,
                          positions.view({sizes_.targets, -1, sizes_.width}), norm.weight},
                         draw.p, draw.key);
}

ForecastOutput SegmentForecaster::forward(const ForecastInput& in) {
  check(in.x.dim() == 3 && in.x.size(1) == sizes_.lookback && in.x.size(2) + calendar_ == sizes_.inputs, "input is ",
        in.x.sizes(), "; expected [batch, ", sizes_.lookback, ", ", sizes_.inputs - calendar_, "]");
  const auto x = calendar_ ? at::cat({in.x_mark.narrow(2, 0, calendar_), in.x}, 2) : in.x;
  const auto segments = ops::scaled_segments(x, sizes_.horizon);
  auto main = encode(segments.z);  // [b j, n, d]

  const bool with_losses = (is_training() || in.with_losses) && sizes_.segments > 1;
  const auto b = x.size(0), j = sizes_.targets, n = sizes_.segments;
  if (!with_losses) main = main.narrow(1, n - 1, 1);
  const auto next = tokenizer_->tokenizer_output->forward(main).view({b, j, -1, sizes_.horizon});  // [b, j, n or 1, s]
  ForecastOutput out;
  if (with_losses) {
    std::tie(out.forecast, out.extra_losses["next_step"]) = ops::next_segments(next, segments);
  } else {
    const auto of_targets = [&](const at::Tensor& all) { return all.narrow(1, sizes_.inputs - j, j); };
    out.forecast = (next.select(2, 0) * of_targets(segments.deviation) + of_targets(segments.mean)).transpose(1, 2);
  }
  return out;
}

}  // namespace longwave
