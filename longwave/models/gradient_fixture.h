#pragma once

#include <functional>
#include <string>
#include <vector>

#include "longwave/models/fixture.h"

namespace longwave {

/// What one evaluation of a fixture gives.
struct FixtureRun {
  TensorMap out;                         // by the fixture's names without "out."; those with weights enter the loss
  std::function<void()> after_backward;  // moves gradients to the fixture's parameters, where they are not leaves
};

/// Evaluates with tensors of the fixture: in.* and param.* without these prefixes. `config` has the sizes of all of
/// them as `weights`, since some fixtures say what they are by these alone.
using FixtureCompute = std::function<FixtureRun(const TensorMap& in, const TensorMap& param, const Json& config)>;

/// Runs `compute` in float32 and in float64 and compares every out.* it returns and every stored gradient of the loss
/// sum(out.y * in.w), or of several outputs the sum of all sum(out.NAME * in.w.NAME), with respect to in.* and param.*.
/// Tolerances: section 30 of the state-space specification, that is relative to the largest number of a tensor 2e-5
/// forward (1e-4 beyond 4096 steps), 2e-5 for gradients, 1e-4 for those of step sizes and poles; in float64 the
/// rounding of the stored numbers, 2e-7. Fixtures that suggest a tolerance (section 0 of the attention specification):
/// 1e-4, in float64 1e-5.
void check_with_gradients(const Fixture& fixture, FixtureReport& report, const FixtureCompute& compute);

/// For FixtureRun::after_backward: the gradients of the module's weights, moved through `imported` (its weights as
/// differentiable functions of the fixture's parameters) to these.
void map_gradients(const Module& module, const TensorMap& imported);

/// At namespace scope: the fixtures of these system_ids are evaluated by `compute`.
struct RegisterComputedFixture {
  RegisterComputedFixture(std::vector<std::string> system_ids, FixtureCompute compute);
};

}  // namespace longwave
