// SAMoVAR: a linear transformer read as a mixture of vector autoregressions whose weights depend on the input.
// "Linear Transformers as VAR Models" (Lu and Yang 2025, arXiv 2502.07244), section 4.

#include "longwave/models/var_forecaster.h"
#include "longwave/nn/dropout_draw.h"
#include "longwave/ops/rms_norm.h"
#include "longwave/ops/var_attention.h"

namespace longwave {
namespace {

/// Query and value maps of one layer. There is no key map and no output map.
struct QueryValue final : Module {
  QueryValue(std::int64_t width, std::int64_t heads) {
    q_proj = register_module("q_proj", normal_linear(width, width));
    v_proj = register_module("v_proj", normal_linear(width, width));
    const auto norm = [&](const char* name) {
      return register_module(name, std::make_shared<Module>())
          ->register_parameter("weight", at::ones({heads, width / heads}));
    };
    q_norm = norm("q_norm");
    v_norm = norm("v_norm");
  }
  torch::nn::Linear q_proj{nullptr}, v_proj{nullptr};
  at::Tensor q_norm, v_norm;  // [h, e]
};

class Samovar final : public VarForecaster {
 public:
  struct Config : SegmentConfig {
    bool univariate = false;
    std::string predictor = "LinearAttention";
    static const FieldTable<Config>& fields();
  };

  Samovar(const ForecastSizes& sizes, const Config& config)
      : VarForecaster(segment_sizes(sizes, config), config, config.univariate) {
    attn_ = transformer().register_module("attn", std::make_shared<PartList<QueryValue>>());
    attn_->fill(sizes_.layers, [&] { return std::make_shared<QueryValue>(sizes_.width, sizes_.heads); });
  }

 private:
  /// All maps read the same observations, so they are one matrix product and one norm.
  struct Maps {
    at::Tensor weight, bias, norm;  // [2 layers d, d], [2 layers d], [2 layers h, e]: q, v of the first layer, ...
  };

  Maps maps() const {
    std::vector<at::Tensor> weights, biases, norms;
    for (const auto& layer : attn_->parts)
      for (const auto& [map, norm] : {std::pair{layer->q_proj, layer->q_norm}, {layer->v_proj, layer->v_norm}}) {
        weights.push_back(map->weight);
        biases.push_back(map->bias);
        norms.push_back(norm);
      }
    return {at::cat(weights), at::cat(biases), at::cat(norms)};
  }

  QueriesValues queries_values(const at::Tensor& x) override {
    const auto [weight, bias, norm] = maps();
    const auto unit = ops::rms_norm(at::linear(x, weight, bias), norm, kEps);  // per head
    const auto parts = unit.view({x.size(0), x.size(1), -1, sizes_.heads, sizes_.head_width()}).unbind(2);
    QueriesValues out;
    for (std::size_t i = 0; i < parts.size(); i += 2) {
      out.q.push_back(parts[i]);
      out.v.push_back(parts[i + 1]);
    }
    return out;
  }

  at::Tensor attend(const at::Tensor& stream, const ReadOut& read_out) override {
    if (trace) return VarForecaster::attend(stream, read_out);
    ops::VarAttentionOptions options;
    options.map_eps = kEps;
    for (std::int64_t layer = 0; layer < sizes_.layers; ++layer) {
      const DropoutDraw draw(dropout_, is_training());
      options.p = draw.p;
      options.keys.push_back(draw.key);
    }
    const auto [weight, bias, norm] = maps();
    return ops::var_attention(
        stream, {read_out.input_norm, weight, bias, norm, read_out.structural, read_out.output_norm}, options);
  }

  static constexpr double kEps = 1e-8;  // of the norms of queries and values
  std::shared_ptr<PartList<QueryValue>> attn_;
};

const FieldTable<Samovar::Config>& Samovar::Config::fields() {
  static const auto table =
      segment_fields<Config>()
          .add("univariate", &Config::univariate, "every channel sees only itself")
          .add("predictor", &Config::predictor, "where the VAR weights come from", one_of({"LinearAttention"}));
  return table;
}

const RegisterForecaster<Samovar> registered({.name = "samovar",
                                              .title = "SAMoVAR",
                                              .summary = "linear transformer aligned with a mixture of VAR models",
                                              .source = "Lu and Yang 2025, arXiv 2502.07244",
                                              .system_ids = {"samovar"}});

}  // namespace
}  // namespace longwave
