#pragma once

#include <memory>
#include <string>
#include <vector>

#include "longwave/models/language_model.h"
#include "longwave/tasks/sequence_task.h"

namespace longwave {

/// The language model that `module` is; UserError if it is none.
LanguageModel& as_language_model(Module& module);

/// Next-token prediction. Training batches hold x and y [b, context] int64: segments of the stream, which every pass
/// cuts at other places, in random order. Scores: "loss" (nats a token), "perplexity", "bits" and "tokens", the number
/// of predictions made; of texts by characters or bytes, instead of "bits", "bits_per_character" or "bits_per_byte",
/// which selects, "bits_per_byte" of both, and "word_perplexity", exp(all nats / words). A sample's number is its first
/// token's place in the stream.
std::shared_ptr<const Task> make_language_task(std::shared_ptr<const SequenceData> data,
                                               const SequenceTaskOptions& options);

/// How perplexity is measured, as results name it:
///   stream         the whole split once, with carried state
///   segment(L)     independent pieces of L tokens
///   sliding(L, s)  windows of L tokens every s tokens; the last s of each are scored, all of the first
///   whole          one parallel pass
std::string evaluation_name(const SequenceTaskOptions& options);

/// A piece of a stream of n tokens: predictions of tokens begin + 1 .. begin + length, of which the last `scored`
/// count.
struct StreamWindow {
  std::int64_t begin = 0, length = 0, scored = 0;
};

/// The windows of an evaluation mode: together they score each of the n - 1 predictions once.
std::vector<StreamWindow> stream_windows(std::int64_t n, const SequenceTaskOptions& options);

/// -log-probability (nats) of tokens 1 .. n - 1 of the stream in the mode of `options`, summed. The model is in
/// evaluation mode. UserError if the mode is "stream" and the mixer does not stream.
double stream_nats(LanguageModel& model, const std::vector<std::int32_t>& stream, const SequenceTaskOptions& options,
                   std::int64_t batch);

}  // namespace longwave
