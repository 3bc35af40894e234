#pragma once

#include <torch/nn/module.h>

#include "longwave/nn/dropout.h"
#include "longwave/nn/module.h"

namespace longwave {

/// Sinusoidal positions [t, d]: sin in even columns, cos in odd ones, frequency exp(-2i ln(10000) / d).
/// "Attention Is All You Need" (Vaswani et al. 2017), section 3.5.
at::Tensor sinusoidal_positions(std::int64_t t, std::int64_t d);

/// Checks that tokens [b, t] (int64) are within a vocabulary of so many. `what` begins the message.
void check_tokens(const char* what, const at::Tensor& tokens, std::int64_t vocabulary);

/// Convolution over time with kernel 3 that wraps around. x [b, t, c], weight [d, c, 3] -> [b, t + 2 padding - 2, d].
at::Tensor circular_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {},
                         std::int64_t padding = 1);

/// Embeds the steps of a series: values by a circular convolution ("value_embedding.tokenConv.weight"), plus calendar
/// features by a linear map ("temporal_embedding.embed.weight"), plus positions if asked; then dropout.
/// Embedding of "Informer" (Zhou et al. 2021), appendix B, with continuous calendar features.
class DataEmbedding final : public Module {
 public:
  DataEmbedding(std::int64_t channels, std::int64_t time_features, std::int64_t d, bool positions, Dropout dropout);

  /// values [b, t, c], calendar [b, t, f] (may be undefined) -> [b, t, d].
  at::Tensor forward(const at::Tensor& values, const at::Tensor& calendar);

 private:
  bool positions_;
  Dropout dropout_;
  at::Tensor value_weight_, calendar_weight_;
};

}  // namespace longwave
