#pragma once

#include <cstdint>

#include "longwave/kernels/dropout.h"

namespace longwave::kernels {

/// Two tokens a segment and target channel. Of z [b, c, n, s], whose last j channels are the targets:
///   main = main_weight z_target + main_bias,  exogenous = exo_weight (mix_weight z + mix_bias) + exo_bias,
/// where mix_weight mixes channels and the other two map a segment to width d;
///   token = rms_norm(dropout(rms_norm(raw, its norm)) + position, norm),
/// the exogenous one of a segment before the main one: [b, j, 2 n, d]. Only the tokens are stored.
struct ArxTokens {
  const float* z;
  const float *main_weight, *main_bias, *main_norm;  // [d, s], [d], [d]
  const float *exo_weight, *exo_bias, *exo_norm;     // [d, s], [d], [d]
  const float *mix_weight, *mix_bias;                // [j, c], [j]
  const float* positions;                            // [j, 2 n, d]
  const float* norm;                                 // [d]
  DropoutMask dropout;                               // element index as in [b, j, 2 n, d]
  std::int64_t b, c, j, n, s, d;
  float eps;
};

/// Gradients for dtokens, by the names of the inputs; there is none for z.
struct ArxTokensGrad {
  const float* dtokens;
  float *main_weight, *main_bias, *main_norm, *exo_weight, *exo_bias, *exo_norm, *mix_weight, *mix_bias, *positions,
      *norm;
};

/// Floats of scratch memory that the calls need with the present number of threads.
std::int64_t arx_tokens_workspace(const ArxTokens& a);
std::int64_t arx_tokens_grad_workspace(const ArxTokens& a);

/// Sums over windows are cut in parts by the shape alone: same bits for any number of threads.
void arx_tokens(const ArxTokens& a, float* tokens, float* workspace);
void arx_tokens_grad(const ArxTokens& a, const ArxTokensGrad& g, float* workspace);

/// The definition: scalar, in double.
void arx_tokens_reference(const ArxTokens& a, float* tokens);
void arx_tokens_grad_reference(const ArxTokens& a, const ArxTokensGrad& g);

}  // namespace longwave::kernels
