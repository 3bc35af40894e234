#include <cmath>
#include <numbers>
#include <vector>

#include "longwave/kernels/gated_map.h"

namespace longwave::kernels {
namespace {

double normal(double x) { return 0.5 * (1 + std::erf(x / std::numbers::sqrt2)); }
double gelu_slope(double x) { return normal(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
double sigma(double x) { return 1 / (1 + std::exp(-x)); }

/// n and weight n + bias of one row.
struct Row {
  std::vector<double> n, z;
  Row(const GatedMap& m, std::int64_t row) {
    for (std::int64_t i = 0; i < m.d_in; ++i) {
      const double x = m.x[row * m.d_in + i];
      n.push_back(m.gelu ? x * normal(x) : x);
    }
    for (std::int64_t j = 0; j < 2 * m.d_out; ++j) {
      z.push_back(m.bias ? m.bias[j] : 0);
      for (std::int64_t i = 0; i < m.d_in; ++i) z.back() += m.weight[j * m.d_in + i] * n[static_cast<std::size_t>(i)];
    }
  }
};

void copy(const std::vector<double>& from, float* to) {
  for (const double x : from) *to++ = static_cast<float>(x);
}

}  // namespace

void gated_map_reference(const GatedMap& m, float* y) {
  for (std::int64_t row = 0; row < m.rows; ++row) {
    const Row of(m, row);
    const double *a = of.z.data(), *b = a + m.d_out, scale = m.is_valid(row) ? 1 : 0;
    for (std::int64_t j = 0; j < m.d_out; ++j) y[row * m.d_out + j] = static_cast<float>(scale * a[j] * sigma(b[j]));
  }
}

void gated_map_grad_reference(const GatedMap& m, const GatedMapGrad& g) {
  const auto width = static_cast<std::size_t>(2 * m.d_out), d_in = static_cast<std::size_t>(m.d_in);
  std::vector<double> dweight(width * d_in), dbias(width), dz(width);
  for (std::int64_t row = 0; row < m.rows; ++row) {
    const Row of(m, row);
    for (std::int64_t j = 0; j < m.d_out; ++j) {
      const auto at = static_cast<std::size_t>(j), gate = at + static_cast<std::size_t>(m.d_out);
      const double s = sigma(of.z[gate]), dy = m.is_valid(row) ? g.dy[row * m.d_out + j] : 0;
      dz[at] = dy * s;
      dz[gate] = dy * of.z[at] * s * (1 - s);
    }
    for (std::size_t i = 0; i < d_in; ++i) {
      double dn = 0;
      for (std::size_t j = 0; j < width; ++j) {
        dn += dz[j] * m.weight[j * d_in + i];
        dweight[j * d_in + i] += dz[j] * of.n[i];
      }
      const auto at = static_cast<std::size_t>(row) * d_in + i;
      g.dx[at] = static_cast<float>(m.gelu ? dn * gelu_slope(m.x[at]) : dn);
    }
    for (std::size_t j = 0; j < width; ++j) dbias[j] += dz[j];
  }
  copy(dweight, g.dweight);
  if (m.bias) copy(dbias, g.dbias);
}

}  // namespace longwave::kernels
