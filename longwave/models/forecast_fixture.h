#pragma once

#include "longwave/models/fixture.h"
#include "longwave/models/forecaster.h"

namespace longwave {

/// Is there a forecaster that answers to the fixture's system_id?
bool has_forecaster(const Fixture& fixture);

/// The forecaster that a fixture is about: sizes from its tensors and config, the reference's weights, no dropout, in
/// the mode (train or eval) of its metadata. UserError if config or weights do not fit.
std::shared_ptr<Forecaster> build_forecaster(const Fixture& fixture);

/// Mean squared error over the scored channels, the last of `y`.
at::Tensor forecast_mse(const at::Tensor& forecast, const at::Tensor& y);

}  // namespace longwave
