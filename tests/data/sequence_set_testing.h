#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "longwave/base/atomic_file.h"
#include "longwave/data/sequence_data.h"

namespace longwave {

/// A registered set with these settings.
inline std::shared_ptr<const SequenceData> make_set(const std::string& name, const Json& settings,
                                                    const std::vector<std::filesystem::path>& roots) {
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

/// A folder that is removed at the end.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("longwave_" + name + std::to_string(::getpid()))) {
    make_folder(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path put(const std::string& file, const std::string& text) const {
    make_folder((path_ / file).parent_path());
    write_file(path_ / file, text);
    return path_ / file;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace longwave
