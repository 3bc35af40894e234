// Fixtures of the scan operators and of what they are built on.

#include <ATen/ATen.h>

#include "longwave/models/gradient_fixture.h"
#include "longwave/nn/discretize.h"
#include "longwave/ops/linear_scan.h"
#include "longwave/ops/selective_scan.h"

namespace longwave {
namespace {

using at::Tensor;

/// Time is their last axis, ours the middle one. Complex numbers have an axis of 2 behind all others.
FixtureRun run_linear_scan(const TensorMap& in, const TensorMap&, const Json&) {
  const auto found = in.find("h0");
  auto h0 = found == in.end() ? Tensor() : found->second;
  if (in.at("a").dim() == 3)
    return {{{"y", ops::linear_scan(in.at("a").transpose(1, 2), in.at("b").transpose(1, 2), h0).transpose(1, 2)}}, {}};
  if (h0.defined()) h0 = at::view_as_complex(h0);
  const auto steps = [&](const char* name) { return at::view_as_complex(in.at(name)).transpose(1, 2); };
  return {{{"y", at::view_as_real(ops::linear_scan(steps("a"), steps("b"), h0).transpose(1, 2))}}, {}};
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

/// Time is the last axis there: [b, d, t], B and C [b, n, t] or [b, g, n, t]. Complex numbers have an axis of 2 behind
/// all others; those of B and C that depend on time lie side by side along it.
FixtureRun run_selective_scan(const TensorMap& in, const TensorMap& param, const Json& config) {
  const auto find = [&](const std::string& name) {
    for (const auto* map : {&in, &param})
      if (const auto found = map->find(name); found != map->end()) return found->second;
    return Tensor();
  };
  const auto& u = in.at("u");
  const bool complex = find("A").dim() == 3;
  const auto number = [&](const std::string& name) {
    const auto x = find(name);
    return x.defined() && complex ? at::view_as_complex(x.contiguous()) : x;
  };
  const auto steps = [&](const std::string& name) {
    const auto x = find(name);
    return x.defined() ? x.transpose(1, 2) : x;
  };
  const auto maps = [&](const std::string& name) {
    auto x = find(name);
    const bool constant = x.sizes() == find("A").sizes();  // one that does not depend on the input
    if (complex) x = at::view_as_complex((constant ? x : x.unflatten(-1, {-1, 2})).contiguous());
    if (constant) return x.expand({u.size(0), u.size(2), x.size(0), x.size(1)});
    return x.dim() == 3 ? x.transpose(1, 2) : x.permute({0, 3, 1, 2});
  };
  const auto B = maps("B"), C = maps("C");
  // Maps of as many groups as the other one has, which may be constant and so one of every channel.
  const auto grouped_like = [](const Tensor& other, Tensor x) {
    if (other.dim() == 3) return x;
    if (x.dim() == 3) x = x.unsqueeze(2);
    return x.size(2) < other.size(2) ? x.repeat_interleave(other.size(2) / x.size(2), 2) : x;
  };
  const auto [y, state] = ops::selective_scan({.u = steps("u"),
                                               .delta = steps("delta"),
                                               .A = number("A"),
                                               .B = grouped_like(C, B),
                                               .C = grouped_like(B, C),
                                               .D = find("D"),
                                               .z = steps("z"),
                                               .delta_bias = find("delta_bias"),
                                               .delta_softplus = config.value("delta_softplus", false),
                                               .state = number("h0"),
                                               .lengths = {}});
  return {{{"y", y.transpose(1, 2)}, {"last_state", complex ? at::view_as_real(state.resolve_conj()) : state}}, {}};
}

const RegisterComputedFixture selective_scan({"selective_scan"}, run_selective_scan);
const RegisterComputedFixture linear_scan({"linear_scan"}, run_linear_scan);
const RegisterComputedFixture discretized({"discretize_diag"}, run_discretize);

}  // namespace
}  // namespace longwave
