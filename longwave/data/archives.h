#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace longwave {

/// A public archive with the files of one set or several, as it is downloaded.
struct Archive {
  std::string name;      // "cifar-10-binary.tar.gz"
  std::string address;   // where it is to be had
  std::string folder;    // below the data folder, in which its files are looked for
  std::string checksum;  // "md5" or "sha256", a space and the sum, as its publisher or the common loaders state it; may
                         // be empty
  bool flat = false;     // its files are in no folder, so that one is to be made for them
};

/// The public archives that give files in one of these customary folders.
std::vector<Archive> archives_of(const std::vector<std::string>& folders);

/// Whether a file called so packs several files: .tar, .tar.gz, .tgz, .zip and others.
bool is_archive(const std::filesystem::path& file);

/// The command that unpacks an archive so that its files are found below `root`.
std::string unpack_command(const std::filesystem::path& archive, const std::filesystem::path& root);

/// The commands that download a public archive, hold it against its checksum and unpack it.
std::string download_command(const Archive& archive, const std::filesystem::path& root);

/// "; FILE is an archive, to be unpacked: `tar xf FILE -C DIR`" for those in the roots that are called as one of the
/// folders or as a public archive of theirs, and for any in the folders below; else "".
std::string archives_text(const std::vector<std::filesystem::path>& roots, const std::vector<std::string>& folders);

/// The same for every archive that lies in a folder itself.
std::string archives_text(const std::filesystem::path& folder);

}  // namespace longwave
