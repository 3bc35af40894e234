#pragma once

#include <torch/nn/modules/linear.h>

#include "longwave/base/check.h"
#include "longwave/nn/module.h"
#include "longwave/nn/sequence_parts.h"

namespace longwave {

/// The maps of an attention layer of width d, under the names of the reference programs, and its heads.
struct AttentionProjections {
  std::int64_t heads;
  torch::nn::Linear query, key, value, out;

  /// Registers them with `owner`. `heads` 0: of 64 numbers each. UserError, in the name of `layer`, if they do not
  /// divide d.
  AttentionProjections(torch::nn::Module& owner, const char* layer, std::int64_t d, std::int64_t of_heads)
      : heads(of_heads ? of_heads : heads_for(d, 64)), query(d, d), key(d, d), value(d, d), out(d, d) {
    check(d % heads == 0, layer, ": heads is ", heads, "; expected a divisor of d = ", d);
    owner.register_module("query_projection", query);
    owner.register_module("key_projection", key);
    owner.register_module("value_projection", value);
    owner.register_module("out_projection", out);
  }
};

}  // namespace longwave
