#pragma once

#include "longwave/models/segment_forecaster.h"
#include "longwave/models/structural_matrix.h"

namespace longwave {

/// Queries and values of all layers. They depend on the VAR observations alone, never on another layer.
struct QueriesValues {
  std::vector<at::Tensor> q, v;  // a layer each: [b j, t, h, e]
};

/// A linear transformer aligned with a vector autoregression: all MLPs first, then attention layers whose keys are the
/// observations, chained without residuals, and a read-out through the structural matrix.
class VarForecaster : public SegmentForecaster {
 public:
  VarForecaster(const SegmentSizes& sizes, const SegmentConfig& config, bool univariate);

 protected:
  /// What the read-out needs beside the layers: norms of the observations and of the result, structural matrices.
  struct ReadOut {
    at::Tensor input_norm, structural, output_norm;  // [d], [h, e, e], [d]
  };
  /// From the VAR observations x [b j, t, d].
  virtual QueriesValues queries_values(const at::Tensor& x) = 0;
  /// From the stream after the MLPs [b j, t, d] to the normalised main tokens [b j, n, d]: one layer after the other,
  /// noted.
  virtual at::Tensor attend(const at::Tensor& stream, const ReadOut& read_out);
  /// Where subclasses register their layers, as "attn".
  Module& transformer() { return *transformer_; }

 private:
  at::Tensor encode(const at::Tensor& segments) final;
  at::Tensor positions() const;
  at::Tensor stream(const at::Tensor& segments);

  std::shared_ptr<Module> transformer_, pos_emb_;
  std::shared_ptr<PartList<RmsNorm>> lns_;
  std::shared_ptr<PartList<Mlp>> mlps_;
  std::shared_ptr<RmsNorm> pre_norm_, final_norm_, var_input_norm_;
  std::shared_ptr<StructuralMatrix> structural_;
  at::Tensor segment_emb_, kind_emb_, channel_emb_, channel_kind_emb_;
};

}  // namespace longwave
