#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/data/forecast_data.h"
#include "longwave/data/sequence_files.h"

namespace longwave {

/// A step that is not scored, in SequenceExample::targets.
inline constexpr std::int32_t kIgnoredTarget = -100;

/// The steps of one sequence: tokens [t], or values [t, channels] row-major; the other is empty.
struct Steps {
  std::vector<std::int32_t> tokens;
  std::vector<float> values;
};

/// One sample. A reader or generator fills what its set has (SequenceFacts) and leaves the rest empty.
struct SequenceExample {
  Steps first;
  Steps second;                       // the other document of a pair
  std::int32_t label = -1;            // of the whole sample, 0 .. classes - 1
  std::vector<std::int32_t> targets;  // [t], a class of every step or kIgnoredTarget
  std::vector<float> target_values;   // [t], a number of every step; NaN where nothing is scored
};

/// What is to be learnt from the samples.
enum class SequenceGoal {
  classify,        // label of a sequence
  classify_pair,   // label of two sequences
  classify_steps,  // targets: one class a step
  regress_steps,   // target_values: one number a step
  language,        // the next token; a split is one long stream (see SequenceData::stream)
};

/// How inputs are hidden in self-pretraining, where that is published for a set (Amos, Berant and Gupta 2024).
struct Masking {
  double ratio = -1;    // share of hidden steps; < 0: not published
  bool levels = false;  // of numbers: restored as one of 256 levels, not as a number
  float hidden = 0;     // of numbers: what a hidden step shows
};

/// What holds for all samples of a set.
struct SequenceFacts {
  SequenceGoal goal = SequenceGoal::classify;
  std::int64_t vocabulary = 0;  // number of token ids; 0: steps are numbers
  std::int64_t channels = 0;    // numbers a step; 0: steps are tokens
  std::int64_t classes = 0;     // of labels or of targets
  std::int64_t max_length = 0;  // no sample is longer
  std::int32_t padding = 0;     // token id that stands for nothing
  std::int32_t mask = -1;       // token id reserved for masked self-pretraining (inside the vocabulary); -1: none
  /// DNA: by token, its partner on the other strand. If given, a random half of every training batch is read from that
  /// strand: backwards, every token as its partner.
  std::vector<std::int32_t> complement;
  Masking masking;
  std::string group;      // what SequenceData::group counts ("look-ahead"); "" where lengths tell samples apart
  std::string unit;       // language: what a token is, "word", "character" or "byte"
  bool in_order = false;  // training samples are a curriculum: one is seen behind the other, never shuffled
  /// The encoding and split that scores belong to, "lra-strict" or "sc10-s4"; "generated" where none is published.
  std::string protocol;
  std::vector<std::string> class_names;
  std::vector<std::string> token_names;  // [vocabulary], as tables and generated text print them; may be empty
  std::string caution;  // what a reader of the scores must know: "a part of CIFAR-10: ..."; "" if nothing
  /// What was found on disk or generated: paths, counts, content hash. One line each, for `data check` and run logs.
  std::vector<std::string> found;
  std::string content_hash;  // SHA-256 over what was read; "" for generated sets (their settings say all)
};

/// A score that needs no training, printed beside the models' ("majority class", "root operator only").
struct Baseline {
  std::string name;
  double score = 0;     // in the units of the task's main metric (accuracy in [0, 1], perplexity, normalised error)
  std::string comment;  // "measured on the test split", "published"
};

/// Moves that a model made in a sample (the steps of a path), and how many of them the rules allow.
struct Moves {
  std::int64_t made = 0, legal = 0;
  /// Where several answers are right and the target is one of them: scored steps with any right one; else -1.
  std::int64_t right = -1;
};

/// What the tokens of a text that is read by characters or bytes make up; ends of lines count as words.
struct TextSize {
  std::int64_t words = 0, bytes = 0;
};

/// The samples of a set by number, in memory or generated from (seed, split, number). Reading is thread-safe and gives
/// the same sample for the same number always.
class SequenceData {
 public:
  virtual ~SequenceData() = default;

  virtual const SequenceFacts& facts() const = 0;

  /// Number of samples; 0 if there is no such split. For language: number of tokens of the stream.
  virtual std::int64_t samples(Split split) const = 0;

  /// Steps of a sample, known without making it where possible (of a pair: the longer one).
  virtual std::int64_t length(Split split, std::int64_t index) const = 0;

  /// The sample, in `out`, whose memory is used again.
  virtual void example(Split split, std::int64_t index, SequenceExample& out) const = 0;

  /// How hard a sample is, where facts().group says what is counted: samples of one group are scored apart
  /// ("accuracy@2"), elsewhere those of one length.
  virtual std::int64_t group(Split, std::int64_t) const { return 0; }

  /// Sets of moves: those that `predicted` [t] makes, the likeliest class of every scored step when the true steps are
  /// in front of it.
  virtual Moves moves(const SequenceExample&, const std::vector<std::int32_t>& /*predicted*/) const { return {}; }

  /// language: all tokens of a split, one behind the other. UserError for other goals.
  virtual const std::vector<std::int32_t>& stream(Split split) const;

  /// language, by characters or bytes: the size of a split behind its first token.
  virtual TextSize text_size(Split) const { return {}; }

  /// Scores without learning, on the test split (else validation). May take seconds.
  virtual std::vector<Baseline> baselines() const { return {}; }
};

/// Where the samples come from.
struct SequenceSource {
  std::vector<std::filesystem::path> roots;  // folders to look in, in order (see data_roots)
};

/// One registered set: a reader or a generator, with the fields of its configuration.
struct SequenceDataInfo {
  std::string name;        // "listops", "mqar", "smnist"
  std::string title;       // "ListOps", as tables print it
  std::string family;      // "long range arena", "language", "speech", "images", "dna", "time series", "synthetic"
  std::string summary;     // one line
  std::string source;      // paper, and where the files are to be had or what makes them
  bool generated = false;  // needs no files
  /// How its files lie on disk, for `data list` and `data check`; the reader finds them with locate_files.
  std::vector<FileLayout> layouts;
  std::vector<FieldInfo> fields;
  /// The full typed configuration that `settings` stand for, as JSON. UserError names the offending key.
  std::function<Json(const Settings& settings, const std::string& section)> resolve;
  /// Reads or prepares it. DataNotFound where data are missing (paths tried, tree expected, how to mend it); UserError
  /// where they are damaged (file, line or record, what was expected).
  std::function<std::shared_ptr<const SequenceData>(const Json& config, const SequenceSource& source)> make;
};

/// "train", "val", "test"
const char* name_of(Split split);
/// The split of that name; UserError otherwise.
Split split_of(const std::string& name);

/// All of them, by name.
const std::map<std::string, SequenceDataInfo>& sequence_data_sets();

/// The one of that name; UserError with the nearest name otherwise.
const SequenceDataInfo& find_sequence_data(const std::string& name);

namespace detail {
std::map<std::string, SequenceDataInfo>& sequence_data_registry();
/// What `make` gives; a DataNotFound also says where the files are to be had.
std::shared_ptr<const SequenceData> with_source(const std::string& source,
                                                const std::function<std::shared_ptr<const SequenceData>()>& make);
}  // namespace detail

/// Registers Data, a SequenceData with a `Config` (static `fields()`) and a constructor (const Config&, const
/// SequenceSource&).
template <class Data>
struct RegisterSequenceData {
  using Config = typename Data::Config;
  struct About {
    std::string name, title, family, summary, source;
    bool generated = false;
    std::vector<FileLayout> layouts = {};
  };
  explicit RegisterSequenceData(const About& about) {
    SequenceDataInfo info{
        about.name, about.title, about.family, about.summary, about.source, about.generated, about.layouts, {}, {}, {}};
    info.fields = Config::fields().describe();
    info.resolve = [](const Settings& settings, const std::string& section) {
      return Config::fields().dump(Config::fields().parse(settings, section));
    };
    info.make = [files = about.source](const Json& config, const SequenceSource& source) {
      return detail::with_source(files, [&] {
        return std::make_shared<const Data>(
            Config::fields().parse(settings_from_json(config, "data configuration"), "data"), source);
      });
    };
    detail::sequence_data_registry().emplace(about.name, std::move(info));
  }
};

}  // namespace longwave
