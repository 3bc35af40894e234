#include "longwave/cli/sequence_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/cli/field_words.h"
#include "longwave/data/archives.h"
#include "longwave/data/sequence_data.h"
#include "longwave/data/sequence_summary.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kListed = 3;   // places of one set in a listing
constexpr std::size_t kClasses = 4;  // classes that are counted one by one

std::string places_text(const std::vector<FileLayout>& layouts, const std::vector<FoundFiles>& found) {
  std::vector<std::string> places;
  for (const auto& files : found)
    places.push_back(text_of(files) + (layouts[files.layout].refusal.empty() ? "" : " (in a form that is not read)"));
  if (places.size() > kListed) {
    const auto more = places.size() - kListed;
    places.resize(kListed);
    places.push_back(fmt::format("{} more", more));
  }
  return join(places);
}

/// Bars of one line, the highest for the largest count.
std::string bars(const std::vector<std::int64_t>& counts) {
  static const char* kBars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto most = *std::max_element(counts.begin(), counts.end());
  std::string text;
  for (const auto count : counts) text += kBars[(count * 8 + most - 1) / most];
  return text;
}

std::string classes_text(const std::vector<std::int64_t>& counts, const std::vector<std::string>& names) {
  const auto name = [&](std::size_t i) { return i < names.size() ? names[i] : fmt::format("class {}", i); };
  if (counts.size() <= kClasses) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < counts.size(); ++i) parts.push_back(fmt::format("{} {}", counts[i], name(i)));
    return join(parts);
  }
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  return fmt::format("{} classes, from {} ({}) to {} ({})", counts.size(), *least,
                     name(static_cast<std::size_t>(least - counts.begin())), *most,
                     name(static_cast<std::size_t>(most - counts.begin())));
}

void print_split(const SplitSummary& split, const SequenceFacts& facts) {
  if (facts.goal == SequenceGoal::language) return;  // the counts are among what was found
  fmt::print("  {}: {} samples", name_of(split.split), split.samples);
  if (!split.classes.empty()) fmt::print("; {}", classes_text(split.classes, facts.class_names));
  if (split.shortest == split.longest)
    fmt::print("; {} steps each\n", split.longest);
  else
    fmt::print("\n    steps: {} |{}| {}, median {}, mean {:.1f}\n", split.shortest, bars(split.histogram),
               split.longest, split.median, split.mean_length);
}

void print_duplicates(const SequenceSummary& summary) {
  const std::pair<const char*, std::int64_t> counts[] = {{"within train", summary.twice_in_train},
                                                         {"of val in train", summary.val_in_train},
                                                         {"of test in train", summary.test_in_train},
                                                         {"of test in val", summary.test_in_val}};
  std::vector<std::string> found;
  for (const auto& [where, count] : counts)
    if (count > 0) found.push_back(fmt::format("{} {}", count, where));
  fmt::print("  duplicates: {}\n", found.empty() ? "none" : join(found));
}

void print_facts(const SequenceFacts& facts) {
  for (const auto& line : facts.found) fmt::print("  {}\n", line);
  if (facts.vocabulary > 0)
    fmt::print("  vocabulary of {}", facts.vocabulary);
  else
    fmt::print("  {} numbers a step", facts.channels);
  if (facts.classes > 0) fmt::print(", {} classes", facts.classes);
  fmt::print("{}\n", facts.protocol.empty() ? "" : ", protocol " + facts.protocol);
}

void check_found(const SequenceDataInfo& info, const FoundFiles& found, const fs::path& root) {
  Settings settings;
  for (const auto& [key, value] : found.keys) settings[key] = {value, "folder"};
  const auto data = info.make(info.resolve(settings, "data"), {{root}});
  fmt::print("{}: {}\n", info.name, text_of(found));
  const auto summary = summarize(*data);
  print_facts(data->facts());
  for (const auto& split : summary.splits) print_split(split, data->facts());
  if (data->facts().goal != SequenceGoal::language) print_duplicates(summary);
  for (const auto& line : missing_classes(summary, data->facts())) fmt::print("  caution: {}\n", line);
  if (!data->facts().content_hash.empty()) fmt::print("  sha256 {}\n", data->facts().content_hash);
}

/// Letters are printed without gaps; words with.
bool are_letters(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [](const std::string& name) {
    const auto letters = std::count_if(name.begin(), name.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
    return letters == 1 || name.starts_with('\\') || (name.starts_with('<') && name.ends_with('>'));
  });
}

std::string shortened(std::size_t all, std::size_t shown, const std::string& text) {
  return shown < all ? fmt::format("{} ... ({} in all)", text, all) : text;
}

std::string tokens_text(const std::vector<std::int32_t>& tokens, const std::vector<std::string>& names,
                        std::int64_t steps) {
  const auto shown = std::min(tokens.size(), static_cast<std::size_t>(steps));
  std::vector<std::string> words;
  for (std::size_t i = 0; i < shown; ++i)
    words.push_back(tokens[i] == kIgnoredTarget ? "."
                    : names.empty()             ? std::to_string(tokens[i])
                                                : names.at(static_cast<std::size_t>(tokens[i])));
  return shortened(tokens.size(), shown, join(words, !names.empty() && are_letters(names) ? "" : " "));
}

std::string values_text(const std::vector<float>& values, std::int64_t steps) {
  const auto shown = std::min(values.size(), static_cast<std::size_t>(steps));
  std::vector<std::string> words;
  for (std::size_t i = 0; i < shown; ++i)
    words.push_back(std::isnan(values[i]) ? "." : fmt::format("{:.3g}", values[i]));
  return shortened(values.size(), shown, join(words, " "));
}

void print_steps(const char* what, const Steps& steps, const SequenceFacts& facts, std::int64_t most) {
  if (!steps.tokens.empty()) fmt::print("  {}: {}\n", what, tokens_text(steps.tokens, facts.token_names, most));
  if (!steps.values.empty())
    fmt::print("  {} ({} numbers a step): {}\n", what, facts.channels, values_text(steps.values, most));
}

void print_example(const SequenceData& data, Split split, std::int64_t index, std::int64_t steps) {
  const auto& facts = data.facts();
  SequenceExample example;
  data.example(split, index, example);
  fmt::print("{} {}, {} steps", name_of(split), index, data.length(split, index));
  if (example.label >= 0)
    fmt::print(", label {}", static_cast<std::size_t>(example.label) < facts.class_names.size()
                                 ? facts.class_names[static_cast<std::size_t>(example.label)]
                                 : std::to_string(example.label));
  fmt::print("\n");
  const bool pair = facts.goal == SequenceGoal::classify_pair;
  print_steps(pair ? "first" : "steps", example.first, facts, steps);
  print_steps("second", example.second, facts, steps);
  if (!example.targets.empty()) fmt::print("  targets: {}\n", tokens_text(example.targets, facts.class_names, steps));
  if (!example.target_values.empty()) fmt::print("  targets: {}\n", values_text(example.target_values, steps));
}

/// What lies there of sets that lack files, with the names of the sets that it may be; not where any of the files is
/// one of `used`, those of sets that are there.
std::map<std::string, std::vector<std::string>> incomplete_sets(const fs::path& root, const std::set<fs::path>& used) {
  std::map<std::string, std::vector<std::string>> sets;
  for (const auto& [name, info] : sequence_data_sets())
    for (const auto& parts : incomplete_files(info.layouts, {root}))
      if (std::none_of(parts.present.begin(), parts.present.end(), [&](const auto& p) { return used.contains(p); }))
        sets[text_of(parts)].push_back(name);
  return sets;
}

/// Whether a file is one of these, another piece of one or in a folder among them.
bool is_among(const fs::path& file, const std::vector<fs::path>& files) {
  return std::any_of(files.begin(), files.end(), [&](const fs::path& one) {
    const auto part = std::mismatch(one.begin(), one.end(), file.begin(), file.end());
    if (part.first == one.end()) return true;
    const auto mark = one.filename().string().find("-00000-of-");
    return mark != std::string::npos && one.parent_path() == file.parent_path() &&
           file.filename().string().starts_with(one.filename().string().substr(0, mark + 1));
  });
}

/// The sets that have this file if `folder` is checked; if none has, those that lack others.
std::vector<std::string> sets_with(const fs::path& file, const fs::path& folder) {
  std::vector<std::string> whole, partly;
  for (const auto& [name, info] : sequence_data_sets()) {
    for (const auto& found : discover_files(info.layouts, {folder}))
      if (is_among(file, found.files) && (whole.empty() || whole.back() != name)) whole.push_back(name);
    for (const auto& parts : incomplete_files(info.layouts, {folder}))
      if (is_among(file, parts.present) && (partly.empty() || partly.back() != name)) partly.push_back(name);
  }
  return whole.empty() ? partly : whole;
}

/// The folders in which the files of a set are looked for.
std::vector<std::string> customary_folders(const SequenceDataInfo& info) {
  std::vector<std::string> folders;
  for (const auto& layout : readable(info.layouts))
    folders.insert(folders.end(), layout.folders.begin(), layout.folders.end());
  return folders;
}

/// Whether files called so are never tables.
bool has_other_form(const fs::path& file) {
  auto name = file.filename().string();
  for (const std::string packed : {".gz", ".xz"})
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  const auto ends = {".ts", ".fa", ".fasta", ".wav", ".png", ".arrow", ".parquet", ".bin", "-ubyte"};
  return std::any_of(ends.begin(), ends.end(), [&](const char* end) { return name.ends_with(end); });
}

}  // namespace

void refuse_archive(const fs::path& file) {
  std::vector<std::string> sets;
  for (const auto& [name, info] : sequence_data_sets())
    for (const auto& archive : archives_of(customary_folders(info)))
      if (archive.name == file.filename()) sets.push_back(name);
  const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  fail(file.string(), ": an archive", sets.empty() ? "" : " with the files of " + join(sets),
       "; expected its files unpacked: `", unpack_command(file, folder), "`, then `longwave data check ",
       folder.string(), "`");
}

void list_sequence_sets(const std::vector<fs::path>& roots) {
  std::map<std::string, std::vector<const SequenceDataInfo*>> families;
  for (const auto& [name, info] : sequence_data_sets()) families[info.family].push_back(&info);
  for (const auto& [family, sets] : families) {
    fmt::print("\n{}\n", family);
    for (const auto* info : sets) {
      const auto found = places_text(info->layouts, discover_files(info->layouts, roots));
      const auto where =
          !info->generated ? (found.empty() ? "no" : found) : "generated" + (found.empty() ? "" : "; " + found);
      fmt::print("{:<21} {}\n    {}\n", info->name, where, info->summary);
    }
  }
}

CheckCounts check_sequence_sets(const fs::path& root) {
  CheckCounts counts;
  std::set<fs::path> used;
  for (const auto& [name, info] : sequence_data_sets())
    for (const auto& found : discover_files(info.layouts, {root})) {
      used.insert(found.files.begin(), found.files.end());
      ++counts.found;
      try {
        check_found(info, found, root);
      } catch (const DataNotReady& error) {
        fmt::print("{}: found, not ready: {}\n", name, error.what());
      } catch (const UserError& error) {
        ++counts.bad;
        fmt::print("{}: BAD: {}\n", name, error.what());
      }
    }
  for (const auto& [what, names] : incomplete_sets(root, used)) {
    ++counts.incomplete;
    fmt::print("{}: INCOMPLETE: {}\n", join(names), what);
  }
  return counts;
}

std::string sequence_set_of(const fs::path& file) {
  constexpr int kLevels = 4;  // of folders above it: genomic_benchmarks/NAME/train/CLASS/0.txt
  const auto whole = fs::absolute(file).lexically_normal();
  const auto command = [&](const std::string& folder) {
    return "give its folder, `longwave data check " + folder + "`";
  };
  auto folder = whole.parent_path();
  for (int level = 0; level < kLevels && folder.has_relative_path(); ++level, folder = folder.parent_path())
    if (const auto names = sets_with(whole, folder); !names.empty())
      return (names.size() == 1 ? "of the sequence set " : "of the sequence sets ") + join(names) + ": to check " +
             (names.size() == 1 ? "that " : "these ") +
             command(file.is_relative() ? fs::proximate(folder).string() : folder.string());
  return has_other_form(file)
             ? "for sequence sets: to check one " + command("DIR") + " (`longwave data list` names them)"
             : "";
}

std::string sequence_tree() {
  std::string tree;
  for (const auto& [name, info] : sequence_data_sets())
    if (!info.layouts.empty()) tree += name + " (" + info.source + ")\n" + expected_tree(info.layouts);
  return tree;
}

void refuse_download(const SequenceDataInfo& info, const fs::path& root) {
  check(!info.layouts.empty(), info.name, " is generated and needs no files; see `longwave data show ", info.name, "`");
  std::vector<std::string> places;
  for (const auto& layout : readable(info.layouts))
    places.push_back(join(layout.files, " + ") + (layout.folders.empty() ? "" : " in " + join(layout.folders, " or ")));
  const auto archives = archives_of(customary_folders(info));
  fail(info.name,
       archives.empty() ? " is not downloaded from here"
                        : " comes in an archive, which is not downloaded from here; run `" +
                              download_command(archives.front(), root) + "`",
       "; source: ", info.source, "; expected below ", root.string(), ": ", join(places, "; or "));
}

void show_sequence_set(const ShowOptions& options, const std::vector<fs::path>& roots) {
  const auto& info = find_sequence_data(options.name);
  const auto config = info.resolve(options.settings, "data");
  const auto split = split_of(options.split);
  const auto data = info.make(config, {roots});
  fmt::print("{}: {}\nSource: {}\n", info.title, info.summary, info.source);
  print_fields(info.fields, config);
  fmt::print("\n");
  print_facts(data->facts());
  for (const auto each : {Split::train, Split::val, Split::test})
    fmt::print("  {}: {} {}\n", name_of(each), data->samples(each),
               data->facts().goal == SequenceGoal::language ? "tokens" : "samples");
  if (options.baselines)
    for (const auto& line : data->baselines()) fmt::print("  {}: {:.6g} ({})\n", line.name, line.score, line.comment);
  check(data->samples(split) > 0, info.name, " has no ", options.split, " split with these settings");
  fmt::print("\n");
  if (data->facts().goal == SequenceGoal::language)
    return fmt::print("{}: {}\n", options.split,
                      tokens_text(data->stream(split), data->facts().token_names, options.steps));
  for (std::int64_t i = 0; i < std::min(options.samples, data->samples(split)); ++i)
    print_example(*data, split, i, options.steps);
}

}  // namespace longwave
