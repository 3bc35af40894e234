#pragma once

#include "longwave/models/backbone.h"

namespace longwave {

/// Long sequences piece by piece, with carried state: for stacks whose mixer streams. `state` as in Backbone::forward.

/// Without gradients: what layers compute for a piece stays in the caches, and memory does not grow with the sequence.
at::Tensor evaluate_in_pieces(Backbone& model, std::int64_t piece, const at::Tensor& x, const Lengths& lengths,
                              State* state);

/// With gradients of x, the weights and the state: memory for x, y and their gradients, a state for each piece, and
/// what the layers keep of one piece, since each piece is computed a second time in the backward pass (activation
/// checkpointing, Chen et al. 2016, along time). One backward pass, gradients of gradients are refused.
at::Tensor train_in_pieces(Backbone& model, std::int64_t piece, const at::Tensor& x, const Lengths& lengths,
                           State* state);

}  // namespace longwave
