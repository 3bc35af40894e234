#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/data/forecast_data.h"
#include "longwave/data/sequence_data.h"

namespace longwave {

/// Prints the registered sequence sets by family: generated, where their files are, or that there are none.
void list_sequence_sets(const std::vector<std::filesystem::path>& roots);

/// How many sets were found, how many of them cannot be used, and in how many places files of one are missing.
struct CheckCounts {
  int found = 0, bad = 0, incomplete = 0;
};

/// Reads every sequence set below a folder and prints what is in it.
CheckCounts check_sequence_sets(const std::filesystem::path& root);

/// Whose files this one is among, on disk: "of the sequence set text: to check that give its folder, `longwave data
/// check DIR`"; of a form that only sequence sets have, the same without a name; else "".
std::string sequence_set_of(const std::filesystem::path& file);

/// UserError of one line: an archive is not read as it is; how to unpack it, and which sets are in it.
[[noreturn]] void refuse_archive(const std::filesystem::path& file);

/// Files of all sequence sets, where they are looked for and where they are to be had, for a folder that has none.
std::string sequence_tree();

/// UserError of one line: a sequence set is not downloaded; where its files are to be had and how they lie below
/// `root`.
[[noreturn]] void refuse_download(const SequenceDataInfo& info, const std::filesystem::path& root);

struct ShowOptions {
  std::string name;
  Settings settings;
  std::string split = "train";
  std::int64_t samples = 3, steps = 200;  // steps: printed of each sample
  bool baselines = false;
};

/// Prints what a set is and its first samples.
void show_sequence_set(const ShowOptions& options, const std::vector<std::filesystem::path>& roots);

}  // namespace longwave
