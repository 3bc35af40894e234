#include <algorithm>

#include "longwave/kernels/arx_tokens.h"
#include "longwave/kernels/scalar_functions.h"
#include "longwave/kernels/scalar_rms.h"

namespace longwave::kernels {
namespace {

using Row = std::vector<double>;

/// Map and norm of a kind of token, and their gradients.
struct Kind {
  const float *weight, *bias, *norm;
  Row dweight, dbias, dnorm;
  Kind(const ArxTokens& a, const float* w, const float* b, const float* n)
      : weight(w), bias(b), norm(n), dweight(a.d * a.s), dbias(a.d), dnorm(a.d) {}
};

/// One token: a segment, its map, and that with norm, dropout and position.
struct Token {
  std::int64_t place, index;  // of its position, of its numbers among all tokens
  Row segment, raw, placed;

  Token(const ArxTokens& a, const Kind& kind, std::int64_t b, std::int64_t place_, Row from)
      : place(place_ * a.d),
        index((b * a.j * 2 * a.n + place_) * a.d),
        segment(std::move(from)),
        raw(kind.bias, kind.bias + a.d) {
    for (std::int64_t i = 0; i < a.d; ++i)
      for (std::int64_t k = 0; k < a.s; ++k) raw[i] += kind.weight[i * a.s + k] * segment[k];
    placed = scalar_rms_norm(raw.data(), kind.norm, a.d, a.eps);
    for (std::int64_t i = 0; i < a.d; ++i)
      placed[i] = placed[i] * scalar_dropout(a.dropout, index + i) + a.positions[place + i];
  }
};

const float* segment(const ArxTokens& a, std::int64_t b, std::int64_t c, std::int64_t n) {
  return a.z + ((b * a.c + c) * a.n + n) * a.s;
}

Row mixed_segment(const ArxTokens& a, std::int64_t b, std::int64_t j, std::int64_t n) {
  Row mixed(a.s, a.mix_bias[j]);
  for (std::int64_t c = 0; c < a.c; ++c)
    for (std::int64_t k = 0; k < a.s; ++k) mixed[k] += a.mix_weight[j * a.c + c] * segment(a, b, c, n)[k];
  return mixed;
}

/// Calls body(b, j, n, exogenous token, main token) for every window, target and segment.
template <class Body>
void for_segments(const ArxTokens& a, const Kind& exogenous, const Kind& main, Body body) {
  for (std::int64_t b = 0; b < a.b; ++b)
    for (std::int64_t j = 0; j < a.j; ++j)
      for (std::int64_t n = 0; n < a.n; ++n) {
        const auto place = (j * a.n + n) * 2;
        const float* own = segment(a, b, a.c - a.j + j, n);
        body(b, j, n, Token(a, exogenous, b, place, mixed_segment(a, b, j, n)),
             Token(a, main, b, place + 1, Row(own, own + a.s)));
      }
}

/// Adds to the gradients of what the token was made with; returns that of its segment.
Row token_grad(const ArxTokens& a, const Token& token, const float* dtokens, Kind& kind, Row& dpositions, Row& dnorm) {
  auto d = scalar_rms_norm_grad(token.placed.data(), a.norm, dtokens + token.index, a.d, a.eps, dnorm.data());
  for (std::int64_t i = 0; i < a.d; ++i) {
    dpositions[token.place + i] += d[i];
    d[i] *= scalar_dropout(a.dropout, token.index + i);
  }
  d = scalar_rms_norm_grad(token.raw.data(), kind.norm, d.data(), a.d, a.eps, kind.dnorm.data());
  Row dsegment(a.s);
  for (std::int64_t i = 0; i < a.d; ++i) {
    kind.dbias[i] += d[i];
    for (std::int64_t k = 0; k < a.s; ++k) {
      kind.dweight[i * a.s + k] += d[i] * token.segment[k];
      dsegment[k] += d[i] * kind.weight[i * a.s + k];
    }
  }
  return dsegment;
}

}  // namespace

void arx_tokens_reference(const ArxTokens& a, float* tokens) {
  const Kind exogenous(a, a.exo_weight, a.exo_bias, a.exo_norm), main(a, a.main_weight, a.main_bias, a.main_norm);
  for_segments(a, exogenous, main, [&](auto, auto, auto, const Token& first, const Token& second) {
    for (const auto* token : {&first, &second}) {
      const auto normed = scalar_rms_norm(token->placed.data(), a.norm, a.d, a.eps);
      std::copy(normed.begin(), normed.end(), tokens + token->index);
    }
  });
}

void arx_tokens_grad_reference(const ArxTokens& a, const ArxTokensGrad& g) {
  Kind exogenous(a, a.exo_weight, a.exo_bias, a.exo_norm), main(a, a.main_weight, a.main_bias, a.main_norm);
  Row mix_weight(a.j * a.c), mix_bias(a.j), positions(a.j * 2 * a.n * a.d), norm(a.d);
  for_segments(a, exogenous, main, [&](auto b, auto j, auto n, const Token& first, const Token& second) {
    token_grad(a, second, g.dtokens, main, positions, norm);
    const auto dmixed = token_grad(a, first, g.dtokens, exogenous, positions, norm);
    for (std::int64_t k = 0; k < a.s; ++k) {
      mix_bias[j] += dmixed[k];
      for (std::int64_t c = 0; c < a.c; ++c) mix_weight[j * a.c + c] += dmixed[k] * segment(a, b, c, n)[k];
    }
  });
  const auto store = [](const Row& from, float* to) { std::copy(from.begin(), from.end(), to); };
  store(main.dweight, g.main_weight), store(main.dbias, g.main_bias), store(main.dnorm, g.main_norm);
  store(exogenous.dweight, g.exo_weight), store(exogenous.dbias, g.exo_bias), store(exogenous.dnorm, g.exo_norm);
  store(mix_weight, g.mix_weight), store(mix_bias, g.mix_bias);
  store(positions, g.positions), store(norm, g.norm);
}

}  // namespace longwave::kernels
