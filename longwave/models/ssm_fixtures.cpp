// Fixtures of the parts that state-space mixers are made of: HiPPO matrices, kernels, long convolutions.

#include <ATen/ATen.h>

#include "longwave/models/fixture.h"
#include "longwave/nn/hippo.h"

namespace longwave {
namespace {

constexpr double kStored = 2e-7;  // the rounding of the stored numbers

at::Tensor complex_of(const Fixture& fixture, const std::string& name) {
  return at::view_as_complex(fixture.tensor(name).to(at::kDouble));
}

/// Eigenvectors are unique up to a phase: ours are turned to the fixture's before anything is compared.
void compare_hippo(const Fixture& fixture, const FixtureOptions&, FixtureReport& report) {
  const auto n = fixture.config.at("N").get<std::int64_t>();
  const auto system = hippo("legs", n);
  const auto parts = normal_plus_low_rank("legs", n);
  const auto overlap = (parts.v.conj() * complex_of(fixture, "out.V")).sum(0);
  const auto phase = overlap / overlap.abs();
  const auto b = parts.b * phase.conj(), p = parts.p[0] * phase.conj();
  const auto compare = [&](const std::string& name, const at::Tensor& got) {
    report.compare("out." + name, at::is_complex(got) ? at::view_as_real(got.resolve_conj()) : got,
                   fixture.tensor("out." + name), kStored);
  };
  compare("A", system.a);
  compare("B", system.b);
  compare("p_lowrank", system.low_rank[0]);
  compare("Lambda", parts.lambda);
  compare("V", parts.v * phase);
  compare("P", p);
  compare("B_tilde", b);
  compare("B_tilde_clip2", clip_imaginary(b, 2));
  compare("conjP_times_B", p.conj() * b);
}

const RegisterFixtureCheck hippo_fixtures({
    [](const Fixture& fixture) { return fixture.system_id == "hippo_legs"; },
    compare_hippo,
});

}  // namespace
}  // namespace longwave
