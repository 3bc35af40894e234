#include "longwave/kernels/selective_scan.h"

#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

struct Given {
  bool gate, ends, others;  // ends: initial state, gradient of the last one, lengths; others: skip, bias, softplus
};

/// The last `width` numbers of every step.
Steps<const float> last_of_steps(const Numbers& x, std::int64_t b, std::int64_t t, std::int64_t width) {
  const auto stride = static_cast<std::int64_t>(x.size()) / (b * t);
  return {x.data() + stride - width, t * stride, stride};
}

/// `s` with its sizes; its tensors are made here.
Results selective_scan_results(SelectiveScan<float> s, const Given& given, Form form) {
  const auto sequence = s.b * s.t * s.d, planes = s.planes(), of_groups = s.groups * planes;
  const auto grouped = s.b * s.t * of_groups, state = s.b * planes * s.d;
  const auto lengths = given.ends ? testing::some_lengths(s.b, s.t) : std::vector(static_cast<std::size_t>(s.b), s.t);
  Random random;
  const auto steps = [&](std::int64_t width) {
    return testing::ending_at(lengths, s.t, random.numbers(s.b * s.t * (width + (given.others ? 3 : 0))));
  };
  const auto u = steps(s.d), z = steps(s.d), b_in = steps(of_groups), c_out = steps(of_groups);
  const auto dy = testing::ending_at(lengths, s.t, random.numbers(sequence));
  auto delta = steps(s.d), a = random.numbers(planes * s.d);
  if (!given.others)
    for (auto& x : delta) x *= x / 4;
  for (std::int64_t i = 0; i < s.n * s.d; ++i)
    a[static_cast<std::size_t>(i)] = -std::exp(a[static_cast<std::size_t>(i)]);
  const auto skip = random.numbers(s.d), bias = random.numbers(s.d);
  const auto h_init = random.numbers(state), dh_last = random.numbers(state);
  s.u = last_of_steps(u, s.b, s.t, s.d), s.delta = last_of_steps(delta, s.b, s.t, s.d);
  s.b_in = last_of_steps(b_in, s.b, s.t, of_groups), s.c_out = last_of_steps(c_out, s.b, s.t, of_groups);
  if (given.gate) s.z = last_of_steps(z, s.b, s.t, s.d);
  s.a = a.data(), s.softplus = given.others;
  if (given.others) s.skip = skip.data(), s.delta_bias = bias.data();
  if (given.ends) s.h_init = h_init.data(), s.lengths = lengths.data();

  auto y = unwritten(sequence), alone = y, h_last = unwritten(state), h_alone = h_last;
  auto boundaries = unwritten(s.b * selective_scan_chunks(s.t) * planes * s.d);
  auto du = y, ddelta = y, dz = given.gate ? y : Numbers(), db = unwritten(grouped), dc = db;
  auto da = unwritten(planes * s.d), dskip = unwritten(s.d), dbias = dskip, dh_init = h_last;
  const SelectiveScanOut<float> out{y.data(), h_last.data(), boundaries.data()};
  const SelectiveScanOut<float> out_alone{alone.data(), h_alone.data(), nullptr};
  const Workspace workspace(selective_scan_grad_workspace(s));
  const SelectiveScanGrad<float> g{.dy = dy.data(),
                                   .dh_last = given.ends ? dh_last.data() : nullptr,
                                   .boundaries = boundaries.data(),
                                   .du = du.data(),
                                   .ddelta = ddelta.data(),
                                   .dz = given.gate ? dz.data() : nullptr,
                                   .db = db.data(),
                                   .dc = dc.data(),
                                   .da = da.data(),
                                   .dskip = dskip.data(),
                                   .dbias = dbias.data(),
                                   .dh_init = dh_init.data(),
                                   .workspace = workspace};
  if (form == Form::reference) {
    selective_scan_reference(s, out);
    selective_scan_reference(s, out_alone);
    selective_scan_grad_reference(s, g);
  } else {
    selective_scan(s, out);
    selective_scan(s, out_alone);
    selective_scan_grad(s, g);
  }
  return {y, alone, h_last, h_alone, du, ddelta, dz, db, dc, da, dskip, dbias, dh_init};
}

TEST(SelectiveScanKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, d, n, groups] : std::vector<std::array<std::int64_t, 5>>{{1, 1, 1, 1, 1},
                                                                                   {3, 5, 9, 2, 3},
                                                                                   {4, 17, 16, 3, 1},
                                                                                   {2, 33, 70, 5, 2},
                                                                                   {3, 50, 65, 16, 1},
                                                                                   {2, 3, 150, 4, 2}})
    for (const bool complex : {false, true})
      for (const auto& given : {Given{false, false, false}, Given{true, true, true}, Given{true, false, true},
                                Given{false, true, true}, Given{true, true, false}}) {
        SelectiveScan<float> s{};
        s.b = b, s.t = t, s.d = d, s.n = n, s.groups = groups, s.complex = complex;
        testing::expect_matches_reference([&](Form form) { return selective_scan_results(s, given, form); }, 2e-5,
                                          std::to_string(s.t) + " steps of " + std::to_string(s.d) + ", " +
                                              std::to_string(s.n) + " states" + (complex ? ", complex" : ""));
      }
}

}  // namespace
}  // namespace longwave::kernels
