#include "longwave/cli/var_inspection.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr std::int64_t kCells = 16;  // the most cells a side of a data-space map has

/// Nine significant digits: all that single precision knows.
Json numbers(const at::Tensor& x) {
  Json list = Json::array();
  if (x.dim() == 0) return std::stod(fmt::format("{:.9g}", x.item<double>()));
  if (x.dim() > 1) {
    for (std::int64_t i = 0; i < x.size(0); ++i) list.push_back(numbers(x[i]));
    return list;
  }
  const auto plain = x.to(at::kDouble).contiguous();
  for (std::int64_t i = 0; i < plain.numel(); ++i)
    list.push_back(std::stod(fmt::format("{:.9g}", plain.data_ptr<double>()[i])));
  return list;
}

at::Tensor averaged_to_cells(const at::Tensor& maps) {
  const auto cells = std::min(kCells, maps.size(-1));
  return at::adaptive_avg_pool2d(maps, {cells, cells});
}

Json path_json(const VarInspection& inspection, const InfluencePath& path) {
  Json steps = Json::array();
  for (const auto token : path.tokens)
    steps.push_back({{"token", token},
                     {"kind", inspection.is_main(token) ? "main" : "exogenous"},
                     {"segments_back", inspection.segments_back(token)}});
  return {{"hops", path.tokens.size() - 1}, {"weight", path.weight}, {"chain_by_head", path.chain}, {"steps", steps}};
}

}  // namespace

VarInspection inspect_window(Forecaster& model, const ForecastInput& in, std::int64_t target, std::int64_t horizon,
                             std::int64_t paths) {
  const at::NoGradGuard no_grad;
  TensorMap notes;
  model.eval();
  model.trace = &notes;
  const auto out = model.forward(in);
  model.trace = nullptr;
  const auto trace = var_trace(notes).narrow(target, 1);  // one window: series = target channels
  const auto last = trace.tokens() - 1;

  VarInspection result;
  result.lookback = in.x.size(1);
  result.horizon = horizon;
  result.segments = trace.tokens() / 2;
  result.input = in.x[0].select(1, in.x.size(2) - out.forecast.size(2) + target);
  result.forecast = out.forecast[0].select(1, target);
  result.weights = var_weights(trace, last);
  result.structural = trace.s;
  const auto output_map = model.state().at("tokenizer.tokenizer_output.weight");
  result.data_space = averaged_to_cells(to_data_space(result.weights.phi[0], output_map));
  result.contributions =
      at::matmul(trace.s.transpose(1, 2), result.weights.layers.select(1, 0)).square().sum({2, 3, 4}).sqrt();
  result.paths = influence_paths(trace, last, paths);
  return result;
}

Json to_json(const VarInspection& v) {
  Json json{{"run", v.run},
            {"model", v.model},
            {"split", v.split},
            {"window", v.window},
            {"channel", v.channel},
            {"lookback", v.lookback},
            {"horizon", v.horizon},
            {"segments", v.segments},
            {"heads", v.structural.size(0)},
            {"head_width", v.structural.size(1)}};
  Json tokens = Json::array();
  for (std::int64_t t = 0; t < v.tokens(); ++t)
    tokens.push_back({{"kind", v.is_main(t) ? "main" : "exogenous"}, {"segments_back", v.segments_back(t)}});
  json["tokens"] = tokens;
  json["structural_matrix"] = numbers(v.structural);
  json["phi"] = numbers(v.weights.phi[0]);
  json["layers"] = numbers(v.weights.layers.select(1, 0));
  json["layer_norms"] = numbers(v.contributions);
  json["data_space"] = numbers(v.data_space);
  json["paths_complete"] = v.paths.complete;
  json["paths"] = Json::array();
  for (const auto& path : v.paths.paths) json["paths"].push_back(path_json(v, path));
  json["input"] = numbers(v.input);
  json["forecast"] = numbers(v.forecast);
  json["truth"] = numbers(v.truth);
  return json;
}

}  // namespace longwave
