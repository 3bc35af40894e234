// `longwave verify PATH...`: compares this build with numbers of independent implementations.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "longwave/base/check.h"
#include "longwave/base/suggest.h"
#include "longwave/cli/command.h"
#include "longwave/cli/validators.h"
#include "longwave/models/fixture.h"

namespace longwave {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string data;
  bool verbose = false;
};

struct Totals {
  int passed = 0, failed = 0, skipped = 0;
};

/// Fixture files in the order given, those of a folder by name.
std::vector<std::filesystem::path> find_fixtures(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const auto& path : paths) {
    check(fs::exists(path), path, ": no such file or folder; expected a .safetensors fixture or a folder of them");
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    const auto before = files.size();
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
    check(files.size() > before, path, ": no .safetensors file in this folder");
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  return files;
}

/// Outputs by name, intermediates as a number: there may be many.
std::string words_of_not_compared(const std::vector<std::string>& names) {
  std::vector<std::string> outputs;
  for (const auto& name : names)
    if (name.starts_with("out.") && !name.starts_with("out.mid.")) outputs.push_back(name);
  const auto others = names.size() - outputs.size();
  if (others > 0) outputs.push_back(fmt::format("{} intermediates or gradients", others));
  return "not compared: " + join(outputs);
}

void print_report(const FixtureReport& report, bool verbose) {
  if (!report.skipped.empty()) return fmt::print("skip  {:<28}  {}\n", report.name, report.skipped);
  const auto hint = report.ok() || report.hint.empty() ? "" : fmt::format("  ({})", report.hint);
  if (!report.failed.empty()) return fmt::print("FAIL  {:<28}  {}{}\n", report.name, report.failed, hint);
  const auto& worst = *report.worst();
  fmt::print("{:<4}  {:<28}  {:9.2e}  {:7.0e}", report.ok() ? "ok" : "FAIL", report.name, worst.error, worst.tolerance);
  if (!report.ok()) fmt::print("  {}{}", worst.name, hint);
  if (!report.not_compared.empty()) fmt::print("  ({})", words_of_not_compared(report.not_compared));
  fmt::print("\n");
  if (!verbose) return;
  for (const auto& c : report.compared)
    fmt::print("      {:<4}  {:<50}  {:9.2e}  {:7.0e}\n", c.ok() ? "ok" : "FAIL", c.name, c.error, c.tolerance);
  for (const auto& name : report.not_compared) fmt::print("      not compared  {}\n", name);
}

void verify(const Options& options) {
  Totals totals;
  for (const auto& path : find_fixtures(options.paths)) {
    const auto report = run_fixture(path, {.data = options.data});
    print_report(report, options.verbose);
    std::fflush(stdout);
    ++(report.ok() ? totals.passed : report.skipped.empty() ? totals.failed : totals.skipped);
  }
  fmt::print("{} passed, {} failed, {} skipped\n", totals.passed, totals.failed, totals.skipped);
  if (totals.failed > 0) throw CLI::RuntimeError(1);
}

void define(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("path", options->paths, "fixture files (.safetensors), or folders that are searched for them")
      ->required();
  app.add_option("--data", options->data,
                 "folder of data sets, for the fixtures that need one; default LONGWAVE_DATA, "
                 "else ./data")
      ->check(existing_folder());
  app.add_flag("--verbose", options->verbose, "also print every comparison, and what could not be compared");
  app.callback([options] { verify(*options); });
}

const RegisterCommand registered("verify", "compare this build with reference fixtures", define);

}  // namespace
}  // namespace longwave
