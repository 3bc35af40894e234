// How fast the generated sets make samples: one table row a set at its default settings, and the settings that are
// trained in minutes where they differ much. ListOps, whose expressions are all distinct, is made whole.
//
// usage: data_generators [SECONDS [NAME...]]      each set for that long (0.5) with one thread and with all

#include <fmt/format.h>
#include <omp.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "longwave/data/listops_generator.h"
#include "longwave/data/sequence_data.h"

namespace longwave {
namespace {

struct Case {
  std::string name;
  Json settings;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"copying", Json::object()},
      {"selective-copying", Json::object()},
      {"selective-copying", {{"noise", 64}, {"memorize", 8}, {"alphabet", 10}}},
      {"induction", Json::object()},
      {"recall", Json::object()},
      {"mqar", Json::object()},
      {"mqar", {{"steps", 512}, {"pairs", 64}}},
      {"regression", Json::object()},
      {"maze-dfs", Json::object()},
      {"maze-walls", Json::object()},
      {"graph-search", Json::object()},
      {"graph-search", {{"steps", 48}, {"max_edges", 12}, {"max_lookahead", 2}}},
      {"connectivity", Json::object()},
      {"chirps", Json::object()},
      {"motifs", Json::object()},
      {"pathfinder", Json::object()},
      {"pathfinder", {{"contour_length", 6}, {"distractors", 3}, {"distractor_length", 2}}},
      {"pathfinder", {{"resolution", "64"}}},
      {"pathfinder", {{"resolution", "128"}}},
      {"pathfinder", {{"resolution", "256"}}},
  };
  return all;
}

/// Samples and steps a second.
struct Rate {
  double samples = 0, steps = 0;
};

Rate measure(const SequenceData& data, int threads, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::atomic<std::int64_t> next{0}, made{0}, steps{0};
  const auto begin = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  const auto work = [&] {
    SequenceExample sample;
    while (elapsed() < seconds) {
      data.example(Split::train, next++ % data.samples(Split::train), sample);
      ++made;
      const auto channels = std::max<std::int64_t>(1, data.facts().channels);
      steps += static_cast<std::int64_t>(sample.first.tokens.size() + sample.first.values.size()) / channels;
    }
  };
  std::vector<std::thread> team;
  for (int i = 0; i < threads; ++i) team.emplace_back(work);
  for (auto& thread : team) thread.join();
  const auto time = elapsed();
  return {static_cast<double>(made) / time, static_cast<double>(steps) / time};
}

void run(const Case& one, double seconds) {
  const auto& info = find_sequence_data(one.name);
  const auto data = info.make(info.resolve(settings_from_json(one.settings, "benchmark"), "data"), {});
  const int threads = omp_get_max_threads();
  const auto single = measure(*data, 1, seconds), team = measure(*data, threads, seconds);
  fmt::print("{:<18} {:>12.0f} {:>14.0f} {:>12.0f} {:>14.0f}  {}\n", one.name, single.samples, single.steps,
             team.samples, team.steps, one.settings.empty() ? "" : one.settings.dump());
  std::fflush(stdout);
}

void run_listops() {
  constexpr std::int64_t kExpressions = 100'000;
  const auto begin = std::chrono::steady_clock::now();
  const auto trees = generate_listops({}, kExpressions, 1);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print("listops: {} expressions, {} symbols, in {:.1f} s\n", trees.count(), trees.symbols.size(), seconds);
}

}  // namespace
}  // namespace longwave

int main(int count, char** words) {
  const double seconds = count > 1 ? std::stod(words[1]) : 0.5;
  const std::vector<std::string> wanted(words + std::min(count, 2), words + count);
  fmt::print("{:<18} {:>27} {:>27}\n{:<18} {:>12} {:>14} {:>12} {:>14}\n", "", "one thread",
             fmt::format("{} threads", omp_get_max_threads()), "set", "samples/s", "steps/s", "samples/s", "steps/s");
  for (const auto& one : longwave::cases())
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), one.name) != wanted.end())
      longwave::run(one, seconds);
  if (wanted.empty() || std::find(wanted.begin(), wanted.end(), "listops") != wanted.end()) longwave::run_listops();
}
