// Speech Commands (Warden 2018), raw samples: ten words (SC10) or all 35 (SC35), under the protocols of S4 and of the
// official lists.

#include <algorithm>
#include <set>

#include "longwave/data/clip_list.h"
#include "longwave/data/recordings.h"
#include "longwave/data/sequence_split.h"
#include "longwave/io/checksum.h"
#include "longwave/io/text_source.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRate = 16000, kSamples = 16000;

using Words = std::vector<std::string>;
const Words kTen{"yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"};
const Words kAll{"bed",  "cat",   "down",  "five",   "forward", "go",    "house",  "left", "marvin",
                 "no",   "on",    "right", "sheila", "tree",    "up",    "visual", "yes",  "backward",
                 "bird", "dog",   "eight", "follow", "four",    "happy", "learn",  "nine", "off",
                 "one",  "seven", "six",   "stop",   "three",   "two",   "wow",    "zero"};

std::vector<FileLayout> speech_layouts(const Words& words) {
  return {
      {{"SpeechCommands/speech_commands_v0.02", "speech_commands_v0.02", "speech_commands", "SpeechCommands"}, words}};
}

/// The part of a clip by its speaker, as the README of the data set has it.
Split split_of_speaker(const std::string& file) {
  const auto key = file.substr(0, file.find("_nohash_"));
  constexpr std::uint64_t kLargest = (1 << 27) - 1;
  const auto digest = sha1_of(key);
  const auto value = std::stoull(digest.substr(digest.size() - 8), nullptr, 16) & kLargest;
  const auto percentage = static_cast<double>(value) * 100 / static_cast<double>(kLargest);
  return percentage < 10 ? Split::val : percentage < 20 ? Split::test : Split::train;
}

std::set<std::string> read_list(const fs::path& path) { return parse_clip_list(read_text(path), path.string()); }

class SpeechCommands : public Recordings {
 protected:
  struct Options : LabelledOptions {
    std::int64_t rate = kRate;
  };
  template <class Config>
  static FieldTable<Config> speech_fields() {
    FieldTable<Config> table;
    table.add("rate", static_cast<std::int64_t Config::*>(&Config::rate),
              "16000, or 8000: every second sample, without a filter, of clips standardised as before",
              {"16000 or 8000", [](const std::int64_t& rate) { return rate == kRate || rate == kRate / 2; }});
    return add_labelled_fields(table);
  }

  SpeechCommands(const Options& options, const SequenceSource& source, const Words& words, bool whole_clips_only)
      : Recordings(kRate) {
    facts_.class_names = words;
    facts_.masking.ratio = 0.25;
    const auto folders = locate_files("Speech Commands", speech_layouts(words), source.roots).files;
    root_ = folders[0].parent_path();
    for (std::size_t label = 0; label < words.size(); ++label)
      for (const auto& path : wav_files(folders[label])) {
        const auto item = add(path, static_cast<std::int32_t>(label));
        if (!whole_clips_only || read(item).size() == kSamples) all_.push_back(item);
      }
    check(!all_.empty(), root_.string(), ": none of the clips has ", kSamples,
          " samples (one second at 16 kHz), and clips of other lengths are not used; expected the files as published");
    const auto left_out = labels_.size() - all_.size();
    facts_.found.push_back(root_.string() + ", " + std::to_string(all_.size()) + " clips used" +
                           (whole_clips_only ? ", " + std::to_string(left_out) + " of other lengths left out" : ""));
    keep_every(kRate / options.rate);
  }

  std::int64_t clips() const { return std::ssize(all_); }

  void split_by_speaker() {
    const auto val = root_ / "validation_list.txt", test = root_ / "testing_list.txt";
    const bool lists = fs::exists(val) && fs::exists(test);
    check(lists || (!fs::exists(val) && !fs::exists(test)), (fs::exists(val) ? test : val).string(),
          ": missing, while the other list is there; expected both as published, or none");
    facts_.found.push_back(lists ? "split: the official lists" : "split: by the hash of the speaker (no lists there)");
    const auto val_names = lists ? read_list(val) : std::set<std::string>();
    const auto test_names = lists ? read_list(test) : std::set<std::string>();
    for (const auto& name : val_names)
      check(!test_names.contains(name), test.string(), ": ", name, " is in ", val.filename().string(),
            " too; expected every clip in one of the lists at most, as published");
    for (const auto item : all_) {
      const auto file = path_of(item).filename().string();
      const auto name = path_of(item).parent_path().filename().string() + "/" + file;
      const auto split = !lists                      ? split_of_speaker(file)
                         : val_names.contains(name)  ? Split::val
                         : test_names.contains(name) ? Split::test
                                                     : Split::train;
      items(split).push_back(item);
    }
    for (const auto split : {Split::val, Split::test})
      check((split == Split::val ? val_names : test_names).empty() || !items(split).empty(),
            (split == Split::val ? val : test).string(), ": names none of the clips there; expected lines such as ",
            facts_.class_names[0], "/FILE.wav");
  }

  /// 70 / 15 / 15 % of every class, speakers not kept apart.
  void split_by_clip(std::uint64_t seed) {
    const auto rest = hold_out(labels_of(all_), 0.3, seed);
    for (const auto i : rest.kept) items(Split::train).push_back(all_[i]);
    std::vector<std::int64_t> others;
    for (const auto i : rest.held_out) others.push_back(all_[i]);
    const auto halves = hold_out(labels_of(others), 0.5, seed + 1);
    for (const auto i : halves.kept) items(Split::val).push_back(others[i]);
    for (const auto i : halves.held_out) items(Split::test).push_back(others[i]);
    facts_.found.push_back("split: clips at random, so that speakers are in several parts");
  }

 private:
  fs::path root_;
  std::vector<std::int64_t> all_;
};

class Sc10 final : public SpeechCommands {
 public:
  struct Config : Options {
    std::string protocol = "sc10-official";
    static const FieldTable<Config>& fields() {
      static const auto table = speech_fields<Config>().add(
          "protocol", &Config::protocol,
          "sc10-official: the official lists; sc10-s4: clips at random 70/15/15 %, scaled as in the code of S4",
          one_of({"sc10-official", "sc10-s4"}));
      return table;
    }
  };
  Sc10(const Config& config, const SequenceSource& source) : SpeechCommands(config, source, kTen, true) {
    const bool s4 = config.protocol == "sc10-s4";
    compare_with_published(clips(), 34975, "the clips of one second of ten words");
    if (s4)
      split_by_clip(static_cast<std::uint64_t>(config.seed));
    else
      split_by_speaker();
    facts_.protocol = config.protocol;
    limit(config);
    measure(s4 ? 1.0 / 32768 : 1.0, s4 ? 1e-5 : 0);  // S4 scales twice, so that its guard of 1e-5 counts
  }
};

class Sc35 final : public SpeechCommands {
 public:
  struct Config : Options {
    static const FieldTable<Config>& fields() {
      static const auto table = speech_fields<Config>();
      return table;
    }
  };
  Sc35(const Config& config, const SequenceSource& source) : SpeechCommands(config, source, kAll, false) {
    compare_with_published(clips(), 105829, "Speech Commands");
    split_by_speaker();
    pad_to(kSamples);
    facts_.protocol = "sc35-official";
    limit(config);
    measure(1, 0);
  }
};

const std::string kSource =
    "Warden 2018; files: download.tensorflow.org/data/speech_commands_v0.02.tar.gz; the set chirps needs none";

const RegisterSequenceData<Sc10> sc10({.name = "sc10",
                                       .title = "Speech Commands, 10 words",
                                       .family = "speech",
                                       .summary = "one second of raw sound, one sample a step",
                                       .source = kSource,
                                       .layouts = speech_layouts(kTen)});
const RegisterSequenceData<Sc35> sc35({.name = "sc35",
                                       .title = "Speech Commands, 35 words",
                                       .family = "speech",
                                       .summary = "one second of raw sound, one sample a step",
                                       .source = kSource,
                                       .layouts = speech_layouts(kAll)});

}  // namespace
}  // namespace longwave
