// `longwave data`: what sets are known and here, what is in them, how to get, make or look at them.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/base/interrupt.h"
#include "longwave/base/suggest.h"
#include "longwave/cli/command.h"
#include "longwave/cli/field_words.h"
#include "longwave/cli/sequence_sets.h"
#include "longwave/cli/validators.h"
#include "longwave/data/archives.h"
#include "longwave/data/catalog.h"
#include "longwave/data/find_data.h"
#include "longwave/data/forecast_data.h"
#include "longwave/data/listops.h"
#include "longwave/data/other_names.h"
#include "longwave/data/pathfinder_archive.h"
#include "longwave/data/sequence_data.h"
#include "longwave/data/summary.h"
#include "longwave/data/synthetic_var.h"
#include "longwave/io/checksum.h"
#include "longwave/io/download.h"
#include "longwave/io/safetensors.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string data, path, name, url, sha256, out, kind;
  std::uint64_t seed = 0;
  std::int64_t train = 20000, val = 2000;
  std::vector<std::string> words;        // field=value
  std::vector<std::string> var_options;  // options given that mean something to synthetic-var alone
  ShowOptions show;
};

/// Two lines a set, so that only a long path is wider than a terminal.
void list(const Arguments& arguments) {
  const auto roots = data_roots(arguments.data);
  fmt::print("forecasting\n{:<17} {:>7} {:>7}  {}\n", "name", "rows", "columns", "found");
  for (const auto& set : catalog()) {
    const auto path = locate(set, roots);
    const auto found = !path.empty() ? path.string() : set.url.empty() ? "no" : "no; longwave data get " + set.name;
    fmt::print("{:<17} {:>7} {:>7}  {}\n    {}\n", set.name, set.rows, set.columns, found, set.about);
  }
  list_sequence_sets(roots);
}

void show(const DataSummary& summary) {
  fmt::print("{}: {}\n  {} rows, {} columns, {} missing values\n", summary.name, summary.path, summary.rows,
             summary.columns, summary.missing);
  if (!summary.frequency.empty())
    fmt::print("  {} to {}, {}\n", summary.first_date, summary.last_date, summary.frequency);
  if (!summary.constant.empty()) fmt::print("  constant: {}\n", join(summary.constant));
  for (const auto& remark : summary.remarks) fmt::print("  note: {}\n", remark);
  fmt::print("  sha256 {}\n", summary.sha256);
}

void check_table(const FoundData& found, CheckCounts& counts) {
  ++counts.found;
  try {
    show(summarize(found));
  } catch (const UserError& error) {
    ++counts.bad;
    fmt::print("{}: BAD: {}\n", found.set ? found.set->name : found.path.filename().string(), error.what());
  }
}

CheckCounts check_forecast_sets(const fs::path& root) {
  CheckCounts counts;
  for (const auto& set : catalog())
    if (const auto path = locate(set, {root}); !path.empty()) check_table({path, &set}, counts);
  return counts;
}

/// The CSV files that lie in the folder itself, by name.
CheckCounts check_own_tables(const fs::path& folder) {
  std::vector<fs::path> tables;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    std::error_code unknown;  // a link to nothing is not a file
    for (const char* ending : {".csv", ".csv.gz", ".csv.xz"})
      if (name.ends_with(ending) && entry->is_regular_file(unknown)) tables.push_back(entry->path());
  }
  check(!error, folder.string(), ": cannot be read: ", error.message());
  std::sort(tables.begin(), tables.end());
  CheckCounts counts;
  for (const auto& path : tables) check_table({path, nullptr}, counts);
  return counts;
}

/// Ends a check of a folder without any known set.
void check_unknown(const fs::path& root) {
  const auto own = check_own_tables(root);
  if (own.found == 0) {
    fmt::print(
        "looked in {} and in these folders below it for these files, each also packed as .gz or .xz:\n"
        "forecasting (also below all_datasets, all_six_datasets, dataset, datasets, forecasting)\n{}{}",
        root.string(), expected_tree(), sequence_tree());
    fail(root.string(), ": none of the known data sets is there, nor any CSV file", archives_text(root));
  }
  fmt::print("{} CSV files of your own found, {} bad; none of the known data sets is there\n", own.found, own.bad);
  check(own.bad == 0, root.string(), ": ", own.bad, " of ", own.found, " CSV files cannot be used");
}

/// A table; of a file of a sequence set, which is none, says how to check that.
void check_file(const std::string& path) {
  if (is_archive(path)) refuse_archive(path);
  try {
    show(summarize(find_data(path, {})));
  } catch (const UserError& error) {
    const auto set = sequence_set_of(path);
    if (set.empty()) throw;
    const auto name = fs::path(path).filename().string();
    if (name.find(".csv") != std::string::npos) fail(error.what(), "; as a file ", set);
    fail(path, ": no table for forecasting but a file ", set);
  }
}

void check_data(const Arguments& arguments) {
  std::error_code ignored;
  if (fs::is_regular_file(arguments.path, ignored)) return check_file(arguments.path);
  const auto root = data_roots(arguments.path)[0];
  check(fs::is_directory(root, ignored), root.string(), ": no such folder; say which with `longwave data check DIR`");
  const auto series = check_forecast_sets(root), sequences = check_sequence_sets(root);
  const int found = series.found + sequences.found, bad = series.bad + sequences.bad, parts = sequences.incomplete;
  if (found + parts == 0) return check_unknown(root);
  fmt::print("{} data sets for forecasting and {} of sequences found, {} bad{}\n", series.found, sequences.found, bad,
             parts > 0 ? fmt::format("; {} incomplete", parts) : "");
  check(bad == 0, root.string(), ": ", bad, " of ", found, " data sets cannot be used");
  check(parts == 0, root.string(), ": ", parts, parts == 1 ? " data set lacks" : " data sets lack",
        " files; expected archives unpacked to their end");
}

void make_synthetic_var(const Arguments& arguments) {
  if (!arguments.words.empty())
    fail("synthetic-var takes no ", arguments.words.front(), "; expected --seed, --series, --val-series");
  const auto train = make_synthetic_var_train(arguments.seed, arguments.train);
  const auto val = make_synthetic_var_val(arguments.seed, arguments.val);
  const auto view = [](const SyntheticVarSet& set) {
    return TensorView{Dtype::f32,
                      {set.count, set.steps, set.channels},
                      reinterpret_cast<const std::byte*>(set.series.data()),
                      set.series.size() * sizeof(float)};
  };
  make_folder(arguments.out);
  const auto path = fs::path(arguments.out) / "synthetic_var.safetensors";
  write_safetensors(path, {{"generator", "synthetic-var"}, {"seed", std::to_string(arguments.seed)}},
                    {{"train", view(train)}, {"val", view(val)}});
  fmt::print("{}: tensors train [{}, 65, 2] and val [{}, 65, 2]\n", path.string(), train.count, val.count);
}

void make_listops(const Arguments& arguments) {
  auto settings = settings_of_words(arguments.words);
  if (arguments.seed > 0) settings["seed"] = {arguments.seed, "--seed"};
  const auto config = ListOpsConfig::fields().parse(settings, "");
  const auto splits = generate_listops(config);
  make_folder(arguments.out);
  for (const auto& path : write_listops(splits, arguments.out)) fmt::print("{}\n", path.string());
  fmt::print("{} / {} / {} expressions from {} draws\n", splits.train.size(), splits.val.size(), splits.test.size(),
             splits.trees.draws);
}

void make_pathfinder(const Arguments& arguments) {
  auto settings = settings_of_words(arguments.words);
  if (arguments.seed > 0) settings["seed"] = {arguments.seed, "--seed"};
  const auto config = PathfinderConfig::fields().parse(settings, "");
  const InterruptGuard guard;  // a stop comes between two batches of images, to clear them away
  const auto folder = write_pathfinder(config, arguments.out, [](std::int64_t images) {
    if (::isatty(STDERR_FILENO)) fmt::print(stderr, "\r{} images", images);
    InterruptGuard::stop_if_requested();
  });
  if (::isatty(STDERR_FILENO)) fmt::print(stderr, "\n");
  fmt::print("{}: {} images{}\n", folder.string(), config.train_samples + config.val_samples + config.test_samples,
             config.published() ? "" : ", by a rule of your own: read them with data.difficulty=own");
}

/// The outermost of the folders that have to be made for `path`; "" if it is there.
fs::path first_missing(const fs::path& path) {
  fs::path missing;
  std::error_code ignored;
  for (auto folder = fs::absolute(path).lexically_normal(); !fs::exists(folder, ignored); folder = folder.parent_path())
    if (folder.has_filename()) missing = folder;
  return missing;
}

/// A folder that was made here does not outlive a failure, half full.
void make(const Arguments& arguments) {
  const std::map<std::string, void (*)(const Arguments&)> kinds{
      {"listops", make_listops}, {"pathfinder", make_pathfinder}, {"synthetic-var", make_synthetic_var}};
  const auto kind = kinds.find(arguments.kind);
  check(kind != kinds.end(), "no generator is called '", arguments.kind, "'",
        suggestion(arguments.kind, {"listops", "pathfinder", "synthetic-var"}));
  if (!arguments.var_options.empty() && arguments.kind != "synthetic-var")
    fail(arguments.kind, " takes no ", arguments.var_options.front(),
         "; expected --seed and field=value, see `longwave data show ", arguments.kind, "`");
  check(!arguments.out.empty(), "--out is empty; expected a folder for the files");
  const auto made = first_missing(arguments.out);
  try {
    kind->second(arguments);
  } catch (...) {
    std::error_code ignored;
    if (!made.empty()) fs::remove_all(made, ignored);
    throw;
  }
}

void show_set(const Arguments& arguments) {
  auto options = arguments.show;
  check(!find_data_set(options.name), options.name,
        " is a set for forecasting; show prints samples of sequences, `longwave data check` says what is in a table");
  options.settings = settings_of_words(arguments.words);
  show_sequence_set(options, data_roots(arguments.data));
}

bool show_progress(std::int64_t now, std::int64_t total) {
  if (::isatty(STDERR_FILENO) && now > 0)
    fmt::print(stderr, "\r{:.1f} MB{}", static_cast<double>(now) / 1e6,
               total > 0 ? fmt::format(" of {:.1f} MB", static_cast<double>(total) / 1e6) : "");
  return true;
}

/// The set of that name; one without a file to download is refused with where its files are to be had.
const DataSet& downloadable(const std::string& name, const fs::path& root) {
  if (const auto* set = find_data_set(name)) return *set;
  if (const auto found = sequence_data_sets().find(name); found != sequence_data_sets().end())
    refuse_download(found->second, root);
  std::vector<std::string> names;
  for (const auto& known : catalog()) names.push_back(known.name);
  for (const auto& [known, info] : sequence_data_sets()) names.push_back(known);
  fail("no data set is called '", name, "'", suggestion_of_set(name, names));
}

void get(const Arguments& arguments) {
  const auto root = arguments.out.empty() ? data_roots(arguments.data)[0] : fs::path(arguments.out);
  const auto* set = &downloadable(arguments.name, root);
  const auto folder = root / set->folders[0];
  const auto url = arguments.url.empty() ? set->url : arguments.url;
  check(!url.empty(), "no public address of ", set->name, " is known; source: ", set->source, "; put the file at ",
        (folder / set->files[0]).string(), " (also .gz or .xz), or give an address with --url URL");
  auto file = set->files[0];
  for (const char* packed : {".gz", ".xz"})
    if (url.ends_with(packed)) file += packed;
  const auto path = folder / file;
  std::error_code ignored;
  auto given = arguments.sha256;
  std::transform(given.begin(), given.end(), given.begin(), [](unsigned char c) { return std::tolower(c); });
  check(given.empty() || (given.size() == 64 && given.find_first_not_of("0123456789abcdef") == std::string::npos),
        "--sha256 is ", arguments.sha256, "; expected 64 hexadecimal digits");
  const auto expected = !given.empty() ? given : arguments.url.empty() ? set->sha256 : "";
  if (fs::exists(path, ignored)) {
    if (!arguments.sha256.empty()) {
      const auto found = sha256_of_file(path);
      check(found == expected, path.string(), ": is there already, with the sha256 ", found, "; expected ", expected,
            "; move the file away to get it anew");
    }
    fmt::print("{}: is there already\n", path.string());
    return;
  }
  make_folder(folder);
  const auto sha256 = download(url, path, {expected, show_progress});
  if (::isatty(STDERR_FILENO)) fmt::print(stderr, "\n");
  fmt::print("{}: {} bytes, sha256 {}{}\n", path.string(), fs::file_size(path), sha256,
             expected.empty() ? " (not compared with anything)" : " as expected");
}

void define(CLI::App& app) {
  const auto a = std::make_shared<Arguments>();
  const char* folder = "folder with the data sets; default LONGWAVE_DATA, else ./data";
  app.require_subcommand(1);

  auto* listing = app.add_subcommand("list", "the known data sets and where they are");
  listing->add_option("--data", a->data, folder)->check(existing_folder());
  listing->callback([a] { list(*a); });

  auto* checking = app.add_subcommand(
      "check", "read every known data set of a folder (else its CSV files), or one file, and say what is in it");
  checking->add_option("path", a->path, "folder or file; default LONGWAVE_DATA, else ./data");
  checking->callback([a] { check_data(*a); });

  auto* showing = app.add_subcommand("show", "print the first samples of a sequence set, tokens by name");
  showing->add_option("name", a->show.name, "set, see `longwave data list`")->required();
  showing->add_option("settings", a->words, "field=value, for example protocol=lra-s4");
  showing->add_option("--split", a->show.split, "train, val or test")->capture_default_str();
  showing->add_option("--samples", a->show.samples, "how many")->check(not_below(0))->capture_default_str();
  showing->add_option("--steps", a->show.steps, "of each sample at most")->check(not_below(1))->capture_default_str();
  showing->add_flag("--baselines", a->show.baselines, "scores that need no training; may take seconds");
  showing->add_option("--data", a->data, folder)->check(existing_folder());
  showing->callback([a] { show_set(*a); });

  auto* making =
      app.add_subcommand("make",
                         "generate data: listops, pathfinder (the files of Long Range Arena) or synthetic-var "
                         "(random vector autoregressions)");
  making->add_option("kind", a->kind, "listops, pathfinder or synthetic-var")->required();
  making->add_option("settings", a->words, "listops, pathfinder: field=value, see `longwave data show NAME`");
  making
      ->add_option("--out", a->out,
                   "folder for the files: basic_{train,val,test}.tsv, or synthetic_var.safetensors "
                   "(tensors train and val, float32)")
      ->required();
  making->add_option("--seed", a->seed, "seed of the generator")->check(seed_number())->capture_default_str();
  making->add_option("--series", a->train, "synthetic-var: training series")
      ->check(not_below(1))
      ->capture_default_str();
  making->add_option("--val-series", a->val, "synthetic-var: validation series")
      ->check(not_below(1))
      ->capture_default_str();
  making->callback([a, making] {
    for (const std::string option : {"--series", "--val-series"})
      if (making->count(option) > 0) a->var_options.push_back(option);
    make(*a);
  });

  auto* getting = app.add_subcommand("get", "download a data set (the only command that uses the network)");
  getting->add_option("name", a->name, "data set, see `longwave data list`")->required();
  getting->add_option("--url", a->url, "address of the file, instead of the public one");
  getting->add_option("--sha256", a->sha256, "expected checksum of the file");
  getting->add_option("--out", a->out, "data folder to put it in, made if it is not there; default as --data");
  getting->add_option("--data", a->data, folder)->check(existing_folder());
  getting->callback([a] { get(*a); });
}

const RegisterCommand registered("data", "list, check, show, download or generate data sets", define);

}  // namespace
}  // namespace longwave
