#include "longwave/data/archives.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTold = 3;         // archives in one message
constexpr std::size_t kNameLetters = 4;  // of a folder, for an archive to be called after it
constexpr const char* kEndings[] = {".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip"};

const std::vector<Archive>& public_archives() {
  static const std::vector<Archive> all{
      {"aclImdb_v1.tar.gz", "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz", "aclImdb",
       "md5 7c2ac02c03563afcf9b574c7e56c153a"},
      {"cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "cifar-10-batches-bin",
       "md5 c32a1d4ab5d03f1284b67883e8d87530"},
      {"cifar-10-python.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "cifar-10-batches-py",
       "md5 c58f30108f718f92721af3b95e74349a"},
      {"lra_release.gz", "https://storage.googleapis.com/long-range-arena/lra_release.gz", "lra_release", ""},
      {"speech_commands_v0.02.tar.gz", "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
       "speech_commands_v0.02", "sha256 af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58", true}};
  return all;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// The name of an archive in small letters without its ending; "" if it is none.
std::string stem_of(const fs::path& file) {
  const auto name = lower(file.filename().string());
  for (const std::string ending : kEndings)
    if (name.size() > ending.size() && name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  return name == "lra_release.gz" ? "lra_release" : "";  // a tar file, though it is not called so
}

const Archive* public_archive(const fs::path& file) {
  const auto& all = public_archives();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Archive& archive) { return stem_of(archive.name) == stem_of(file); });
  return found == all.end() ? nullptr : &*found;
}

bool gives_one_of(const Archive& archive, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    const auto parts = fs::path(folder);
    return std::find(parts.begin(), parts.end(), fs::path(archive.folder)) != parts.end();
  });
}

bool is_called_as(const std::string& stem, const std::vector<std::string>& folders) {
  for (const auto& folder : folders)
    for (const auto& part : fs::path(folder))
      if (part.string().size() >= kNameLetters && stem.starts_with(lower(part.string()))) return true;
  return false;
}

std::vector<fs::path> archives_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    std::error_code unknown;
    if (is_archive(entry->path()) && entry->is_regular_file(unknown)) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// As a shell reads it back.
std::string quoted(const fs::path& path) {
  const auto text = path.string();
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) || std::string("_-./+,:@%").find(c) != std::string::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string unpack_into(const fs::path& archive, const fs::path& folder, bool make) {
  if (lower(archive.extension().string()) == ".zip") return "unzip " + quoted(archive) + " -d " + quoted(folder);
  return (make ? "mkdir -p " + quoted(folder) + " && " : "") + "tar xf " + quoted(archive) + " -C " + quoted(folder);
}

std::string words_for(const std::vector<std::pair<fs::path, fs::path>>& archives) {
  std::string text;
  for (std::size_t i = 0; i < std::min(archives.size(), kTold); ++i)
    text += "; " + archives[i].first.string() + " is an archive, to be unpacked: `" +
            unpack_command(archives[i].first, archives[i].second) + "`";
  return text;
}

}  // namespace

std::vector<Archive> archives_of(const std::vector<std::string>& folders) {
  std::vector<Archive> found;
  for (const auto& archive : public_archives())
    if (gives_one_of(archive, folders)) found.push_back(archive);
  return found;
}

bool is_archive(const fs::path& file) { return !stem_of(file).empty(); }

std::string unpack_command(const fs::path& archive, const fs::path& root) {
  const auto* known = public_archive(archive);
  const bool flat = known && known->flat;
  return unpack_into(archive, flat ? root / known->folder : root, flat);
}

std::string download_command(const Archive& archive, const fs::path& root) {
  const auto file = root / archive.name;
  const auto space = archive.checksum.find(' ');
  const auto held_against = space == std::string::npos
                                ? ""
                                : "echo " + archive.checksum.substr(space + 1) + " " + quoted(file) + " | " +
                                      archive.checksum.substr(0, space) + "sum -c && ";
  return "curl -L --create-dirs -o " + quoted(file) + " " + archive.address + " && " + held_against +
         unpack_command(file, root);
}

std::string archives_text(const std::vector<fs::path>& roots, const std::vector<std::string>& folders) {
  std::vector<std::pair<fs::path, fs::path>> found;  // with the folder to unpack it in
  std::set<fs::path> seen;
  for (const auto& root : roots) {
    for (const auto& path : archives_in(root)) {
      const auto* known = public_archive(path);
      if (known ? gives_one_of(*known, folders) : is_called_as(stem_of(path), folders)) found.emplace_back(path, root);
    }
    for (const auto& folder : folders) {
      if (!seen.insert(root / folder).second) continue;
      for (const auto& path : archives_in(root / folder))
        found.emplace_back(path, public_archive(path) ? root : root / folder);
    }
  }
  return words_for(found);
}

std::string archives_text(const fs::path& folder) {
  std::vector<std::pair<fs::path, fs::path>> found;
  for (const auto& path : archives_in(folder)) found.emplace_back(path, folder);
  return words_for(found);
}

}  // namespace longwave
