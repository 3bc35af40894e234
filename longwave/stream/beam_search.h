#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace longwave {

/// Beam search, and diverse beam search (Vijayakumar et al. 2018, arXiv 1610.02424): groups of beams, each of which
/// avoids the tokens that the groups before it chose at the same step.
struct BeamOptions {
  std::int64_t groups = 1, per_group = 4;
  double diversity = 0;    // taken from a token's score for every beam of an earlier group that holds it at this step
  std::int64_t steps = 0;  // tokens to add
  std::int32_t end = -1;   // a beam that holds it is finished; -1: none does
  double length_penalty =
      0;  // a finished list is ranked by score / length^this (Wu et al. 2016, with the plain length)
};

/// UserError if an option is out of range.
void check_beams(const BeamOptions& options);

struct Beam {
  std::vector<std::int32_t> tokens;
  double log_probability = 0;  // nats
  double score = 0;            // the same with all diversity penalties: what its group ranks by
};

/// Log-probabilities [n, vocabulary] of the token behind each of n beams. Beam i is beam parents[i] of the call before
/// with tokens[i] added; in the first call both are empty, n is 1, and the only beam is the prompt.
using BeamStep =
    std::function<at::Tensor(const std::vector<std::int64_t>& parents, const std::vector<std::int32_t>& tokens)>;

/// The beams of all groups, each group best first: [groups * per_group] (fewer in a group if the vocabulary is
/// smaller). All groups finish a step before the next begins. Of equal scores the lower beam goes first, then the lower
/// token. One group without diversity is plain beam search.
std::vector<Beam> beam_search(const BeamOptions& options, const BeamStep& step);

}  // namespace longwave
