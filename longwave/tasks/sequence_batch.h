#pragma once

#include "longwave/tasks/task.h"

namespace longwave {

/// Reads samples and pads them to the longest of the batch.
///   x        [b, t] int64 tokens or [b, t, channels] numbers; of pairs [b, 2, t(, channels)]
///   lengths  [b] or, of pairs, [b, 2] int64; absent if every row is full
///   y        [b] labels; or [b, t] classes of the steps, kIgnoredTarget where nothing is scored; or [b, t] numbers
///   scored   [b, t] 1 where a number of y counts, else 0; only with numbers
/// UserError naming the sample where it contradicts the set's facts.
void gather_examples(const SequenceData& data, Split split, const std::vector<std::int64_t>& indices, Batch& batch);

/// Pads batch.examples[0 .. batch.size - 1], the first `size` of them already read, as above.
void pad_examples(const SequenceFacts& facts, Batch& batch);

/// With probability 1/2 a row of tokens is turned round, up to its length, and every token replaced by
/// complement[token].
void reverse_strands(const std::vector<std::int32_t>& complement, Batch& batch, RandomStream& random);

/// x of a batch as the model takes it: [b, ...], or [2 b, ...] of pairs.
at::Tensor model_input(const Batch& batch, bool pairs);
/// The lengths that go with it; undefined if all rows are full.
at::Tensor model_lengths(const Batch& batch);

/// Brings samples of similar length together: the order is cut into pools of `pool` batches, each is sorted by length
/// and cut into batches, and the batches are shuffled; a last batch that is smaller stays last.
void bucket_by_length(std::vector<std::int64_t>& order, const std::vector<std::int32_t>& lengths, std::int64_t batch,
                      RandomStream random, std::int64_t pool = 32);

}  // namespace longwave
