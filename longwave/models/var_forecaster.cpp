#include "longwave/models/var_forecaster.h"

#include "longwave/ops/causal_linear_attention.h"
#include "longwave/ops/rms_norm.h"

namespace longwave {

VarForecaster::VarForecaster(const SegmentSizes& sizes, const SegmentConfig& config, bool univariate)
    : SegmentForecaster(sizes, config, univariate) {
  const auto d = sizes.width, j = sizes.targets, t = sizes.tokens(), layers = sizes.layers;
  const auto small = [](at::IntArrayRef shape) { return at::randn(shape) * 0.02; };
  const auto norm = [d] { return std::make_shared<RmsNorm>(d); };
  pos_emb_ = register_module("pos_emb", std::make_shared<Module>());
  segment_emb_ = pos_emb_->register_parameter("weight", small({t, d}));  // only the first n rows are ever read
  kind_emb_ = register_parameter("pos_emb_2", small({1, 1, 2, d}));
  channel_emb_ = register_parameter("channel_emb", small({1, j, t, d}));
  channel_kind_emb_ = register_parameter("channel_emb_pos", small({1, j, 2, d}));
  pre_norm_ = register_module("pre_norm", norm());
  final_norm_ = register_module("final_norm", norm());
  transformer_ = register_module("transformer", std::make_shared<Module>());
  // The reference keeps norms that it never uses; they are here so that its checkpoints load.
  transformer_->register_module("pns", std::make_shared<PartList<RmsNorm>>())->fill(layers, norm);
  lns_ = transformer_->register_module("lns", std::make_shared<PartList<RmsNorm>>());
  lns_->fill(layers, norm);
  mlps_ = transformer_->register_module("mlps", std::make_shared<PartList<Mlp>>());
  mlps_->fill(layers, [&] { return std::make_shared<Mlp>(d, layers); });
  var_input_norm_ = transformer_->register_module("VAR_input_norm", norm());
  structural_ =
      transformer_->register_module("generate_S", std::make_shared<StructuralMatrix>(sizes.heads, sizes.head_width()));
}

at::Tensor VarForecaster::positions() const {
  const auto n = sizes_.segments, d = sizes_.width, j = sizes_.targets;
  const auto all = segment_emb_.narrow(0, 0, n).view({1, n, 1, d}) + channel_emb_.view({j, n, 2, d}) +
                   kind_emb_.view({1, 1, 2, d}) + channel_kind_emb_.view({j, 1, 2, d});
  return all.view({j, 2 * n, d});
}

at::Tensor VarForecaster::stream(const at::Tensor& segments) {
  auto x = tokens(segments, positions(), *pre_norm_);
  note("tokens", x);
  x = x.view({-1, sizes_.tokens(), sizes_.width});
  for (std::int64_t layer = 0; layer < sizes_.layers; ++layer)
    x = mlp_block(x, (*lns_)[layer], (*mlps_)[layer], dropout_, is_training());
  return x;
}

at::Tensor VarForecaster::attend(const at::Tensor& stream, const ReadOut& read_out) {
  const auto x = ops::rms_norm(stream, read_out.input_norm);
  note("var_input", x);
  const auto folded = x.size(0), t = sizes_.tokens(), n = sizes_.segments, h = sizes_.heads, e = sizes_.head_width();
  const auto [q, v] = queries_values(x);
  std::vector<at::Tensor> keys;
  auto k = x.view({folded, t, h, e});
  at::Tensor total;  // over layers, at the main tokens: [b j, n, h, e]
  for (std::int64_t layer = 0; layer < sizes_.layers; ++layer) {
    if (trace) keys.push_back(k);
    // Keys and read-out both see the dropout: training losses then follow the reference's to the third digit.
    k = dropout_(ops::causal_linear_attention(q[layer], k, v[layer]), is_training());
    note("attn_out." + std::to_string(layer), k.reshape({folded, t, sizes_.width}));
    const auto main = k.reshape({folded, n, 2, h, e}).select(2, 1);
    total = total.defined() ? total + main : main;
  }
  if (trace) {
    note("q", at::stack(q));
    note("k", at::stack(keys));
    note("v", at::stack(v));
  }
  // One product a head, not one a token: rows of all tokens [h, b j n, e] times [h, e, e].
  const auto mixed =
      at::bmm(total.reshape({-1, h, e}).transpose(0, 1), read_out.structural).transpose(0, 1).reshape({folded, n, -1});
  const auto main = x.view({folded, n, 2, h * e}).select(2, 1) + mixed;
  note("final_in", main);
  return ops::rms_norm(main, read_out.output_norm);
}

at::Tensor VarForecaster::encode(const at::Tensor& segments) {
  const auto structural = structural_->forward();
  note("S", structural);
  const auto main = attend(stream(segments), {var_input_norm_->weight, structural, final_norm_->weight});
  note("final", main);
  return main;
}

}  // namespace longwave
