#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "longwave/data/sequence_data.h"

namespace longwave {

/// A language set: one stream of tokens for each split.
class TokenStreams : public SequenceData {
 public:
  const SequenceFacts& facts() const final { return facts_; }
  std::int64_t samples(Split split) const final { return static_cast<std::int64_t>(stream(split).size()); }
  /// All of the stream, whatever the index.
  std::int64_t length(Split split, std::int64_t) const final { return samples(split); }
  /// UserError: a stream has no separate samples.
  void example(Split split, std::int64_t index, SequenceExample& out) const final;
  const std::vector<std::int32_t>& stream(Split split) const final { return streams_[static_cast<std::size_t>(split)]; }
  /// Perplexity of the frequencies of single tokens and of pairs of them.
  std::vector<Baseline> baselines() const override;

 protected:
  std::vector<std::int32_t>& stream_of(Split split) { return streams_[static_cast<std::size_t>(split)]; }
  /// UserError with `where` if the split has fewer than two tokens: one to read and one to foretell.
  void require_pair(Split split, const std::string& where) const;
  /// Writes goal, vocabulary and names; adds a line for every stream to what was found.
  void describe(std::vector<std::string> names);

  SequenceFacts facts_;

 private:
  std::array<std::vector<std::int32_t>, 3> streams_;
};

/// Perplexity of `score` under token frequencies of `train`, smoothed by a tenth of a count for every token of the
/// vocabulary; all tokens of `score` are scored.
double unigram_perplexity(const std::vector<std::int32_t>& train, const std::vector<std::int32_t>& score,
                          std::int64_t vocabulary);

/// The same where half of the probability comes from the frequency of a token after the one before it (all from single
/// tokens after one that `train` has not); the first token is not scored.
double bigram_perplexity(const std::vector<std::int32_t>& train, const std::vector<std::int32_t>& score,
                         std::int64_t vocabulary);

/// Words and how often they occur.
class Vocabulary {
 public:
  /// The words of a text in order: parted by white space, and "<eos>" at the end of every line, empty ones too.
  std::vector<std::int32_t> read(std::string_view text);
  /// The same where words not seen before are "<unk>". UserError with `name` and line if that is needed and was not
  /// seen.
  std::vector<std::int32_t> read_known(std::string_view text, const std::string& name) const;

  /// Numbers the words anew: "<eos>" is 0, then by descending count, equal ones as first seen. Returns the new number
  /// of every old one.
  std::vector<std::int32_t> sort_by_frequency();

  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> numbers_{{"<eos>", 0}};
  std::vector<std::string> names_{"<eos>"};
  std::vector<std::int64_t> counts_{0};
};

}  // namespace longwave
