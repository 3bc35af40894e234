#include <algorithm>

#include "longwave/kernels/mlp.h"
#include "longwave/kernels/scalar_functions.h"
#include "longwave/kernels/scalar_rms.h"

namespace longwave::kernels {
namespace {

using Row = std::vector<double>;

/// The hidden layer of one row, and the slope of each of its numbers along w1 n + b1.
struct Hidden {
  Row input, value, slope;

  Hidden(const Mlp& m, std::int64_t row) : value(m.d_hidden), slope(m.d_hidden) {
    const float* x = m.x + row * m.d_in;
    input = m.norm_weight ? scalar_rms_norm(x, m.norm_weight, m.d_in, m.eps) : Row(x, x + m.d_in);
    for (std::int64_t j = 0; j < m.d_hidden; ++j) {
      double z = m.b1[j];
      for (std::int64_t i = 0; i < m.d_in; ++i) z += m.w1[j * m.d_in + i] * input[i];
      const double factor = scalar_dropout(m.hidden_dropout, row * m.d_hidden + j);
      const bool before = m.place == DropoutPlace::before_activation;
      if (before) z *= factor;
      const auto f = m.activation == Activation::gelu ? scalar_gelu(z) : scalar_relu(z);
      value[j] = before ? f.value : f.value * factor;
      slope[j] = f.slope * factor;
    }
  }
};

/// Gradients that are sums over rows.
struct Sums {
  Row dnorm_weight, dw1, db1, dw2, db2;
  explicit Sums(const Mlp& m)
      : dnorm_weight(m.d_in), dw1(m.d_hidden * m.d_in), db1(m.d_hidden), dw2(m.d_out * m.d_hidden), db2(m.d_out) {}
};

/// Adds one row to the sums; returns the gradient of the hidden layer's input.
Row add_row(const Mlp& m, const float* dy, std::int64_t row, Sums& to) {
  const Hidden h(m, row);
  Row dhidden(m.d_hidden), dinput(m.d_in);
  for (std::int64_t o = 0; o < m.d_out; ++o) {
    const double d = dy[row * m.d_out + o] * scalar_dropout(m.output_dropout, row * m.d_out + o);
    to.db2[o] += d;
    for (std::int64_t j = 0; j < m.d_hidden; ++j) {
      to.dw2[o * m.d_hidden + j] += d * h.value[j];
      dhidden[j] += d * m.w2[o * m.d_hidden + j];
    }
  }
  for (std::int64_t j = 0; j < m.d_hidden; ++j) {
    const double d = dhidden[j] * h.slope[j];
    to.db1[j] += d;
    for (std::int64_t i = 0; i < m.d_in; ++i) {
      to.dw1[j * m.d_in + i] += d * h.input[i];
      dinput[i] += d * m.w1[j * m.d_in + i];
    }
  }
  return dinput;
}

}  // namespace

void mlp_reference(const Mlp& m, float* y) {
  for (std::int64_t row = 0; row < m.rows; ++row) {
    const Hidden h(m, row);
    for (std::int64_t o = 0; o < m.d_out; ++o) {
      double sum = m.b2[o];
      for (std::int64_t j = 0; j < m.d_hidden; ++j) sum += m.w2[o * m.d_hidden + j] * h.value[j];
      sum *= scalar_dropout(m.output_dropout, row * m.d_out + o);
      y[row * m.d_out + o] = static_cast<float>(sum + (m.residual ? m.x[row * m.d_in + o] : 0));
    }
  }
}

void mlp_grad_reference(const Mlp& m, const MlpGrad& g) {
  Sums sums(m);
  for (std::int64_t row = 0; row < m.rows; ++row) {
    auto d = add_row(m, g.dy, row, sums);
    const auto at = row * m.d_in;
    if (m.norm_weight)
      d = scalar_rms_norm_grad(m.x + at, m.norm_weight, d.data(), m.d_in, m.eps, sums.dnorm_weight.data());
    for (std::int64_t i = 0; i < m.d_in; ++i) g.dx[at + i] = static_cast<float>(d[i] + (m.residual ? g.dy[at + i] : 0));
  }
  const auto store = [](const Row& from, float* to) { std::copy(from.begin(), from.end(), to); };
  if (g.dnorm_weight) store(sums.dnorm_weight, g.dnorm_weight);
  store(sums.dw1, g.dw1);
  store(sums.db1, g.db1);
  store(sums.dw2, g.dw2);
  store(sums.db2, g.db2);
}

}  // namespace longwave::kernels
