// Fixtures of the scan operators and of what they are built on.

#include <ATen/ATen.h>

#include "longwave/models/gradient_fixture.h"
#include "longwave/nn/discretize.h"
#include "longwave/ops/linear_scan.h"

namespace longwave {
namespace {

using at::Tensor;

/// Time is their last axis, ours the middle one.
FixtureRun run_linear_scan(const TensorMap& in, const TensorMap&, const Json&) {
  const auto h0 = in.find("h0");
  const auto h =
      ops::linear_scan(in.at("a").transpose(1, 2), in.at("b").transpose(1, 2), h0 == in.end() ? Tensor() : h0->second);
  return {{{"y", h.transpose(1, 2)}}, {}};
}

FixtureRun run_discretize(const TensorMap& in, const TensorMap&, const Json&) {
  const auto A = at::view_as_complex(in.at("A")), B = at::view_as_complex(in.at("B"));
  const auto dt = in.at("log_dt").exp();
  const auto zoh = discretize_zoh(A, B, dt), bilinear = discretize_bilinear(A, B, dt);
  const std::vector<Tensor> parts{zoh.a, zoh.b, bilinear.a, bilinear.b};
  const std::vector<std::string> names{"dA_zoh", "dB_zoh", "dA_bilinear", "dB_bilinear"};
  FixtureRun run;
  std::vector<Tensor> columns;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    run.out[names[i]] = at::view_as_real(parts[i]);
    columns.push_back(run.out[names[i]].flatten(-2));
  }
  run.out["y"] = at::cat(columns, -1);
  return run;
}

const RegisterComputedFixture linear_scan({"linear_scan"}, run_linear_scan);
const RegisterComputedFixture discretized({"discretize_diag"}, run_discretize);

}  // namespace
}  // namespace longwave
