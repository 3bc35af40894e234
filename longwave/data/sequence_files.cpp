#include "longwave/data/sequence_files.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "longwave/base/suggest.h"
#include "longwave/data/archives.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPacked[] = {"", ".gz", ".xz"};

/// `text` with the keys replaced by their values; keys without a value stay.
std::string fill(std::string text, const LayoutKeys& keys) {
  for (const auto& [key, value] : keys) {
    const auto mark = "{" + key + "}";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, mark.size(), value);
  }
  return text;
}

/// Whether a configuration with `keys` is read by this layout.
bool is_for(const FileLayout& layout, const LayoutKeys& keys) {
  return std::all_of(layout.keys.begin(), layout.keys.end(), [&](const auto& needed) {
    const auto given = keys.find(needed.first);
    return given == keys.end() || given->second == needed.second;
  });
}

/// Whether the keys are those of another set's files.
bool is_excepted(const FileLayout& layout, const LayoutKeys& keys) {
  return std::any_of(layout.except.begin(), layout.except.end(), [&](const auto& other) {
    const auto given = keys.find(other.first);
    return given != keys.end() && given->second.starts_with(other.second);
  });
}

/// Whether all of these files are among those of `other`.
bool within(const FoundFiles& found, const FoundFiles& other) {
  return std::all_of(found.files.begin(), found.files.end(), [&](const fs::path& file) {
    return std::find(other.files.begin(), other.files.end(), file) != other.files.end();
  });
}

bool has_folder(const FileLayout& layout, const std::string& name) {
  return std::find(layout.folders.begin(), layout.folders.end(), name) != layout.folders.end();
}

/// The folders of a layout below a root; "" is the root itself, unless it has the name that another layout gives to
/// its own folder: files of WikiText-103 are called as those of WikiText-2.
std::vector<std::string> folders_of(const FileLayout& layout, const fs::path& root,
                                    const std::vector<FileLayout>& layouts) {
  const auto plain = fs::absolute(root / "").lexically_normal().parent_path().filename().string();
  const bool anothers =
      !has_folder(layout, plain) &&
      std::any_of(layouts.begin(), layouts.end(), [&](const auto& other) { return has_folder(other, plain); });
  std::vector<std::string> folders;
  if (!anothers) folders.emplace_back();
  folders.insert(folders.end(), layout.folders.begin(), layout.folders.end());
  return folders;
}

constexpr std::string_view kFirstPiece = "-00000-of-";
constexpr std::size_t kPieceDigits = 5;

/// The first piece of a file that has as many as stand where `plain` has a star.
fs::path existing_pieces(const fs::path& plain) {
  const auto name = plain.filename().string();
  const auto star = name.find('*');
  const auto before = name.substr(0, star), after = name.substr(star + 1);
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(plain.parent_path(), ignored)) {
    const auto one = entry.path().filename().string();
    if (one.size() == name.size() - 1 + kPieceDigits && one.starts_with(before) && one.ends_with(after))
      found.push_back(entry.path());
  }
  return found.empty() ? fs::path() : *std::min_element(found.begin(), found.end());
}

fs::path existing(const fs::path& plain) {
  std::error_code ignored;
  if (plain.filename().string().find('*') != std::string::npos) return existing_pieces(plain);
  for (const char* packed : kPacked)
    if (auto path = plain; fs::exists(path += packed, ignored)) return path;
  return {};
}

std::optional<FoundFiles> files_in(const fs::path& folder, const FileLayout& layout, const LayoutKeys& keys) {
  FoundFiles found{0, {}, keys};
  if (!layout.unless.empty() && !existing(folder / layout.unless).empty()) return std::nullopt;
  for (const auto& file : layout.files) {
    found.files.push_back(existing(folder / fill(file, keys)));
    if (found.files.back().empty()) return std::nullopt;
  }
  return found;
}

std::string without_packing(const std::string& name) {
  for (const std::string packed : {".gz", ".xz"})
    if (name.ends_with(packed)) return name.substr(0, name.size() - packed.size());
  return name;
}

/// Names of `folder` that fit `pattern`, which has one key; value -> name of the entry.
LayoutKeys matches(const fs::path& folder, const std::string& pattern, std::size_t open, std::size_t close) {
  const auto before = pattern.substr(0, open), after = pattern.substr(close + 1);
  LayoutKeys values;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto name = without_packing(entry.path().filename().string());
    if (name.size() <= before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) continue;
    values[name.substr(before.size(), name.size() - before.size() - after.size())] = name;
  }
  return values;
}

/// All keys for which something lies at `parts[next ...]` below `folder`.
void walk(const fs::path& folder, const std::vector<fs::path>& parts, std::size_t next, const LayoutKeys& keys,
          std::vector<LayoutKeys>& out) {
  if (next == parts.size()) return out.push_back(keys);
  const auto pattern = fill(parts[next].string(), keys);
  const auto open = pattern.find('{'), close = pattern.find('}');
  if (open == std::string::npos || close == std::string::npos) {
    const auto path = existing(folder / pattern);
    if (!path.empty()) walk(path, parts, next + 1, keys, out);
    return;
  }
  const auto key = pattern.substr(open + 1, close - open - 1);
  for (const auto& [value, name] : matches(folder, pattern, open, close)) {
    auto more = keys;
    more[key] = value;
    walk(folder / name, parts, next + 1, more, out);
  }
}

/// The files of a layout in one place; nothing if they are another set's.
IncompleteFiles parts_in(const fs::path& folder, const FileLayout& layout, const LayoutKeys& keys) {
  IncompleteFiles parts{folder, {}, {}};
  if (!layout.unless.empty() && !existing(folder / layout.unless).empty()) return parts;
  for (const auto& file : layout.files) {
    const auto name = fill(file, keys);
    if (const auto path = existing(folder / name); path.empty())
      parts.missing.push_back(name);
    else
      parts.present.push_back(path);
  }
  return parts;
}

/// Values of the keys for which any file of a layout lies below a folder of the root.
std::set<LayoutKeys> keys_of_any(const fs::path& root, const std::string& folder, const FileLayout& layout,
                                 LayoutKeys keys) {
  keys.insert(layout.keys.begin(), layout.keys.end());
  std::vector<LayoutKeys> all;
  for (const auto& file : layout.files) {
    const auto path = fs::path(folder) / file;
    walk(root, {path.begin(), path.end()}, 0, keys, all);
  }
  return {all.begin(), all.end()};
}

/// Adds files, or takes them for those of the layout that lacks fewer.
void keep_fuller(IncompleteFiles parts, std::vector<IncompleteFiles>& all) {
  const auto same = std::find_if(all.begin(), all.end(), [&](const IncompleteFiles& other) {
    return std::find_first_of(other.present.begin(), other.present.end(), parts.present.begin(), parts.present.end()) !=
           other.present.end();
  });
  if (same == all.end())
    all.push_back(std::move(parts));
  else if (parts.missing.size() < same->missing.size())
    *same = std::move(parts);
}

}  // namespace

std::vector<IncompleteFiles> incomplete_files(const std::vector<FileLayout>& layouts,
                                              const std::vector<fs::path>& roots, const LayoutKeys& keys) {
  constexpr std::size_t kEnough = 4;  // one in so many: of fewer the names may be chance ("go", "test.tsv")
  std::vector<IncompleteFiles> all;
  for (const auto& root : roots)
    for (const auto& layout : readable(layouts)) {
      if (!is_for(layout, keys)) continue;
      for (const auto& folder : folders_of(layout, root, layouts))
        for (const auto& values : keys_of_any(root, folder, layout, keys)) {
          if (is_excepted(layout, values)) continue;
          auto parts = parts_in(folder.empty() ? root : root / fill(folder, values), layout, values);
          if (kEnough * parts.present.size() >= layout.files.size()) keep_fuller(std::move(parts), all);
        }
    }
  std::erase_if(all, [](const IncompleteFiles& parts) { return parts.missing.empty(); });
  return all;
}

FoundFiles locate_files(const std::string& title, const std::vector<FileLayout>& layouts,
                        const std::vector<fs::path>& roots, const LayoutKeys& keys) {
  std::vector<std::string> tried, expected, customary;
  std::string refusal;
  for (const auto& root : roots)
    for (std::size_t i = 0; i < layouts.size(); ++i) {
      if (!is_for(layouts[i], keys)) continue;
      for (const auto& folder : folders_of(layouts[i], root, layouts)) {
        const auto place = folder.empty() ? root : root / fill(folder, keys);
        if (auto found = files_in(place, layouts[i], keys)) {
          found->layout = i;
          if (layouts[i].refusal.empty()) return *found;
          if (refusal.empty()) refusal = place.string() + ": " + layouts[i].refusal;
        }
        if (std::find(tried.begin(), tried.end(), place.string()) == tried.end()) tried.push_back(place.string());
      }
    }
  for (const auto& layout : readable(layouts)) {
    if (!is_for(layout, keys)) continue;
    expected.push_back(fill(join(layout.files, " + "), keys));
    for (const auto& folder : layout.folders) customary.push_back(fill(folder, keys));
  }
  if (!refusal.empty()) throw DataNotReady(refusal + "; expected there: " + join(expected, ", or "));
  std::string incomplete;
  for (const auto& parts : incomplete_files(layouts, roots, keys)) incomplete += "; " + text_of(parts);
  incomplete += archives_text(roots, customary);
  throw DataNotFound(title + " not found; tried the folders " + join(tried) + incomplete +
                     "; expected together in one of them: " + join(expected, ", or ") +
                     "; put the files there or say where they are with --data DIR or "
                     "LONGWAVE_DATA");
}

std::vector<FoundFiles> discover_files(const std::vector<FileLayout>& layouts, const std::vector<fs::path>& roots) {
  std::vector<FoundFiles> all;
  for (const auto& root : roots)
    for (std::size_t i = 0; i < layouts.size(); ++i)
      for (const auto& folder : folders_of(layouts[i], root, layouts)) {
        if (!layouts[i].refusal.empty() && !all.empty()) break;
        const auto first = fs::path(folder) / layouts[i].files.front();
        std::vector<LayoutKeys> found_keys;
        walk(root, {first.begin(), first.end()}, 0, layouts[i].keys, found_keys);
        for (const auto& keys : found_keys) {
          if (is_excepted(layouts[i], keys)) continue;
          auto found = files_in(folder.empty() ? root : root / fill(folder, keys), layouts[i], keys);
          const auto known = [&](const FoundFiles& other) { return within(*found, other); };
          if (!found || std::any_of(all.begin(), all.end(), known)) continue;
          found->layout = i;
          all.push_back(*found);
        }
      }
  return all;
}

std::vector<FileLayout> readable(const std::vector<FileLayout>& layouts) {
  std::vector<FileLayout> list;
  std::copy_if(layouts.begin(), layouts.end(), std::back_inserter(list),
               [](const FileLayout& layout) { return layout.refusal.empty(); });
  return list;
}

std::vector<fs::path> pieces_of(const fs::path& file) {
  const auto name = file.filename().string();
  const auto mark = name.find(kFirstPiece);
  if (mark == std::string::npos) return {file};
  const auto count = std::strtol(name.c_str() + mark + kFirstPiece.size(), nullptr, 10);
  std::vector<fs::path> pieces;
  for (long i = 0; i < count; ++i) {
    auto number = std::to_string(i);
    number.insert(0, kPieceDigits - std::min(number.size(), kPieceDigits), '0');
    auto piece = name;
    pieces.push_back(file.parent_path() / piece.replace(mark + 1, kPieceDigits, number));
    check(fs::exists(pieces.back()), pieces.back().string(), ": is missing; expected all ", count, " pieces beside ",
          file.string());
  }
  check(count > 0, file.string(), ": its name says that it has no pieces");
  return pieces;
}

std::string text_of(const FoundFiles& found) {
  std::vector<std::string> settings;
  for (const auto& [key, value] : found.keys) settings.push_back(key + "=" + value);
  const auto folder = found.files.front().parent_path().string();
  return settings.empty() ? folder : folder + " (" + join(settings, " ") + ")";
}

std::string text_of(const IncompleteFiles& incomplete) {
  std::vector<std::string> names;
  for (const auto& file : incomplete.present) names.push_back(file.lexically_relative(incomplete.folder).string());
  return incomplete.folder.string() + " has " + join(names) + " and lacks " + join(incomplete.missing);
}

std::string expected_tree(const std::vector<FileLayout>& layouts) {
  std::string tree;
  for (const auto& layout : readable(layouts))
    tree += "  " + join(layout.folders) + (layout.folders.empty() ? "" : ": ") + join(layout.files, " + ") + "\n";
  return tree;
}

}  // namespace longwave
