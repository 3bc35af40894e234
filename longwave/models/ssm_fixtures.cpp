// Fixtures of the parts that state-space mixers are made of: HiPPO matrices, kernels, long convolutions.

#include <ATen/ATen.h>

#include "longwave/models/gradient_fixture.h"
#include "longwave/nn/hippo.h"
#include "longwave/ops/cauchy.h"
#include "longwave/ops/fft_convolution.h"
#include "longwave/ops/vandermonde.h"

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

const RegisterComputedFixture cauchy_fixtures({"cauchy_kernel"}, [](const TensorMap& in, const TensorMap&,
                                                                    const Json&) {
  const auto number = [&](const char* name) { return at::view_as_complex(in.at(name)); };
  const auto r = ops::cauchy_kernel(number("v").unsqueeze(0), number("z"), number("poles"));
  return FixtureRun{{{"y", at::view_as_real(r[0])}}, {}};
});

const RegisterComputedFixture vandermonde_fixtures({"vandermonde_kernel"}, [](const TensorMap& in, const TensorMap&,
                                                                              const Json& config) {
  const auto k = ops::vandermonde_kernel(at::view_as_complex(in.at("v")).unsqueeze(0), at::view_as_complex(in.at("x")),
                                         config.at("L").get<std::int64_t>());
  return FixtureRun{{{"y", k[0]}}, {}};
});

const RegisterComputedFixture convolution_fixtures({"fftconv"}, [](const TensorMap& in, const TensorMap& param,
                                                                   const Json& config) {
  const auto kind = config.at("kind").get<std::string>();
  ops::ConvolutionParts parts{.skip = param.at("D").unsqueeze(0)};
  if (kind != "causal") parts.reverse = in.at("k1").unsqueeze(0);
  parts.lag = kind == "bidir_mega" ? 0 : 1;
  const auto y = ops::fft_convolution(in.at("u").transpose(1, 2), in.at("k0").unsqueeze(0), parts);
  return FixtureRun{{{"y", y.transpose(1, 2)}}, {}};
});

}  // namespace
}  // namespace longwave
