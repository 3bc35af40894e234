#include "longwave/models/patchtst_backbone.h"

#include <cmath>

#include "longwave/base/check.h"
#include "longwave/nn/feed_forward.h"
#include "longwave/ops/score_attention.h"

namespace longwave::patchtst {
namespace {

/// A module that only gives its children the reference's names. `path` is dotted, existing parts are reused.
torch::nn::Module& group(torch::nn::Module& parent, const std::string& path) {
  const auto dot = path.find('.');
  const auto name = path.substr(0, dot);
  auto* child = parent.named_children().find(name);
  auto& found = child ? **child : *parent.register_module(name, std::make_shared<torch::nn::Module>());
  return dot == std::string::npos ? found : group(found, path.substr(dot + 1));
}

/// BatchNorm over the last dimension of [r, n, d]; statistics over rows and tokens together.
at::Tensor batch_norm(torch::nn::BatchNorm1d& norm, const at::Tensor& x) {
  const auto rows = x.flatten(0, 1);
  check(!norm->is_training() || rows.size(0) > 1,
        "batch norm: a batch of one patch has no variance; expected a larger batch, more series or a longer lookback");
  return norm(rows).view_as(x);
}

}  // namespace

Layer::Layer(const BackboneOptions& options) : n_heads_(options.n_heads), dropout_(options.dropout) {
  const auto d = options.d_model, inner = d / options.n_heads * options.n_heads;
  auto& attention = group(*this, "self_attn");
  query_ = attention.register_module("W_Q", torch::nn::Linear(d, inner));
  key_ = attention.register_module("W_K", torch::nn::Linear(d, inner));
  value_ = attention.register_module("W_V", torch::nn::Linear(d, inner));
  const double width = static_cast<double>(d / options.n_heads);
  scale_ = group(attention, "sdp_attn").register_buffer("scale", at::scalar_tensor(1 / std::sqrt(width)));
  out_ = group(attention, "to_out").register_module("0", torch::nn::Linear(inner, d));
  norm_attention_ = group(*this, "norm_attn").register_module("1", torch::nn::BatchNorm1d(d));
  ff_in_ = group(*this, "ff").register_module("0", torch::nn::Linear(d, options.d_ff));
  ff_out_ = group(*this, "ff").register_module("3", torch::nn::Linear(options.d_ff, d));
  norm_ff_ = group(*this, "norm_ffn").register_module("1", torch::nn::BatchNorm1d(d));
}

at::Tensor Layer::forward(const at::Tensor& x, at::Tensor& scores, bool last) {
  const bool training = is_training();
  // Dropout after the projection and again before the sum, as in the reference.
  const auto attended = dropout_(dropout_(attention(x, scores, last), training), training);
  const auto y = batch_norm(norm_attention_, x + attended);
  return batch_norm(norm_ff_, y + dropout_(feed_forward_of(y), training));
}

at::Tensor Layer::attention(const at::Tensor& x, at::Tensor& scores, bool last) {
  const auto heads = [&](const at::Tensor& y) {  // [r, n, d] -> [r, n, h, e]
    return y.unflatten(-1, {n_heads_, y.size(-1) / n_heads_});
  };
  ops::ScoreAttentionOptions options;
  options.scale = scale_.item<double>();
  options.keep_scores = !last;
  const auto [mixed, own] = ops::score_attention(heads(query_(x)), heads(key_(x)), heads(value_(x)), scores, options);
  scores = own;
  return out_(mixed.flatten(2));
}

at::Tensor Layer::feed_forward_of(const at::Tensor& x) {
  return feed_forward(x, {ff_in_->weight, ff_in_->bias, ff_out_->weight, ff_out_->bias}, Activation::gelu, dropout_,
                      is_training());
}

Backbone::Backbone(const BackboneOptions& options) : options_(options) {
  if (options.revin) {
    const RevIn::Options revin{options.affine, options.subtract_last};
    revin_ = register_module("revin_layer", std::make_shared<RevIn>(options.channels, revin));
  }
  auto& backbone = group(*this, "backbone");
  const auto n = options.patches();
  patch_ = backbone.register_module("W_P", torch::nn::Linear(options.patch_len, options.d_model));
  position_ = backbone.register_parameter("W_pos", at::empty({n, options.d_model}).uniform_(-0.02, 0.02));
  for (std::int64_t l = 0; l < options.e_layers; ++l)
    layers_.push_back(
        group(backbone, "encoder.layers").register_module(std::to_string(l), std::make_shared<Layer>(options)));
  const auto features = options.d_model * n;
  if (!options.individual)
    heads_.push_back(group(*this, "head").register_module("linear", torch::nn::Linear(features, options.horizon)));
  for (std::int64_t c = 0; options.individual && c < options.channels; ++c)
    heads_.push_back(
        group(*this, "head.linears").register_module(std::to_string(c), torch::nn::Linear(features, options.horizon)));
}

at::Tensor Backbone::forward(const at::Tensor& x) {
  auto z = x;
  RevIn::Statistics statistics;
  if (revin_) std::tie(z, statistics) = revin_->normalize(x);
  auto tokens = tokens_of(z.transpose(1, 2));
  at::Tensor scores;
  for (const auto& layer : layers_) tokens = layer->forward(tokens, scores, layer == layers_.back());
  // [b c, n, d] -> features d-major: index d n_patches + patch
  const auto features = tokens.transpose(1, 2).reshape({x.size(0), x.size(2), -1});
  const auto y = head_of(features).transpose(1, 2);
  return revin_ ? revin_->inverse(y, statistics) : y;
}

at::Tensor Backbone::tokens_of(const at::Tensor& series) {
  const auto padded = options_.pad_end ? at::replication_pad1d(series, {0, options_.stride}) : series;
  const auto patches = padded.unfold(-1, options_.patch_len, options_.stride).flatten(0, 1);  // [b c, n, patch]
  return options_.dropout(patch_(patches) + position_, is_training());
}

at::Tensor Backbone::head_of(const at::Tensor& features) {
  if (!options_.individual) return options_.head_dropout(heads_[0](features), is_training());
  std::vector<at::Tensor> forecasts;
  for (std::size_t c = 0; c < heads_.size(); ++c)
    forecasts.push_back(heads_[c](features.select(1, static_cast<std::int64_t>(c))));
  return options_.head_dropout(at::stack(forecasts, 1), is_training());
}

}  // namespace longwave::patchtst
