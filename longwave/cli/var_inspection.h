#pragma once

#include "longwave/base/fields.h"
#include "longwave/models/forecaster.h"
#include "longwave/models/var_weights.h"

namespace longwave {

/// The vector autoregression that a trained SAMoVAR or FixedVAR is for one window and one series. Shape letters as in
/// var_weights.h; tokens are 2 segment + (0 exogenous, 1 main).
struct VarInspection {
  std::string run, model, split, channel;
  std::int64_t window = 0, lookback = 0, horizon = 0, segments = 0;
  at::Tensor input, forecast, truth;  // of the series, scaled: [l], [p], [p]
  VarWeights weights;                 // of the last token; n = 1
  at::Tensor structural;              // S, [h, e, e]
  at::Tensor data_space;              // [t, r, r]: phi seen through the output map, averaged to cells
  at::Tensor contributions;           // Frobenius norm of S^T B^(l)_{t,j}: [m, t]
  InfluencePaths paths;

  std::int64_t tokens() const { return 2 * segments; }
  bool is_main(std::int64_t token) const { return token % 2 == 1; }
  /// 0: the last observed segment.
  std::int64_t segments_back(std::int64_t token) const { return segments - 1 - token / 2; }
};

/// Runs one window x [1, l, c] (in `in`) through the model and reads its weights for target channel `target`.
/// UserError if the model is no mixture of VAR models.
VarInspection inspect_window(Forecaster& model, const ForecastInput& in, std::int64_t target, std::int64_t horizon,
                             std::int64_t paths);

Json to_json(const VarInspection& inspection);

}  // namespace longwave
