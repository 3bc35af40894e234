// FixedVAR: SAMoVAR with constant queries and values, that is, a VAR whose weights do not depend on the input.
// "Linear Transformers as VAR Models" (Lu and Yang 2025, arXiv 2502.07244), section 5.

#include "longwave/models/var_forecaster.h"

namespace longwave {
namespace {

constexpr std::int64_t kMaxTokens = 128;  // rows of the reference's tables

/// Queries and values of one layer by channel and token, [1, j, 128, h, e].
struct FixedQueryValue final : Module {
  FixedQueryValue(std::int64_t targets, std::int64_t heads, std::int64_t head_width) {
    const auto table = [&](const char* name) {
      return register_parameter(name, at::randn({1, targets, kMaxTokens, heads, head_width}) * 0.02);
    };
    fixed_q = table("fixed_q");
    fixed_v = table("fixed_v");
  }
  at::Tensor fixed_q, fixed_v;
};

class FixedVar final : public VarForecaster {
 public:
  struct Config : SegmentConfig {
    bool univariate = false;
    std::string predictor = "FixedVAR";
    static const FieldTable<Config>& fields();
  };

  FixedVar(const ForecastSizes& sizes, const Config& config)
      : VarForecaster(segment_sizes(sizes, config), config, config.univariate) {
    check(sizes_.tokens() <= kMaxTokens, "fixedvar: a lookback of ", sizes_.lookback, " with horizon ", sizes_.horizon,
          " makes ", sizes_.segments, " segments; expected at most ", kMaxTokens / 2, ": shorten the lookback");
    attn_ = transformer().register_module("attn", std::make_shared<PartList<FixedQueryValue>>());
    attn_->fill(sizes_.layers,
                [&] { return std::make_shared<FixedQueryValue>(sizes_.targets, sizes_.heads, sizes_.head_width()); });
  }

 private:
  QueriesValues queries_values(const at::Tensor& x) override {
    const auto batch = x.size(0) / sizes_.targets;
    const auto spread = [&](const at::Tensor& table) {
      return table.narrow(2, 0, sizes_.tokens())
          .expand({batch, -1, -1, -1, -1})
          .reshape({x.size(0), sizes_.tokens(), sizes_.heads, sizes_.head_width()});
    };
    QueriesValues out;
    for (const auto& layer : attn_->parts) {
      out.q.push_back(spread(layer->fixed_q));
      out.v.push_back(spread(layer->fixed_v));
    }
    return out;
  }

  std::shared_ptr<PartList<FixedQueryValue>> attn_;
};

const FieldTable<FixedVar::Config>& FixedVar::Config::fields() {
  static const auto table =
      segment_fields<Config>()
          .add("univariate", &Config::univariate, "every channel sees only itself")
          .add("predictor", &Config::predictor, "where the VAR weights come from", one_of({"FixedVAR"}));
  return table;
}

const RegisterForecaster<FixedVar> registered({.name = "fixedvar",
                                               .title = "FixedVAR",
                                               .summary = "SAMoVAR with VAR weights that do not depend on the input",
                                               .source = "Lu and Yang 2025, arXiv 2502.07244",
                                               .system_ids = {"fixedvar"}});

}  // namespace
}  // namespace longwave
