// Informer: an encoder-decoder in which only the queries that stand out on sampled keys attend.
// "Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting" (Zhou et al. 2021).

#include "longwave/models/encoder_decoder.h"
#include "longwave/nn/prob_attention.h"

namespace longwave {
namespace {

class Informer final : public EncoderDecoder {
 public:
  struct Config : EncoderDecoderOptions {
    Config() { distil = true; }
    std::int64_t factor = 5;
    static const FieldTable<Config>& fields();
  };

  Informer(const ForecastSizes& sizes, const Config& config) : factor_(config.factor) {
    build(sizes, config, [&](bool causal) { return attention(causal, {config.dropout, &random}); });
  }

  ForecastOutput forward(const ForecastInput& in) override {
    calls_ = 0;
    fixed_ = RandomStream{};
    choices_ = &in.choices;
    auto out = EncoderDecoder::forward(in);
    choices_ = nullptr;
    return out;
  }

 private:
  AttentionLayer::Inner attention(bool causal, Dropout dropout) {
    return [this, causal, dropout](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool training) {
      const auto sample = key_sample(q.size(2), k.size(2));
      return prob_attention(q, k, v, sample, prob_count(factor_, q.size(2)), causal, dropout, training);
    };
  }

  /// The sampled keys of this call of attention: imposed from outside, or drawn.
  at::Tensor key_sample(std::int64_t queries, std::int64_t keys) {
    const auto name = "index_sample." + std::to_string(calls_++);
    if (const auto given = choices_->find(name); given != choices_->end()) {
      const auto& sample = given->second;
      check(sample.dim() == 2 && sample.size(0) == queries, "informer: ", name, " has ", sample.size(0),
            " rows; expected one a query, ", queries);
      return sample;
    }
    auto sample = draw_key_sample(queries, prob_count(factor_, keys), keys, is_training() ? random : fixed_);
    note(name, sample);
    return sample;
  }

  std::int64_t factor_, calls_ = 0;
  RandomStream fixed_;                  // of evaluation: the same window always gets the same forecast
  const TensorMap* choices_ = nullptr;  // of the current forward
};

const FieldTable<Informer::Config>& Informer::Config::fields() {
  static const auto table =
      encoder_decoder_fields<Config>()
          .add("factor", &Config::factor, "sampled keys and attending queries: factor * ceil(ln steps) (published: 5)",
               at_least<std::int64_t>(1))
          .add<bool>("distil", &Config::distil, "halve the steps between encoder layers")
          .add<std::int64_t>("embed_type", &Config::embed_type, kEmbedTypes, between<std::int64_t>(0, 4));
  return table;
}

const RegisterForecaster<Informer> registered({.name = "informer",
                                               .title = "Informer",
                                               .summary = "encoder-decoder with ProbSparse attention and distilling",
                                               .source = "Zhou et al. 2021, arXiv 2012.07436",
                                               .system_ids = {"informer"}});

}  // namespace
}  // namespace longwave
