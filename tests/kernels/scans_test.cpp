#include "longwave/kernels/diagonal_scan.h"
#include "longwave/kernels/diagonal_ssm.h"
#include "longwave/kernels/dplr_recurrence.h"
#include "longwave/kernels/linear_scan.h"
#include "longwave/kernels/shift_steps.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::ending_at;
using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::some_lengths;
using testing::unwritten;
using testing::Workspace;

/// T: float, or complex as pairs of floats.
template <class T>
Results linear_scan_results(std::int64_t b, std::int64_t t, std::int64_t d, bool initial, Form form) {
  constexpr std::int64_t kParts = sizeof(T) / sizeof(float);
  Random random;
  const auto sequence = kParts * b * t * d, state = kParts * b * d;
  const auto a = random.numbers(sequence, 0.6), u = random.numbers(sequence), h_init = random.numbers(state);
  const auto dh = random.numbers(sequence);
  auto h = unwritten(sequence), da = h, du = h, dh_init = unwritten(state);
  const auto in = [](const Numbers& x) { return reinterpret_cast<const T*>(x.data()); };
  const auto out = [](Numbers& x) { return reinterpret_cast<T*>(x.data()); };
  const T* before = initial ? in(h_init) : nullptr;
  const LinearScan<T> s{in(a), in(u), before, out(h), b, t, d};
  const LinearScanGrad<T> g{in(a), in(h), before, in(dh), out(da), out(du), out(dh_init), b, t, d};
  if (form == Form::reference) {
    linear_scan_reference(s);
    linear_scan_grad_reference(g);
  } else {
    linear_scan(s);
    linear_scan_grad(g);
  }
  return {h, da, du, dh_init};
}

TEST(LinearScanKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, d] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {2, 5, 3}, {3, 21, 16}, {2, 40, 33}, {1, 9, 257}, {2, 3, 600}})
    for (const bool initial : {false, true})
      for (const bool complex : {false, true})
        testing::expect_matches_reference(
            [&, b = b, t = t, d = d](Form form) {
              return complex ? linear_scan_results<std::complex<float>>(b, t, d, initial, form)
                             : linear_scan_results<float>(b, t, d, initial, form);
            },
            1e-5, std::to_string(t) + " steps of " + std::to_string(d) + (complex ? ", complex" : ""));
}

/// `s` with its sizes and direction; its tensors are made here. all: with an initial state and lengths.
Results diagonal_scan_results(DiagonalScan<float> s, bool all, Form form) {
  const auto sequence = s.b * s.t * 2 * s.n, state = s.b * 2 * s.n;
  const auto lengths = all ? some_lengths(s.b, s.t) : std::vector(static_cast<std::size_t>(s.b), s.t);
  Random random;
  const auto pole = random.numbers(2 * s.n, 0.4), h_init = random.numbers(state), dh_last = random.numbers(state);
  const auto u = ending_at(lengths, s.t, random.numbers(sequence));
  const auto dh = ending_at(lengths, s.t, random.numbers(sequence));
  auto h = unwritten(sequence), h_last = unwritten(state);
  auto du = h, dpole = unwritten(2 * s.n), dh_init = h_last;
  s.pole = pole.data(), s.u = u.data();
  s.h_init = all ? h_init.data() : nullptr, s.lengths = all ? lengths.data() : nullptr;
  const Workspace workspace(state);
  const DiagonalScanGrad<float> g{h.data(),     dh.data(),      dh_last.data(), du.data(),
                                  dpole.data(), dh_init.data(), workspace};
  if (form == Form::reference) {
    diagonal_scan_reference(s, h.data(), h_last.data());
    diagonal_scan_grad_reference(s, g);
  } else {
    diagonal_scan(s, h.data(), h_last.data());
    diagonal_scan_grad(s, g);
  }
  return {h, h_last, du, dpole, dh_init};
}

TEST(DiagonalScanKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, n] : std::vector<std::array<std::int64_t, 3>>{
           {1, 1, 1}, {3, 5, 7}, {4, 33, 16}, {2, 20, 65}, {3, 7, 129}, {2, 3, 300}})
    for (const bool reverse : {false, true})
      for (const bool all : {false, true}) {
        DiagonalScan<float> s{};
        s.b = b, s.t = t, s.n = n, s.reverse = reverse;
        testing::expect_matches_reference([&](Form form) { return diagonal_scan_results(s, all, form); }, 1e-5,
                                          std::to_string(s.t) + " steps of " + std::to_string(s.n));
      }
}

/// `s` with its sizes and kind; its tensors are made here. all: with an initial state and lengths.
Results diagonal_ssm_results(DiagonalSsm<float> s, bool all, Form form) {
  const auto sequence = s.b * s.t * s.d, coefficients = s.coefficients(), state = s.b * coefficients;
  const auto lengths = all ? some_lengths(s.b, s.t) : std::vector(static_cast<std::size_t>(s.b), s.t);
  Random random;
  const auto x = ending_at(lengths, s.t, random.numbers(sequence));
  const auto dy = ending_at(lengths, s.t, random.numbers(sequence));
  const auto a = random.numbers(coefficients, 0.4), b_in = random.numbers(coefficients, s.liquid ? 0.2 : 1);
  const auto c_out = random.numbers(coefficients), h_init = random.numbers(state), dh_last = random.numbers(state);
  auto y = unwritten(sequence), h_last = unwritten(state), dx = y, dh_init = h_last;
  auto da = unwritten(coefficients), db = da, dc = da;
  s.x = x.data(), s.a = a.data(), s.b_in = b_in.data(), s.c_out = c_out.data();
  s.h_init = all ? h_init.data() : nullptr, s.lengths = all ? lengths.data() : nullptr;
  const Workspace workspace(diagonal_ssm_grad_workspace(s));
  const DiagonalSsmGrad<float> g{dy.data(), dh_last.data(), dx.data(),      da.data(),
                                 db.data(), dc.data(),      dh_init.data(), workspace};
  if (form == Form::reference) {
    diagonal_ssm_reference(s, y.data(), h_last.data());
    diagonal_ssm_grad_reference(s, g);
  } else {
    diagonal_ssm(s, y.data(), h_last.data());
    diagonal_ssm_grad(s, g);
  }
  return {y, h_last, dx, da, db, dc, dh_init};
}

TEST(DiagonalSsmKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, t, d, n] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 1, 1}, {3, 5, 7, 2}, {4, 33, 16, 3}, {2, 70, 17, 5}, {3, 31, 40, 16}, {2, 32, 9, 7}})
    for (const int planes : {1, 2})
      for (const bool liquid : {false, true})
        for (const bool reverse : {false, true})
          for (const bool all : {false, true}) {
            DiagonalSsm<float> s{};
            s.b = b, s.t = t, s.d = d, s.n = n, s.planes = planes, s.liquid = liquid, s.reverse = reverse;
            testing::expect_matches_reference(
                [&](Form form) { return diagonal_ssm_results(s, all, form); }, 2e-5,
                std::to_string(s.t) + " steps of " + std::to_string(s.d) + ", planes " + std::to_string(planes));
          }
}

/// `s` with its sizes; its tensors are made here. The transition contracts.
Results dplr_recurrence_results(DplrRecurrence<float> s, bool ends, Form form) {
  const auto planes = 2 * s.plane();
  const auto lengths = ends ? some_lengths(s.rows, s.t) : std::vector(static_cast<std::size_t>(s.rows), s.t);
  Random random;
  const auto x = ending_at(lengths, s.t, random.numbers(s.rows * s.t * s.d));
  auto g = random.numbers(planes, 0.3);
  for (std::int64_t i = 0; i < s.plane(); ++i) g[static_cast<std::size_t>(i)] -= 1;
  const auto low = 0.2 / static_cast<double>(s.n);
  const auto b = random.numbers(planes), p = random.numbers(s.r * planes, low), q = random.numbers(s.r * planes, low);
  const auto c = random.numbers(s.m * planes), before = random.numbers(s.rows * planes);
  auto y = unwritten(s.rows * s.t * s.m * s.d), behind = unwritten(s.rows * planes);
  s.x = x.data(), s.g = g.data(), s.b = b.data(), s.p = p.data(), s.q = q.data(), s.c = c.data();
  s.before = before.data(), s.lengths = ends ? lengths.data() : nullptr, s.y = y.data(), s.behind = behind.data();
  form == Form::reference ? dplr_recurrence_reference(s) : dplr_recurrence(s);
  return {y, behind};
}

TEST(DplrRecurrenceKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, t, d, n, r, m] : std::vector<std::array<std::int64_t, 6>>{{1, 1, 1, 1, 0, 1},
                                                                                    {3, 5, 7, 3, 1, 2},
                                                                                    {2, 9, 16, 8, 2, 1},
                                                                                    {4, 21, 17, 32, 1, 1},
                                                                                    {3, 1, 17, 6, 1, 2},
                                                                                    {2, 1, 39, 4, 0, 1},
                                                                                    {3, 7, 64, 5, 2, 3},
                                                                                    {2, 4, 33, 2, 3, 2}})
    for (const int kind : {0, 1, 2, 3}) {
      const bool ends = kind % 2 == 1;
      DplrRecurrence<float> s{};
      s.rows = rows, s.t = t, s.d = d, s.n = n, s.r = r, s.m = m;
      s.g_shared = kind >= 2, s.b_shared = kind == 2;  // the first [2, n] of what is drawn are those of all channels
      testing::expect_matches_reference(
          [&](Form form) { return dplr_recurrence_results(s, ends, form); }, 1e-5,
          std::to_string(s.n) + " states of " + std::to_string(s.d) + " channels, rank " + std::to_string(s.r));
    }
}

/// `s` with its sizes; its tensors are made here.
Results shift_steps_results(ShiftSteps s, bool ends, Form form) {
  const auto lengths = ends ? some_lengths(s.rows, s.t) : std::vector(static_cast<std::size_t>(s.rows), s.t);
  Random random;
  const auto x = ending_at(lengths, s.t, random.numbers(s.rows * s.t * s.d));
  const auto b = random.numbers(s.d * s.n), c = random.numbers(s.d * s.n), skip = random.numbers(s.d);
  const auto before = random.numbers(s.rows * s.d * s.n);
  auto y = unwritten(s.rows * s.t * s.d), behind = unwritten(s.rows * s.d * s.n);
  s.x = x.data(), s.b = b.data(), s.c = c.data(), s.skip = skip.data(), s.before = before.data();
  s.lengths = ends ? lengths.data() : nullptr, s.y = y.data(), s.behind = behind.data();
  form == Form::reference ? shift_steps_reference(s) : shift_steps(s);
  return {y, behind};
}

TEST(ShiftStepsKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [rows, t, d, n] :
       std::vector<std::array<std::int64_t, 4>>{{1, 1, 1, 1}, {3, 1, 7, 64}, {3, 4, 5, 2}, {2, 9, 3, 37}})
    for (const bool ends : {false, true}) {
      ShiftSteps s{};
      s.rows = rows, s.t = t, s.d = d, s.n = n;
      testing::expect_matches_reference([&](Form form) { return shift_steps_results(s, ends, form); }, 1e-5,
                                        std::to_string(s.n) + " taps, " + std::to_string(s.t) + " steps");
    }
}

}  // namespace
}  // namespace longwave::kernels
