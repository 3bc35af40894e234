#include <algorithm>

#include "longwave/kernels/scalar_functions.h"
#include "longwave/kernels/scalar_rms.h"
#include "longwave/kernels/var_attention.h"

namespace longwave::kernels {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;  // step by step

/// Calls body(t, i, head) for every head and step i that step t sees.
template <class Body>
void for_pairs(const VarAttention& a, Body body) {
  for (std::int64_t t = 0; t < a.t; ++t)
    for (std::int64_t i = 0; i <= t; ++i)
      for (std::int64_t head = 0; head < a.h; ++head) body(t, i, head * a.e);
}

double dot(const VarAttention& a, const double* x, const double* y) {
  double sum = 0;
  for (std::int64_t c = 0; c < a.e; ++c) sum += x[c] * y[c];
  return sum;
}

void add(const VarAttention& a, double factor, const double* x, double* to) {
  for (std::int64_t c = 0; c < a.e; ++c) to[c] += factor * x[c];
}

/// What is computed from one sequence, in the order of the header's formulas.
struct Sequence {
  const VarAttention& a;
  const float* y;
  std::int64_t sequence, d, maps;
  Rows x, raw, unit;       // raw: maps before their norm; unit: after it, queries and values
  std::vector<Rows> keys;  // keys[layer + 1] after dropout
  Rows total, mixed;       // at the odd steps; mixed: before the last norm

  Sequence(const VarAttention& attention, std::int64_t n)
      : a(attention), y(a.y + n * a.t * a.h * a.e), sequence(n), d(a.h * a.e), maps(2 * a.layers * d) {
    for (std::int64_t t = 0; t < a.t; ++t) {
      x.push_back(scalar_rms_norm(y + t * d, a.input_norm, d, a.eps));
      raw.emplace_back(a.bias, a.bias + maps);
      for (std::int64_t j = 0; j < maps; ++j)
        for (std::int64_t i = 0; i < d; ++i) raw[t][j] += a.weight[j * d + i] * x[t][i];
      unit.emplace_back();
      for (std::int64_t j = 0; j < maps; j += a.e)
        for (const double value : scalar_rms_norm(raw[t].data() + j, a.map_norm + j, a.e, a.map_eps))
          unit[t].push_back(value);
    }
    keys.push_back(x);
    for (std::int64_t layer = 0; layer < a.layers; ++layer) keys.push_back(attend(layer));
    for (std::int64_t t = 1; t < a.t; t += 2) read_out(t);
  }

  const double* query(std::int64_t layer, std::int64_t t) const { return unit[t].data() + 2 * layer * d; }
  const double* value(std::int64_t layer, std::int64_t t) const { return query(layer, t) + d; }

  void drop(std::int64_t layer, Rows& k) const {
    for (std::int64_t t = 0; t < a.t; ++t)
      for (std::int64_t i = 0; i < d; ++i) k[t][i] *= scalar_dropout(a.dropout[layer], (sequence * a.t + t) * d + i);
  }

  Rows attend(std::int64_t layer) const {
    Rows out(a.t, Row(d));
    for_pairs(a, [&](auto t, auto i, auto head) {
      const double score = dot(a, query(layer, t) + head, keys[layer][i].data() + head);
      add(a, score, value(layer, i) + head, out[t].data() + head);
    });
    drop(layer, out);
    return out;
  }

  void read_out(std::int64_t t) {
    Row sum(d), result = x[t];
    for (std::int64_t layer = 1; layer <= a.layers; ++layer)
      for (std::int64_t i = 0; i < d; ++i) sum[i] += keys[layer][t][i];
    for (std::int64_t i = 0; i < d; ++i)
      for (std::int64_t c = 0; c < a.e; ++c) result[i / a.e * a.e + c] += sum[i] * a.structural[i * a.e + c];
    total.push_back(sum);
    mixed.push_back(result);
  }
};

/// Gradients that are sums over sequences.
struct Sums {
  Row input_norm, weight, bias, map_norm, structural, output_norm;
  explicit Sums(const Sequence& s)
      : input_norm(s.d),
        weight(s.maps * s.d),
        bias(s.maps),
        map_norm(s.maps),
        structural(s.d * s.a.e),
        output_norm(s.d) {}
};

/// dx of the odd steps, and dtotal.
void read_out_grad(const Sequence& s, const float* dout, Rows& dx, Rows& dtotal, Sums& to) {
  const auto& a = s.a;
  for (std::int64_t pair = 0; pair < a.t / 2; ++pair) {
    const auto t = 2 * pair + 1;
    dx[t] = scalar_rms_norm_grad(s.mixed[pair].data(), a.output_norm, dout + (s.sequence * a.t / 2 + pair) * s.d, s.d,
                                 a.eps, to.output_norm.data());
    for (std::int64_t i = 0; i < s.d; ++i)
      for (std::int64_t c = 0; c < a.e; ++c) {
        const double d = dx[t][i / a.e * a.e + c];
        dtotal[t][i] += d * a.structural[i * a.e + c];
        to.structural[i * a.e + c] += d * s.total[pair][i];
      }
  }
}

/// Gradients of queries and values; those of the keys of layer 0 are added to dx.
Rows layers_grad(const Sequence& s, const Rows& dtotal, Rows& dx) {
  const auto& a = s.a;
  Rows dunit(a.t, Row(s.maps)), dkeys(a.t, Row(s.d));
  for (auto layer = a.layers - 1; layer >= 0; --layer) {
    auto d = dtotal;
    for (std::int64_t t = 0; t < a.t; ++t)
      for (std::int64_t i = 0; i < s.d; ++i) d[t][i] += dkeys[t][i];
    s.drop(layer, d);
    dkeys.assign(a.t, Row(s.d));
    for_pairs(a, [&](auto t, auto i, auto head) {
      const auto *q = s.query(layer, t) + head, *k = s.keys[layer][i].data() + head, *g = d[t].data() + head;
      auto *dquery = dunit[t].data() + 2 * layer * s.d, *dvalue = dunit[i].data() + (2 * layer + 1) * s.d;
      const double dscore = dot(a, g, s.value(layer, i) + head);
      add(a, dot(a, q, k), g, dvalue + head);
      add(a, dscore, k, dquery + head);
      add(a, dscore, q, dkeys[i].data() + head);
    });
  }
  for (std::int64_t t = 0; t < a.t; ++t)
    for (std::int64_t i = 0; i < s.d; ++i) dx[t][i] += dkeys[t][i];
  return dunit;
}

/// Through the maps of one step, and the first norm.
void step_grad(const Sequence& s, std::int64_t t, const Row& dunit, Row& dx, float* dy, Sums& to) {
  const auto& a = s.a;
  for (std::int64_t first = 0; first < s.maps; first += a.e) {
    const auto draw = scalar_rms_norm_grad(s.raw[t].data() + first, a.map_norm + first, dunit.data() + first, a.e,
                                           a.map_eps, to.map_norm.data() + first);
    for (std::int64_t c = 0; c < a.e; ++c) {
      const auto map = first + c;
      to.bias[map] += draw[c];
      for (std::int64_t i = 0; i < s.d; ++i) {
        to.weight[map * s.d + i] += draw[c] * s.x[t][i];
        dx[i] += draw[c] * a.weight[map * s.d + i];
      }
    }
  }
  const auto d = scalar_rms_norm_grad(s.y + t * s.d, a.input_norm, dx.data(), s.d, a.eps, to.input_norm.data());
  std::copy(d.begin(), d.end(), dy);
}

}  // namespace

void var_attention_reference(const VarAttention& a, float* out) {
  for (std::int64_t n = 0; n < a.n; ++n) {
    const Sequence s(a, n);
    for (const auto& row : s.mixed) {
      const auto normed = scalar_rms_norm(row.data(), a.output_norm, s.d, a.eps);
      out = std::copy(normed.begin(), normed.end(), out);
    }
  }
}

void var_attention_grad_reference(const VarAttention& a, const VarAttentionGrad& g) {
  Sums sums(Sequence(a, 0));
  for (std::int64_t n = 0; n < a.n; ++n) {
    const Sequence s(a, n);
    Rows dx(a.t, Row(s.d)), dtotal(a.t, Row(s.d));
    read_out_grad(s, g.dout, dx, dtotal, sums);
    const auto dunit = layers_grad(s, dtotal, dx);
    for (std::int64_t t = 0; t < a.t; ++t) step_grad(s, t, dunit[t], dx[t], g.dy + (n * a.t + t) * s.d, sums);
  }
  const auto store = [](const Row& from, float* to) { std::copy(from.begin(), from.end(), to); };
  store(sums.input_norm, g.dinput_norm);
  store(sums.weight, g.dweight);
  store(sums.bias, g.dbias);
  store(sums.map_norm, g.dmap_norm);
  store(sums.structural, g.dstructural);
  store(sums.output_norm, g.doutput_norm);
}

}  // namespace longwave::kernels
