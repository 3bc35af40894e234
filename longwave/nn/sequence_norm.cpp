#include "longwave/nn/sequence_norm.h"

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/ops/batch_norm.h"
#include "longwave/ops/residual_norm.h"
#include "longwave/ops/rms_norm.h"

namespace longwave {
namespace {

constexpr double kEps = 1e-5, kMomentum = 0.1;

struct LayerNorm final : SequenceNorm {
  explicit LayerNorm(std::int64_t d)
      : weight(register_parameter("weight", at::ones({d}))), bias(register_parameter("bias", at::zeros({d}))) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor&) override { return ops::layer_norm(x, weight, bias, kEps); }
  std::pair<at::Tensor, at::Tensor> forward_sum(const at::Tensor& x, const at::Tensor& residual,
                                                const at::Tensor&) override {
    const auto [y, sum] = ops::residual_layer_norm(x, residual, weight, bias, kEps);
    return {y, sum};
  }
  at::Tensor weight, bias;
};

struct RootMeanSquareNorm final : SequenceNorm {
  explicit RootMeanSquareNorm(std::int64_t d) : weight(register_parameter("weight", at::ones({d}))) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor&) override {
    return ops::rms_norm(x, weight.unsqueeze(0), kEps);
  }
  std::pair<at::Tensor, at::Tensor> forward_sum(const at::Tensor& x, const at::Tensor& residual,
                                                const at::Tensor&) override {
    const auto [y, sum] = ops::residual_rms_norm(x, residual, weight, kEps);
    return {y, sum};
  }
  at::Tensor weight;
};

struct BatchNorm final : SequenceNorm {
  explicit BatchNorm(std::int64_t d)
      : weight(register_parameter("weight", at::ones({d}))),
        bias(register_parameter("bias", at::zeros({d}))),
        mean(register_buffer("running_mean", at::zeros({d}))),
        variance(register_buffer("running_var", at::ones({d}))) {}

  at::Tensor forward(const at::Tensor& x, const at::Tensor& valid) override {
    if (!is_training()) {
      const auto rows = x.reshape({-1, x.size(-1)});
      return at::batch_norm(rows, weight, bias, mean, variance, false, kMomentum, kEps, false).view(x.sizes());
    }
    const auto count = valid.defined() ? valid.sum().item<std::int64_t>() : x.numel() / x.size(-1);
    if (count == 0) return at::zeros_like(x);
    check(count > 1, "batch norm: a batch of one step has no variance; expected a larger batch");
    const auto result = ops::batch_norm(x, weight, bias, valid, kEps);
    const at::NoGradGuard no_grad;
    const auto follow = [](at::Tensor running, const at::Tensor& now) { running.lerp_(now, kMomentum); };
    follow(mean, result.mean);
    follow(variance, result.variance * (static_cast<double>(count) / static_cast<double>(count - 1)));
    return result.y;
  }
  at::Tensor weight, bias, mean, variance;
};

struct ScalarNorm final : SequenceNorm {
  ScalarNorm() : m(register_parameter("m", at::zeros({1}))), s(register_parameter("s", at::ones({1}))) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& valid) override {
    // Padded steps may be constant, where this norm would divide by zero.
    const auto safe = valid.defined() ? at::where(valid, x, at::arange(x.size(-1), x.options())) : x;
    const auto centred = safe - safe.mean(-1, true);
    // A class token begins as a constant: nothing to divide by.
    return s / centred.square().mean(-1, true).clamp_min(kEps * kEps).sqrt() * (centred + m);
  }
  at::Tensor m, s;
};

struct NoNorm final : SequenceNorm {
  at::Tensor forward(const at::Tensor& x, const at::Tensor&) override { return x; }
};

}  // namespace

std::pair<at::Tensor, at::Tensor> SequenceNorm::forward_sum(const at::Tensor& x, const at::Tensor& residual,
                                                            const at::Tensor& valid) {
  const auto sum = x + residual;
  return {forward(sum, valid), sum};
}

const std::vector<std::string>& sequence_norm_kinds() {
  static const std::vector<std::string> kinds = {"layer", "rms", "batch", "scalar", "none"};
  return kinds;
}

std::shared_ptr<SequenceNorm> make_sequence_norm(const std::string& kind, std::int64_t d) {
  if (kind == "layer") return std::make_shared<LayerNorm>(d);
  if (kind == "rms") return std::make_shared<RootMeanSquareNorm>(d);
  if (kind == "batch") return std::make_shared<BatchNorm>(d);
  if (kind == "scalar") return std::make_shared<ScalarNorm>();
  check(kind == "none", "unknown norm '", kind, "'", suggestion(kind, sequence_norm_kinds()));
  return std::make_shared<NoNorm>();
}

}  // namespace longwave
