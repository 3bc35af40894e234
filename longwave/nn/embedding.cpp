#include "longwave/nn/embedding.h"

#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>

#include "longwave/base/check.h"
#include "longwave/nn/path.h"

namespace longwave {

at::Tensor sinusoidal_positions(std::int64_t t, std::int64_t d) {
  const auto step = at::arange(t, at::kFloat).unsqueeze(1);
  const auto frequency = at::exp(at::arange(0, d, 2, at::kFloat) * (-std::log(10000.0) / static_cast<double>(d)));
  const auto angle = step * frequency;  // [t, ceil(d / 2)]
  return at::stack({angle.sin(), angle.cos()}, 2).reshape({t, -1}).narrow(1, 0, d);
}

void check_tokens(const char* what, const at::Tensor& tokens, std::int64_t vocabulary) {
  const auto all = tokens.cpu().contiguous();
  const auto *first = all.data_ptr<std::int64_t>(), *end = first + all.numel();
  const auto* found = std::find_if(first, end, [&](std::int64_t token) { return token < 0 || token >= vocabulary; });
  if (found == end) return;
  const auto t = all.size(1);
  fail(what, ": token ", *found, " at row ", (found - first) / t, ", step ", (found - first) % t, "; expected 0 .. ",
       vocabulary - 1, ", a vocabulary of ", vocabulary);
}

at::Tensor circular_conv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t padding) {
  const auto t = x.size(1);
  const auto wrapped = at::cat({x.narrow(1, t - padding, padding), x, x.narrow(1, 0, padding)}, 1);
  const auto windows = wrapped.unfold(1, weight.size(2), 1);  // [b, t', c, 3]
  const auto y = at::matmul(windows.flatten(2), weight.flatten(1).t());
  return bias.defined() ? y + bias : y;
}

DataEmbedding::DataEmbedding(std::int64_t channels, std::int64_t time_features, std::int64_t d, bool positions,
                             Dropout dropout)
    : positions_(positions), dropout_(dropout) {
  auto value = at::empty({d, channels, 3});
  torch::nn::init::kaiming_normal_(value, 0.01, torch::kFanIn, torch::kLeakyReLU);
  value_weight_ = submodule(*this, "value_embedding.tokenConv").register_parameter("weight", value);
  auto calendar = at::empty({d, time_features});
  torch::nn::init::kaiming_uniform_(calendar, std::sqrt(5.0));  // torch's default for linear maps
  calendar_weight_ = submodule(*this, "temporal_embedding.embed").register_parameter("weight", calendar);
}

at::Tensor DataEmbedding::forward(const at::Tensor& values, const at::Tensor& calendar) {
  auto x = circular_conv(values, value_weight_);
  if (calendar.defined()) x = x + at::linear(calendar, calendar_weight_);
  if (positions_) x = x + sinusoidal_positions(x.size(1), x.size(2)).to(x.options());
  return dropout_(x, is_training());
}

}  // namespace longwave
