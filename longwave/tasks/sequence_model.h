#pragma once

#include <memory>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/data/sequence_data.h"
#include "longwave/models/backbone.h"

namespace longwave {

/// Section [model] of a sequence recipe besides `name`, the mixer, whose own fields are [model.mixer]; those of the
/// channel mixer are [model.channel_mixer].
struct SequenceModelConfig {
  std::int64_t layers = 2, d_model = 64;
  std::string channel = "none", norm = "rms";
  bool prenorm = true;
  double dropout = 0, embedding_dropout = 0;
  bool tied_dropout = false, bidirectional = false;
  std::int64_t recompute = 0;
  std::string positions = "none", pool = "mean", pair_head = "s4";
  bool tied = true;
  std::vector<std::int64_t> cutoffs;
  double division = 4;
  static const FieldTable<SequenceModelConfig>& fields();
};

/// The sizes that a data set dictates to its model, and the names of its tokens.
struct SequenceSizes {
  SequenceGoal goal = SequenceGoal::classify;
  std::int64_t vocabulary = 0, channels = 0, classes = 0, max_length = 0;
  std::vector<std::string> token_names = {};
};
SequenceSizes sequence_sizes(const SequenceFacts& facts);
Json sizes_json(const SequenceSizes& sizes);
/// Throws Json::exception where a size is missing.
SequenceSizes sequence_sizes_from_json(const Json& json);

const char* name_of(SequenceGoal goal);

/// The complete configuration: the fields above, then "mixer" and "channel_mixer", objects of their own fields.
/// UserError names the offending key.
Json resolve_sequence_model(const std::string& mixer, const Settings& model, const Settings& mixer_settings,
                            const Settings& channel_settings);

/// Builds it with fresh weights drawn from `seed`: a LanguageModel for the goal language, a Classifier otherwise.
std::shared_ptr<SequenceModel> make_sequence_model(const std::string& mixer, const Json& config,
                                                   const SequenceSizes& sizes, std::uint64_t seed);

}  // namespace longwave
