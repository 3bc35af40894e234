// FITS: the low frequencies of the window, mapped by one complex linear layer to the spectrum of window and forecast.
// "FITS: Modeling Time Series with 10k Parameters" (Xu et al. 2024).

#include <cmath>

#include "longwave/models/targets.h"

namespace longwave {
namespace {

/// One complex array as two real parameters. The gradient and every optimiser then work as on any other weight.
class ComplexParameter final : public torch::nn::Module {
 public:
  ComplexParameter(at::IntArrayRef shape, double bound) {
    real = register_parameter("real", at::empty(shape).uniform_(-bound, bound));
    imag = register_parameter("imag", at::zeros(shape));
  }
  at::Tensor real, imag;
};

class ComplexLinear final : public torch::nn::Module {
 public:
  ComplexLinear(std::int64_t in, std::int64_t out) {
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    weight = register_module("weight", std::make_shared<ComplexParameter>(at::IntArrayRef{out, in}, bound));
    bias = register_module("bias", std::make_shared<ComplexParameter>(at::IntArrayRef{out}, bound));
  }

  /// x [..., in] complex -> [..., out]
  at::Tensor forward(const at::Tensor& x) const {
    const auto parts = at::stack({at::real(x), at::imag(x)});  // both products read each weight once
    const auto by_real = at::linear(parts, weight->real), by_imag = at::linear(parts, weight->imag);
    return at::complex(by_real[0] - by_imag[1] + bias->real, by_real[1] + by_imag[0] + bias->imag);
  }

  std::shared_ptr<ComplexParameter> weight, bias;
};

/// One complex layer for all channels, or one for each (names 0.*, 1.*, ...).
class Upsampler final : public torch::nn::Module {
 public:
  Upsampler(std::int64_t in, std::int64_t out, std::int64_t channels, bool individual) {
    if (individual) {
      for (std::int64_t c = 0; c < channels; ++c)
        layers_.push_back(register_module(std::to_string(c), std::make_shared<ComplexLinear>(in, out)));
      return;
    }
    layers_.push_back(std::make_shared<ComplexLinear>(in, out));
    register_module("weight", layers_[0]->weight);
    register_module("bias", layers_[0]->bias);
    shared_ = true;
  }

  /// x [b, c, in] complex -> [b, c, out]
  at::Tensor forward(const at::Tensor& x) const {
    if (shared_) return layers_[0]->forward(x);
    std::vector<at::Tensor> mapped;
    for (std::size_t c = 0; c < layers_.size(); ++c)
      mapped.push_back(layers_[c]->forward(x.select(1, static_cast<std::int64_t>(c))));
    return at::stack(mapped, 1);
  }

 private:
  std::vector<std::shared_ptr<ComplexLinear>> layers_;
  bool shared_ = false;
};

class Fits final : public Forecaster {
 public:
  struct Config {
    bool individual = false;
    std::int64_t cut_freq = 0;
    static const FieldTable<Config>& fields();
  };

  Fits(const ForecastSizes& sizes, const Config& config) : sizes_(sizes) {
    const auto total = sizes.lookback + sizes.horizon;
    const auto by_rule = (sizes.lookback / 24 + 1) * 6 + 10;
    kept_ = std::min(config.cut_freq > 0 ? config.cut_freq : by_rule, sizes.lookback / 2 + 1);
    bins_ = total / 2 + 1;
    ratio_ = static_cast<double>(total) / static_cast<double>(sizes.lookback);
    const auto mapped = std::min(static_cast<std::int64_t>(static_cast<double>(kept_) * ratio_), bins_);
    upsampler_ = register_module("freq_upsampler",
                                 std::make_shared<Upsampler>(kept_, mapped, sizes.channels, config.individual));
  }

  ForecastOutput forward(const ForecastInput& in) override {
    const auto x = in.x.transpose(1, 2);  // [b, c, l]
    const auto mean = x.mean(-1, /*keepdim=*/true);
    const auto deviation = ((x - mean).var(-1, /*unbiased=*/true, /*keepdim=*/true) + 1e-5).sqrt();
    const auto spectrum = at::fft_rfft((x - mean) / deviation).narrow(-1, 0, kept_);
    const auto mapped = upsampler_->forward(spectrum);
    const auto series = at::fft_irfft(at::constant_pad_nd(mapped, {0, bins_ - mapped.size(-1)}));
    const auto tail = series.narrow(-1, series.size(-1) - sizes_.horizon, sizes_.horizon) * ratio_;
    return {target_channels((tail * deviation + mean).transpose(1, 2), sizes_), {}};
  }

 private:
  ForecastSizes sizes_;
  std::int64_t kept_ = 0, bins_ = 0;  // frequencies kept of the window; frequencies of window and forecast together
  double ratio_ = 1;                  // (l + p) / l, also the energy compensation
  std::shared_ptr<Upsampler> upsampler_;
};

const FieldTable<Fits::Config>& Fits::Config::fields() {
  static const auto table =
      FieldTable<Config>()
          .add("individual", &Config::individual, "one complex map for each channel instead of a shared one")
          .add("cut_freq", &Config::cut_freq,
               "frequencies kept of the window; 0: the paper's rule for a period of 24 steps and harmonics of order 6, "
               "6 (floor(lookback / 24) + 1) + 10",
               at_least<std::int64_t>(0));
  return table;
}

const RegisterForecaster<Fits> registered({.name = "fits",
                                           .title = "FITS",
                                           .summary = "complex linear map of the low frequencies of the window",
                                           .source = "Xu et al. 2024, arXiv 2307.03756",
                                           .system_ids = {"fits"}});

}  // namespace
}  // namespace longwave
