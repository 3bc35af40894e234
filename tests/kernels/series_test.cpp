#include "longwave/kernels/arx_tokens.h"
#include "longwave/kernels/low_rank.h"
#include "longwave/kernels/masked_series.h"
#include "longwave/kernels/segments.h"
#include "tests/support/kernel_testing.h"

namespace longwave::kernels {
namespace {

using testing::Form;
using testing::Numbers;
using testing::Random;
using testing::Results;
using testing::unwritten;
using testing::Workspace;

/// In the precision T, which low_rank has two of.
template <class T>
Results low_rank_results(std::int64_t inputs, std::int64_t outputs, std::int64_t rank, std::int64_t h, std::int64_t l,
                         Form form) {
  Random random;
  const auto wide = [](const Numbers& x) { return std::vector<T>(x.begin(), x.end()); };
  const auto narrow = [](const std::vector<T>& x) { return Numbers(x.begin(), x.end()); };
  const auto sums = 2 * (inputs + rank) * (outputs + rank) * h * l, numbers = 2 * inputs * outputs * h * l;
  const auto s = wide(random.numbers(sums, 0.3)), tangent = wide(random.numbers(l)), dy = wide(random.numbers(numbers));
  auto y = wide(unwritten(numbers)), ds = wide(unwritten(sums));
  const LowRank<T> p{s.data(), tangent.data(), y.data(), inputs, outputs, rank, h, l};
  const LowRankGrad<T> g{s.data(), tangent.data(), dy.data(), ds.data(), inputs, outputs, rank, h, l};
  if (form == Form::reference) {
    low_rank_reference(p);
    low_rank_grad_reference(g);
  } else {
    low_rank(p);
    low_rank_grad(g);
  }
  return {narrow(y), narrow(ds)};
}

TEST(LowRankKernel, MatchesTheReference) {
  for (const auto& [i, c, rank, h, l] : std::vector<std::array<std::int64_t, 5>>{
           {1, 1, 1, 1, 1}, {2, 1, 1, 3, 33}, {1, 2, 2, 5, 7}, {3, 2, 3, 2, 9}, {2, 2, 4, 3, 17}}) {
    const auto what = "rank " + std::to_string(rank);
    const auto run = [&, i = i, c = c, rank = rank, h = h, l = l](bool twice, Form form) {
      return twice ? low_rank_results<double>(i, c, rank, h, l, form) : low_rank_results<float>(i, c, rank, h, l, form);
    };
    testing::expect_close(run(false, Form::fast), run(false, Form::reference), 1e-5, "float, " + what);
    testing::expect_close(run(true, Form::fast), run(true, Form::reference), 1e-7, "double, " + what);
  }
}

Results masked_series_results(std::int64_t b, std::int64_t f, std::int64_t l, Form form) {
  Random random;
  const auto x = random.numbers(b * f * l), scale = random.numbers(b * f), dz = random.numbers(b * f * l);
  const auto weight = random.numbers(f * l), bias = random.numbers(f), ramp = random.numbers(l);
  auto z = unwritten(b * f * l), dx = z, dscale = unwritten(b * f), dweight = unwritten(f * l), dbias = unwritten(f);
  const MaskedSeries m{x.data(), scale.data(), weight.data(), bias.data(), ramp.data(), b, f, l};
  const MaskedSeriesGrad g{dz.data(), 3.5f, dx.data(), dscale.data(), dweight.data(), dbias.data()};
  double mean;
  if (form == Form::reference) {
    mean = masked_series_reference(m, z.data());
    masked_series_grad_reference(m, g);
  } else {
    mean = masked_series(m, z.data());
    masked_series_grad(m, g);
  }
  return {z, {static_cast<float>(mean)}, dx, dscale, dweight, dbias};
}

TEST(MaskedSeriesKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, f, l] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 2}, {3, 2, 7}, {2, 5, 64}, {4, 3, 100}, {1, 2, 333}})
    testing::expect_matches_reference(
        [&, b = b, f = f, l = l](Form form) { return masked_series_results(b, f, l, form); }, 2e-5,
        std::to_string(l) + " steps");
}

Results scale_segments_results(const Segments& x, Form form) {
  auto z = unwritten(x.b * x.c * x.n * x.s), mean = unwritten(x.b * x.c), deviation = mean;
  (form == Form::reference ? scale_segments_reference : scale_segments)(x, z.data(), mean.data(), deviation.data());
  return {z, mean, deviation};
}

TEST(ScaleSegmentsKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, l, c, s] : std::vector<std::array<std::int64_t, 4>>{
           {1, 2, 1, 1}, {2, 7, 3, 7}, {3, 50, 5, 16}, {2, 33, 17, 40}, {1, 131, 2, 24}}) {
    Random random;
    const auto x = random.numbers(b * l * c, 2, 3);
    const Segments segments{x.data(), b, l, c, (l + s - 1) / s, s};
    testing::expect_matches_reference([&](Form form) { return scale_segments_results(segments, form); }, 1e-5,
                                      std::to_string(segments.l) + " steps");
  }
}

Results next_segments_results(std::int64_t b, std::int64_t c, std::int64_t j, std::int64_t n, std::int64_t s,
                              Form form) {
  Random random;
  const auto next = random.numbers(b * j * n * s), z = random.numbers(b * c * n * s);
  const auto mean = random.numbers(b * c), deviation = random.numbers(b * c), dforecast = random.numbers(b * s * j);
  auto forecast = unwritten(b * s * j), dnext = unwritten(b * j * n * s);
  const NextSegments f{next.data(), z.data(), mean.data(), deviation.data(), b, c, j, n, s};
  double error;
  if (form == Form::reference) {
    error = next_segments_reference(f, forecast.data());
    next_segments_grad_reference(f, dforecast.data(), 30, dnext.data());
  } else {
    error = next_segments(f, forecast.data());
    next_segments_grad(f, dforecast.data(), 30, dnext.data());
  }
  return {forecast, {static_cast<float>(error)}, dnext};
}

TEST(NextSegmentsKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, c, j, n, s] :
       std::vector<std::array<std::int64_t, 5>>{{1, 1, 1, 2, 1}, {2, 3, 2, 3, 7}, {3, 5, 5, 2, 33}, {1, 4, 1, 7, 24}})
    testing::expect_matches_reference(
        [&, b = b, c = c, j = j, n = n, s = s](Form form) { return next_segments_results(b, c, j, n, s, form); }, 1e-5,
        std::to_string(n) + " segments of " + std::to_string(s));
}

/// `a` with its sizes; its tensors are made here.
Results arx_tokens_results(ArxTokens a, Form form) {
  Random random;
  const auto tokens = a.b * a.j * 2 * a.n * a.d;
  const auto z = random.numbers(a.b * a.c * a.n * a.s), dtokens = random.numbers(tokens);
  // The weights, in the order of the struct, and their gradients.
  const std::vector<std::int64_t> sizes{a.d * a.s, a.d,       a.d, a.d * a.s,           a.d,
                                        a.d,       a.j * a.c, a.j, a.j * 2 * a.n * a.d, a.d};
  Results w, d;
  for (const auto size : sizes) w.push_back(random.numbers(size)), d.push_back(unwritten(size));
  a.z = z.data();
  a.main_weight = w[0].data(), a.main_bias = w[1].data(), a.main_norm = w[2].data();
  a.exo_weight = w[3].data(), a.exo_bias = w[4].data(), a.exo_norm = w[5].data();
  a.mix_weight = w[6].data(), a.mix_bias = w[7].data(), a.positions = w[8].data(), a.norm = w[9].data();
  a.eps = 1e-5f;
  const ArxTokensGrad g{dtokens.data(), d[0].data(), d[1].data(), d[2].data(), d[3].data(), d[4].data(),
                        d[5].data(),    d[6].data(), d[7].data(), d[8].data(), d[9].data()};
  auto y = unwritten(tokens);
  if (form == Form::reference) {
    arx_tokens_reference(a, y.data());
    arx_tokens_grad_reference(a, g);
  } else {
    arx_tokens(a, y.data(), Workspace(arx_tokens_workspace(a)));
    arx_tokens_grad(a, g, Workspace(arx_tokens_grad_workspace(a)));
  }
  d.push_back(y);
  return d;
}

TEST(ArxTokensKernel, MatchesTheReferenceOnEveryInstructionSet) {
  for (const auto& [b, c, j, n, s, d] : std::vector<std::array<std::int64_t, 6>>{
           {1, 1, 1, 1, 1, 1}, {2, 3, 2, 3, 5, 7}, {5, 7, 7, 2, 24, 16}, {20, 4, 1, 3, 9, 33}, {1, 9, 3, 5, 17, 64}})
    for (const double p : {0.0, 0.3}) {
      ArxTokens a{};
      a.dropout = DropoutMask(p, 11);
      a.b = b, a.c = c, a.j = j, a.n = n, a.s = s, a.d = d;
      testing::expect_matches_reference([&](Form form) { return arx_tokens_results(a, form); }, 5e-5,
                                        std::to_string(a.b) + " windows, width " + std::to_string(a.d));
    }
}

}  // namespace
}  // namespace longwave::kernels
