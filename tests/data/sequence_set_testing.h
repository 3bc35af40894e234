#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "longwave/data/sequence_data.h"
#include "tests/support/scratch_folder.h"

namespace longwave {

/// A registered set with these settings.
inline std::shared_ptr<const SequenceData> make_set(const std::string& name, const Json& settings,
                                                    const std::vector<std::filesystem::path>& roots = {}) {
  const auto& info = find_sequence_data(name);
  return info.make(info.resolve(settings_from_json(settings, "test"), "data"), {roots});
}

/// What the UserError says that making it throws; "" if it does not.
inline std::string error_of_set(const std::string& name, const Json& settings,
                                const std::vector<std::filesystem::path>& roots) {
  try {
    make_set(name, settings, roots);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// The sample as its token names, one behind the other.
inline std::string names_of(const SequenceData& data, Split split, std::int64_t index,
                            const std::string& between = "") {
  SequenceExample example;
  data.example(split, index, example);
  std::string text;
  for (const auto token : example.first.tokens)
    text += (text.empty() ? "" : between) + data.facts().token_names.at(static_cast<std::size_t>(token));
  return text;
}

inline SequenceExample example_of(const SequenceData& data, Split split, std::int64_t index) {
  SequenceExample example;
  data.example(split, index, example);
  return example;
}

/// Score of the baseline of that name.
inline double score_of(const SequenceData& data, const std::string& name) {
  for (const auto& line : data.baselines())
    if (line.name == name) return line.score;
  ADD_FAILURE() << "no baseline " << name;
  return -1;
}

/// Number of samples of each class of a split.
inline std::vector<std::int64_t> class_counts(const SequenceData& data, Split split) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(data.facts().classes));
  for (std::int64_t i = 0; i < data.samples(split); ++i) ++counts.at(example_of(data, split, i).label);
  return counts;
}

/// Whether a line of facts().found has this text.
inline bool found_says(const SequenceData& data, const std::string& text) {
  const auto& lines = data.facts().found;
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace longwave
