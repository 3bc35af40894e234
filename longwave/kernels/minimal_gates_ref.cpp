#include "longwave/kernels/minimal_gates.h"
#include "longwave/kernels/scalar_functions.h"

namespace longwave::kernels {
namespace {

/// Both recurrences keep sigma(a), and open sigma(-a): minGRU with a = -z, minLSTM with a = log sigma(f) - log
/// sigma(i).
struct Gates {
  double keep, open, slope[2];  // of a along the maps of the gates
};

Gates gates(const MinimalGates& m, const float* maps) {
  const double first = maps[m.width], second = m.lstm ? maps[2 * m.width] : 0;
  const double a = m.lstm ? scalar_log_sigmoid(first) - scalar_log_sigmoid(second) : -first;
  return {scalar_sigmoid(a), scalar_sigmoid(-a), {m.lstm ? scalar_sigmoid(-first) : -1, -scalar_sigmoid(-second)}};
}

ScalarFunction candidate(double c) {
  const double s = scalar_sigmoid(c);
  return c >= 0 ? ScalarFunction{c + 0.5, 1} : ScalarFunction{s, s * (1 - s)};
}

bool counts(const MinimalGates& m, std::int64_t row) { return !m.valid || m.valid[row]; }

}  // namespace

void minimal_gates_reference(const MinimalGates& m, float* keep, float* input) {
  for (std::int64_t row = 0; row < m.rows; ++row)
    for (std::int64_t i = 0; i < m.width; ++i) {
      const float* maps = m.maps + row * (m.lstm ? 3 : 2) * m.width + i;
      const auto g = gates(m, maps);
      keep[row * m.width + i] = counts(m, row) ? static_cast<float>(g.keep) : 1;
      input[row * m.width + i] = counts(m, row) ? static_cast<float>(g.open * candidate(*maps).value) : 0;
    }
}

void minimal_gates_grad_reference(const MinimalGates& m, const float* dkeep, const float* dinput, float* dmaps) {
  const std::int64_t gate_maps = m.lstm ? 2 : 1;
  for (std::int64_t row = 0; row < m.rows; ++row)
    for (std::int64_t i = 0; i < m.width; ++i) {
      const auto at = row * (1 + gate_maps) * m.width + i, to = row * m.width + i;
      const auto g = gates(m, m.maps + at);
      const auto [value, slope] = candidate(m.maps[at]);
      const double da = (dkeep[to] - dinput[to] * value) * g.keep * g.open;
      dmaps[at] = counts(m, row) ? static_cast<float>(dinput[to] * g.open * slope) : 0;
      for (std::int64_t gate = 0; gate < gate_maps; ++gate)
        dmaps[at + (1 + gate) * m.width] = counts(m, row) ? static_cast<float>(da * g.slope[gate]) : 0;
    }
}

}  // namespace longwave::kernels
