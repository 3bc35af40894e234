#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "longwave/base/check.h"

namespace longwave {

/// A set is in none of the places tried (as opposed to: there, but damaged).
struct DataNotFound : UserError {
  using UserError::UserError;
};

/// A set is there, but not ready to be read: something must be said or done first (files to convert, a genome to name).
struct DataNotReady : UserError {
  using UserError::UserError;
};

/// Values of text fields of a set's configuration.
using LayoutKeys = std::map<std::string, std::string>;

/// One way in which the files of a set lie on disk. `{key}` in a folder or file stands for the value of the text field
/// `key` of the set's configuration, at most one in the name of a file or folder: "{name}_TRAIN.ts". A file that comes
/// in pieces is named by the first one, with a star for their number: "train-00000-of-*.parquet".
struct FileLayout {
  std::vector<std::string> folders;  // customary, below a data root; tried after a root that has no other layout's name
  std::vector<std::string> files;    // below that folder, all of them needed, each also with .gz or .xz; or folders
  LayoutKeys keys = {};              // the layout is for configurations with these values
  LayoutKeys except = {};            // not discovered: keys whose values begin so, as another set's folders do
  std::string refusal = {};          // why files of this layout are not read and what to do; "": they are read
  std::string unless = {};           // a file that makes them another set's where it lies beside them; "": none
};

/// Refusal of files that Mega's code has binarised with fairseq.
inline constexpr const char* kFairseqRefusal =
    "files that fairseq has binarised (src-bin, label-bin) are not read, since neither which form of index they have "
    "nor how they were split is known; take the texts themselves";

/// The files of a set, found together in one place.
struct FoundFiles {
  std::size_t layout = 0;                    // number of the layout in the list given
  std::vector<std::filesystem::path> files;  // as they lie on disk, in the order of FileLayout::files
  LayoutKeys keys;
};

/// A place with some files of a layout, but not all: an archive that was not unpacked to its end.
struct IncompleteFiles {
  std::filesystem::path folder;
  std::vector<std::filesystem::path> present;  // as they lie on disk
  std::vector<std::string> missing;            // as the layout names them, keys filled in
};

/// The first place under the roots that has all files of a layout, with `keys` for its keys; layouts in the order
/// given. DataNotFound with `title`, the places tried, what some of them lack, the files expected and how to mend it;
/// DataNotReady if only a layout with a refusal is there.
FoundFiles locate_files(const std::string& title, const std::vector<FileLayout>& layouts,
                        const std::vector<std::filesystem::path>& roots, const LayoutKeys& keys = {});

/// Everything of these layouts that lies under the roots, for whatever values of the keys; files that are all in one
/// found before are not told again, and those of a layout with a refusal only where nothing else is found.
std::vector<FoundFiles> discover_files(const std::vector<FileLayout>& layouts,
                                       const std::vector<std::filesystem::path>& roots);

/// Places under the roots with at least a quarter of the files of a readable layout; files of several layouts are told
/// as those of the one that lacks least. `keys` are given values; for the others whatever lies there.
std::vector<IncompleteFiles> incomplete_files(const std::vector<FileLayout>& layouts,
                                              const std::vector<std::filesystem::path>& roots,
                                              const LayoutKeys& keys = {});

/// "FOLDER has A, B and lacks C"
std::string text_of(const IncompleteFiles& incomplete);

/// Those that are read.
std::vector<FileLayout> readable(const std::vector<FileLayout>& layouts);

/// All pieces of a found file in order, the file itself where it is whole. UserError if one is missing.
std::vector<std::filesystem::path> pieces_of(const std::filesystem::path& file);

/// Where found files lie and for which settings: "/data/tsv_data (stem=new_aan_pairs)".
std::string text_of(const FoundFiles& found);

/// One line for each readable layout: folders in which it is looked for, then its files: "  imdb: train.tsv +
/// test.tsv".
std::string expected_tree(const std::vector<FileLayout>& layouts);

}  // namespace longwave
