#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <string>
#include <vector>

#include "longwave/nn/dropout.h"
#include "longwave/nn/revin.h"

namespace longwave::patchtst {

struct BackboneOptions {
  std::int64_t lookback = 0, horizon = 0, channels = 0;
  std::int64_t d_model = 0, n_heads = 0, e_layers = 0, d_ff = 0;
  std::int64_t patch_len = 0, stride = 0;
  bool pad_end = true;  // repeat the last value `stride` times before cutting
  bool revin = true, affine = false, subtract_last = false;
  bool individual = false;  // one head for each channel
  Dropout dropout, head_dropout;

  /// Steps of one series as it is cut, and patches cut from it.
  std::int64_t padded() const { return lookback + (pad_end ? stride : 0); }
  std::int64_t patches() const { return (padded() - patch_len) / stride + 1; }
};

/// One post-norm layer with batch normalisation on tokens [r, n, d]. Raw attention scores are carried from layer to
/// layer ("residual attention").
class Layer final : public torch::nn::Module {
 public:
  explicit Layer(const BackboneOptions& options);

  /// `scores` [r, h, n, n]: of the layer before (undefined in the first), replaced by those of this one (undefined
  /// after the last).
  at::Tensor forward(const at::Tensor& x, at::Tensor& scores, bool last);

 private:
  at::Tensor attention(const at::Tensor& x, at::Tensor& scores, bool last);
  at::Tensor feed_forward_of(const at::Tensor& x);

  std::int64_t n_heads_;
  Dropout dropout_;
  at::Tensor scale_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, out_{nullptr};
  torch::nn::Linear ff_in_{nullptr}, ff_out_{nullptr};
  torch::nn::BatchNorm1d norm_attention_{nullptr}, norm_ff_{nullptr};
};

/// Channel-independent transformer over patches with its head: x [b, l, c] -> [b, p, c].
class Backbone final : public torch::nn::Module {
 public:
  explicit Backbone(const BackboneOptions& options);
  at::Tensor forward(const at::Tensor& x);

 private:
  at::Tensor tokens_of(const at::Tensor& series);  // [b, c, l] -> [b c, n, d]
  at::Tensor head_of(const at::Tensor& features);  // [b, c, d n] -> [b, c, p]

  BackboneOptions options_;
  std::shared_ptr<RevIn> revin_;
  torch::nn::Linear patch_{nullptr};
  at::Tensor position_;  // [n, d]
  std::vector<std::shared_ptr<Layer>> layers_;
  std::vector<torch::nn::Linear> heads_;  // one, or one for each channel
};

}  // namespace longwave::patchtst
