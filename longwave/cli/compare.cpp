// `longwave compare RECIPE.toml`: models x data sets x horizons x seeds through a store of finished cells.

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "longwave/base/atomic_file.h"
#include "longwave/base/interrupt.h"
#include "longwave/base/progress.h"
#include "longwave/cli/cell_process.h"
#include "longwave/cli/check_cells.h"
#include "longwave/cli/command.h"
#include "longwave/cli/terminal.h"
#include "longwave/cli/validators.h"
#include "longwave/io/toml.h"
#include "longwave/report/ticks.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/comparison_contents.h"
#include "longwave/train/comparison_groups.h"
#include "longwave/train/comparison_report.h"
#include "longwave/train/experiment.h"
#include "longwave/train/results_lines.h"
#include "longwave/train/search.h"
#include "longwave/train/search_report.h"
#include "longwave/train/sequence_report.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string recipe, store, report, data;
  std::vector<std::string> overrides;
  bool report_only = false, retry = false, cell = false;
};

/// runs/<name>: recipes/forecast/compare_real.toml -> forecast-compare_real, recipes/demo.toml -> demo.
fs::path default_folder(const fs::path& recipe) {
  const auto parent = recipe.parent_path().filename().string(), stem = recipe.stem().string();
  const bool plain = parent.empty() || parent == "." || parent == "recipes";
  return fs::path("runs") / (plain ? stem : parent + "-" + stem);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<std::string> keys_of(const std::vector<ComparisonCell>& cells) {
  std::vector<std::string> keys;
  for (const auto& cell : cells) keys.push_back(cell.key);
  return keys;
}

constexpr const char* kTrials = "trials";

/// Works through cells, leaving out what the store has. `what` they are: "cells", kTrials.
class Runner {
 public:
  Runner(const std::vector<ComparisonCell>& cells, const std::string& what, const fs::path& store,
         const Options& options)
      : cells_(cells), what_(what), path_(store), store_(store), options_(options) {}

  /// True if every cell is finished in the end: none failed, now or before, and none was stopped.
  bool run() {
    say_what_is_done();
    std::vector<const ComparisonCell*> waiting;
    for (const auto& cell : cells_) waiting.push_back(&cell);
    for (bool first = true; !waiting.empty(); first = false) {
      std::erase_if(waiting, [this](const ComparisonCell* cell) { return take(*cell); });
      if (waiting.empty()) break;
      if (first) fmt::print("{} {} are being run by another process; waiting for them\n", waiting.size(), what_);
      std::fflush(stdout);
      pause();
    }
    return states().finished == cells_.size();
  }

 private:
  struct States {
    std::size_t finished = 0, failed = 0;
  };

  States states() const {
    States count;
    for (const auto& [key, record] : store_.read(keys_of(cells_))) {
      count.finished += record.state == CellState::done;
      count.failed += record.state == CellState::failed;
    }
    return count;
  }

  void say_what_is_done() {
    const auto [finished, failed] = states();
    remaining_ = cells_.size() - finished - (options_.retry ? 0 : failed);
    std::string failures;
    if (failed > 0)
      failures = fmt::format(", {} failed before ({})", failed,
                             options_.retry ? "run again now" : "run them again with --retry");
    fmt::print("{} {}, {} finished before{}; store {}\n", cells_.size(), what_, finished, failures, path_.string());
    std::fflush(stdout);
  }

  /// True once nothing is left to do for the cell.
  bool take(const ComparisonCell& cell) {
    const auto claim = store_.claim(cell.id, options_.retry && !tried_.count(cell.key));
    if (claim == Claim::busy) return false;
    if (claim == Claim::mine) run_cell(cell);
    return true;
  }

  void run_cell(const ComparisonCell& cell) {
    tried_.insert(cell.key);
    const auto& id = cell.id;
    const auto part = cell.recipe.is_sequence() ? cell.recipe.train.protocol : std::to_string(id.horizon);
    const auto name = fmt::format("[{}/{}] {} {} {} seed {}{}{}", 1 + (&cell - cells_.data()), cells_.size(), id.data,
                                  part, id.model, id.seed, cell.point.empty() ? "" : " ", cell.point);
    const auto start = std::chrono::steady_clock::now();
    const auto outcome = guarded(cell);
    const bool stored = settle(cell, outcome);
    spent_ += seconds_since(start);
    ++ran_;
    if (remaining_ > 0) --remaining_;
    const auto left =
        remaining_ > 0
            ? fmt::format("  ({} left, about {})", remaining_,
                          duration_text(spent_ / static_cast<double>(ran_) * static_cast<double>(remaining_)))
            : std::string();
    fmt::print("{}  {}{}{}\n", name, words(outcome), stored ? "" : "  (not stored: another process took the cell over)",
               left);
    std::fflush(stdout);
  }

  /// False if another process took the cell over meanwhile. What was stopped from outside is free to be run again.
  bool settle(const ComparisonCell& cell, const CellOutcome& outcome) {
    if (outcome.ok) return store_.finish(cell.key, outcome.result);
    if (!outcome.stopped) return store_.give_up(cell.key, outcome.error);
    store_.release(cell.key);
    return true;
  }

  std::string words(const CellOutcome& outcome) const {
    if (outcome.ok) return words(outcome.result);
    return (outcome.stopped ? "stopped: " : "failed: ") + outcome.error;
  }

  /// The cell's process, with its claim kept alive and given back if the user stops it.
  CellOutcome guarded(const ComparisonCell& cell) {
    const Heartbeat heartbeat(path_, cell.key);
    try {
      return run_cell_process(cell.recipe, options_.data);
    } catch (...) {
      store_.release(cell.key);
      throw;
    }
  }

  /// Of trials the score that chooses; the test split has no say.
  std::string words(const CellResult& r) const {
    const auto score = [&](const std::string& name) {
      return find_metric(name).title + " " + value_text(name, r.scores.count(name) ? r.scores.at(name) : std::nan(""));
    };
    const auto scores = what_ == kTrials    ? "validation " + score("val_" + r.metric)
                        : r.metric == "mse" ? score("mse") + "  " + score("mae")
                                            : score(r.metric);
    return fmt::format("{}  {}{}", scores, format_number(r.total_seconds, NumberStyle::seconds),
                       r.capped ? "  time limit" : "");
  }

  static void pause() {
    const InterruptGuard guard;
    for (int i = 0; i < 20; ++i) {
      if (InterruptGuard::requested()) throw Interrupted("interrupted; finished cells are stored");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  const std::vector<ComparisonCell>& cells_;
  std::string what_;
  fs::path path_;
  Store store_;
  const Options& options_;
  std::set<std::string> tried_;
  std::size_t ran_ = 0, remaining_ = 0;
  double spent_ = 0;
};

/// The tables of a comparison, each with its heading ("": none).
std::vector<std::pair<std::string, Table>> tables_of(const Comparison& comparison, const CellRecords& records) {
  if (comparison.sequences) return sequence_tables(comparison, records);
  std::vector<std::pair<std::string, Table>> tables{{"", layout(score_table(comparison, records))}};
  if (auto costs = cost_table(comparison, records); !costs.rows.empty()) tables.emplace_back("", std::move(costs));
  return tables;
}

void show(const Comparison& comparison, const fs::path& store_path, const Options& options) {
  const auto records = Store(store_path).read(keys_of(comparison.cells));
  fmt::print("\n{}\n", comparison.config.title);
  auto tables = tables_of(comparison, records);
  for (const auto& [heading, table] : tables)
    fmt::print("\n{}{}", heading.empty() ? "" : heading + "\n", for_terminal(table));
  for (const auto& search : comparison.searches)
    if (!search.chosen)
      fmt::print("\n{}, {}: {}{}\n", search.trials.front().cells.front().id.data, search.contender.title,
                 words_of_trials(search), is_tuned(search) ? "; see table.md" : "");
  const auto failures = failures_of(comparison, records);
  if (!failures.empty())
    fmt::print(
        "\nWithout a score ({} of {} runs):\n  {}\nThe same command with --retry runs again what failed; what "
        "diverged needs other settings.\n",
        failures.size(), comparison.cells.size(), join(failures, "\n  "));
  for (auto& trials : search_tables(comparison)) tables.push_back(std::move(trials));  // too long for a terminal
  std::string markdown;
  for (const auto& [heading, table] : tables)
    markdown +=
        (markdown.empty() ? "" : "\n") + (heading.empty() ? "" : "## " + heading + "\n\n") + markdown_table(table);
  const auto folder = options.report.empty() ? default_folder(options.recipe) : fs::path(options.report);
  make_folder(folder);
  std::string command = "longwave compare " + options.recipe;
  for (const auto& text : options.overrides) command += " " + text;
  write_file(folder / "report.html", comparison.sequences ? sequence_page(comparison, records, command)
                                                          : comparison_page(comparison, records, command));
  write_file(folder / "table.md", markdown);
  write_file(folder / "results.jsonl", results_lines(comparison, records));
  fmt::print("\nreport: {}\n", (folder / "report.html").string());
}

void check_is_comparison(const Sections& sections, const std::string& path) {
  const bool trains = sections.count("task") || sections.count("model") || sections.count("train");
  check(sections.count("compare") || !trains, path, ": has no section [compare], so it trains one model; run it with ",
        "`longwave train ", path, "`");
}

void compare(const Options& options) {
  if (options.cell) return serve_cell_process();
  check(!options.recipe.empty(), "a recipe is missing; expected longwave compare RECIPE.toml");
  auto sections = read_toml(options.recipe);
  check_is_comparison(sections, options.recipe);
  const auto written = sections["compare"];
  for (const auto& text : options.overrides) apply_override(sections, text);
  auto comparison = plan_comparison(sections, written);
  const auto store = options.store.empty() ? default_folder(options.recipe) / "store.sqlite" : fs::path(options.store);
  Contents contents;
  if (options.report_only)
    check(fs::exists(store), store.string(),
          ": no such store; run the comparison first, or name its store with --store");
  else
    contents = check_cells(comparison, options.data);
  if (!options.report_only && store.has_parent_path()) make_folder(store.parent_path());
  const auto stored = Store(store).all();
  if (options.report_only) contents = contents_to_show(comparison, stored, options.data);
  for (const auto& [data, count] : take_contents(comparison, contents, stored))
    fmt::print("{} finished cells of {} in the store are of other files than {} now, and left out\n", count, data,
               options.report_only ? "are shown" : "lie there");
  const auto trials = trial_cells(comparison);
  bool complete = true;
  if (!trials.empty()) {
    if (!options.report_only) Runner(trials, kTrials, store, options).run();
    choose(comparison, Store(store).read(keys_of(trials)));
    // A trial that fails is a result; nothing to choose from is none.
    complete = std::all_of(comparison.searches.begin(), comparison.searches.end(),
                           [](const Search& s) { return s.chosen.has_value(); });
  }
  if (!options.report_only) complete = Runner(comparison.cells, "cells", store, options).run() && complete;
  show(comparison, store, options);
  if (!options.report_only && !complete) throw CLI::RuntimeError(1);
}

void define(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("recipe", options->recipe, "the comparison: a TOML file with a section [compare]");
  app.add_option("overrides", options->overrides, "settings over the recipe's: section.key=value");
  app.add_option("--store", options->store, "file of finished cells (default: runs/NAME/store.sqlite)");
  app.add_option("--report", options->report, "folder of report.html and table.md (default: runs/NAME)");
  app.add_option("--data", options->data, "folder of data sets (default: LONGWAVE_DATA, else ./data)")
      ->check(existing_folder());
  app.add_flag("--report-only", options->report_only, "draw from the store what there is; run nothing");
  app.add_flag("--retry", options->retry, "also run cells again that failed before");
  app.add_flag("--cell", options->cell, "run one cell given on standard input")->group("");
  app.callback([options] { compare(*options); });
}

const RegisterCommand registered("compare", "compare models on data sets, horizons and seeds", define);

}  // namespace
}  // namespace longwave
