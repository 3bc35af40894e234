// PatchTST: each series alone, cut in patches, through a transformer encoder.
// "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers" (Nie et al. 2023).

#include "longwave/models/patchtst_backbone.h"
#include "longwave/models/targets.h"
#include "longwave/nn/moving_average.h"

namespace longwave {
namespace {

class PatchTst final : public Forecaster {
 public:
  struct Config {
    std::int64_t d_model = 16, n_heads = 4, e_layers = 3, d_ff = 128;
    double dropout = 0.3, head_dropout = 0;
    std::int64_t patch_len = 16, stride = 8;
    std::string padding_patch = "end";
    bool revin = true, affine = false, subtract_last = false, individual = false, decomposition = false;
    std::int64_t kernel_size = 25;
    static const FieldTable<Config>& fields();
  };

  PatchTst(const ForecastSizes& sizes, const Config& config) : sizes_(sizes), config_(config) {
    check(config.d_model >= config.n_heads, "model.d_model is ", config.d_model, "; expected at least n_heads (",
          config.n_heads, ")");
    const auto options = backbone_options();
    check(config.patch_len <= options.padded(), "model.patch_len is ", config.patch_len, "; expected at most ",
          options.padded(), ", the steps of the window and of its padding");
    if (config.decomposition) {
      trend_ = register_module("model_trend", std::make_shared<patchtst::Backbone>(options));
      main_ = register_module("model_res", std::make_shared<patchtst::Backbone>(options));
    } else {
      main_ = register_module("model", std::make_shared<patchtst::Backbone>(options));
    }
  }

  ForecastOutput forward(const ForecastInput& in) override {
    if (!trend_) return {target_channels(main_->forward(in.x), sizes_), {}};
    const auto [rest, trend] = decompose(in.x, config_.kernel_size);
    return {target_channels(main_->forward(rest) + trend_->forward(trend), sizes_), {}};
  }

 private:
  patchtst::BackboneOptions backbone_options() {
    patchtst::BackboneOptions options;
    options.lookback = sizes_.lookback, options.horizon = sizes_.horizon, options.channels = sizes_.channels;
    options.d_model = config_.d_model, options.n_heads = config_.n_heads;
    options.e_layers = config_.e_layers, options.d_ff = config_.d_ff;
    options.patch_len = config_.patch_len, options.stride = config_.stride;
    options.pad_end = config_.padding_patch == "end";
    options.revin = config_.revin, options.affine = config_.affine;
    options.subtract_last = config_.subtract_last, options.individual = config_.individual;
    options.dropout = {config_.dropout, &random}, options.head_dropout = {config_.head_dropout, &random};
    return options;
  }

  ForecastSizes sizes_;
  Config config_;
  std::shared_ptr<patchtst::Backbone> main_, trend_;
};

const FieldTable<PatchTst::Config>& PatchTst::Config::fields() {
  constexpr std::int64_t one = 1;
  static const auto table =
      FieldTable<Config>()
          .add("d_model", &Config::d_model, "width of a token (paper: 16 on ETTh, 128 on larger sets)", at_least(one))
          .add("n_heads", &Config::n_heads, "attention heads (paper: 4 on ETTh, 16 on larger sets)", at_least(one))
          .add("e_layers", &Config::e_layers, "encoder layers", at_least(one))
          .add("d_ff", &Config::d_ff, "hidden width of the feed-forward (paper: 128 on ETTh, 256 on larger sets)",
               at_least(one))
          .add("dropout", &Config::dropout, "of tokens, attention and feed-forward (paper: 0.3 on ETTh, else 0.2)",
               fraction())
          .add("head_dropout", &Config::head_dropout, "of the forecast", fraction())
          .add("patch_len", &Config::patch_len, "steps in a patch", at_least(one))
          .add("stride", &Config::stride, "steps from patch to patch", at_least(one))
          .add("padding_patch", &Config::padding_patch,
               "end: repeat the last value `stride` times, which makes one patch more; none: do not",
               one_of({"end", "none", "None"}))
          .add("revin", &Config::revin, "reversible instance normalisation of each window")
          .add("affine", &Config::affine, "learned scale and shift of each channel in that normalisation")
          .add("subtract_last", &Config::subtract_last, "normalise around the last value instead of the mean")
          .add("individual", &Config::individual, "one head for each channel instead of a shared one")
          .add("decomposition", &Config::decomposition, "one backbone for the trend and one for the remainder")
          .add("kernel_size", &Config::kernel_size, "window of the moving average of `decomposition`, in steps", odd());
  return table;
}

const RegisterForecaster<PatchTst> registered({.name = "patchtst",
                                               .title = "PatchTST",
                                               .summary = "transformer over the patches of each series alone",
                                               .source = "Nie et al. 2023, arXiv 2211.14730",
                                               .system_ids = {"patchtst"}});

}  // namespace
}  // namespace longwave
