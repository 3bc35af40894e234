#pragma once

#include <cstdint>
#include <vector>

#include "longwave/nn/module.h"

namespace longwave {

/// What SAMoVAR or FixedVAR computed for some series, in double. Shape letters: n series (batch and channel folded),
/// m layers, t tokens (even: exogenous, odd: main), h heads, e head width.
struct VarTrace {
  at::Tensor q, v;  // [m, n, t, h, e]
  at::Tensor s;     // [h, e, e]

  std::int64_t layers() const { return q.size(0); }
  std::int64_t series() const { return q.size(1); }
  std::int64_t tokens() const { return q.size(2); }
  /// Some of its series.
  VarTrace narrow(std::int64_t first, std::int64_t count) const;
};

/// From the notes "q", "v" and "S" of a forward pass in evaluation mode (Forecaster::trace).
VarTrace var_trace(const TensorMap& notes);

/// The vector autoregression that the model is for token t of its input: y_t = sum over j of phi_{t,j} x0_j, where x0
/// are the VAR observations (note "var_input"). All in double, j = 0 .. t.
struct VarWeights {
  at::Tensor layers;  // B^(l)_{t,j}: what layer l adds before the structural matrix, [m, n, t(j), h, e(out), e(in)]
  at::Tensor phi;     // phi_{t,j} = [t = j] I + S^T sum_l B^(l)_{t,j}, [n, t(j), h, e(out), e(in)]
};

/// Exact. "Linear Transformers as VAR Models" (Lu and Yang 2025), section 4: B^(l)_{t,j} is the sum over j <= i <= t of
/// v_i q_t^T B^(l-1)_{i,j}, B^(0) the identity. Memory: h t^2 e^2 numbers for one series.
VarWeights var_weights(const VarTrace& trace, std::int64_t t);

/// A temporal influence path of l hops: a chain of tokens t = i_0 >= i_1 >= ... >= i_l = j through layers l, ..., 1.
struct InfluencePath {
  std::vector<std::int64_t> tokens;  // i_0, ..., i_l
  double weight;                     // Frobenius norm over all heads of its share of phi_{t,j}
  std::vector<double> chain;         // by head: the product of the q . v along the path (1 for a single hop)
};

/// The paths from token t of the strongest weight, strongest first.
struct InfluencePaths {
  std::vector<InfluencePath> paths;
  bool complete;  // every path was looked at; otherwise a beam search found these
};

/// Of one series (trace.series() == 1). At most `count` paths; `limit`: chains that are looked at per number of hops.
InfluencePaths influence_paths(const VarTrace& trace, std::int64_t t, std::int64_t count, std::int64_t limit = 100000);

/// The share of one path in B^(l), l its number of hops: [h, e, e]. The sum over all paths of l hops is B^(l).
at::Tensor path_matrix(const VarTrace& trace, const std::vector<std::int64_t>& tokens);

/// phi [..., h, e, e] seen through the output map w [s, d] on both sides: w phi w^T, [..., s, s]. Entry (a, b) says how
/// a pattern at step b of a segment moves step a of the forecast segment, up to the norms on the way.
at::Tensor to_data_space(const at::Tensor& phi, const at::Tensor& w);

}  // namespace longwave
