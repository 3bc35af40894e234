// Is the data pipeline fast enough? For every recipe: batches a second of the loader alone, training steps a second of
// the recipe's model (loss, gradient, clipping, AdamW), and how often the loader could serve the model.
//
// usage: loader SECONDS RECIPE...     each side for that long. A recipe is a file, and behind blanks settings that
// replace its own: "recipes/forecast/etth1_dlinear.toml task.data=weather". Those whose data are not in LONGWAVE_DATA
// are left out
//
// One thread gathers, as in training; OMP_NUM_THREADS threads compute. Rates are by the second of the process's time on
// the processor, so that what else the machine does changes both alike; "waiting" is by the clock.

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <time.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "longwave/train/loader.h"
#include "longwave/train/optimizer.h"
#include "longwave/train/subject.h"

namespace longwave {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Of all threads of the process.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Calls `work` for so many seconds on the processor after a first call that does not count; calls a second.
template <class Work>
double rate(double seconds, const Work& work) {
  work();
  const auto begin = processor_seconds();
  double calls = 0;
  do {
    work();
    ++calls;
  } while (processor_seconds() - begin < seconds);
  return calls / (processor_seconds() - begin);
}

/// A word of the command line: a file and what replaces its settings.
struct Choice {
  std::string path, settings;

  explicit Choice(const std::string& word) : path(word.substr(0, word.find(' '))), settings(word.substr(path.size())) {}
  std::string name() const { return std::filesystem::path(path).stem().string() + settings; }
  Recipe recipe() const {
    auto sections = read_toml(path);
    std::istringstream words(settings);
    for (std::string word; words >> word;) apply_override(sections, word);
    return resolve_recipe(sections);
  }
};

void measure(const Choice& choice, double seconds) {
  const auto recipe = choice.recipe();
  const auto subject = open_subject(recipe, {});
  const auto built = build_model(recipe, subject.sizes);
  const auto task = subject.make_task(*built.module);
  const RandomStream random{1};
  Loader loader(*task, Split::train, recipe.train.batch, random);
  std::int64_t epoch = 0;
  loader.start(epoch, 0);
  const auto next = [&] {
    auto* batch = loader.next();
    if (!batch) loader.start(++epoch, 0), batch = loader.next();
    return batch;
  };
  const double loads = rate(seconds, next);

  built.module->train();
  AdamW optimizer(*built.module, {.beta2 = 0.999, .epsilon = 1e-8, .weight_decay = recipe.train.weight_decay});
  double waiting = 0;
  const auto start = Clock::now();
  const double steps = rate(seconds, [&] {
    const auto begin = Clock::now();
    const auto& batch = *next();
    waiting += since(begin);
    optimizer.zero_grad();
    task->loss(*built.module, batch).total.backward();
    optimizer.step(1e-4, 0.9, std::min(1.0, 1 / (optimizer.gradient_norm() + 1e-6)));
  });
  fmt::print("{:<64} {:>10.0f} {:>12.0f} {:>8.1f} {:>9.1f} %\n", choice.name(),
             loads * static_cast<double>(recipe.train.batch), steps * static_cast<double>(recipe.train.batch),
             loads / steps, 100 * waiting / since(start));
  std::fflush(stdout);
}

}  // namespace
}  // namespace longwave

int main(int count, char** words) {
  if (const char* threads = std::getenv("OMP_NUM_THREADS")) at::set_num_threads(std::atoi(threads));
  fmt::print("{:<64} {:>10} {:>12} {:>8} {:>11}\n", "recipe", "loader/s", "training/s", "ratio", "waiting");
  for (int i = 2; i < count; ++i) {
    const longwave::Choice choice(words[i]);
    try {
      longwave::measure(choice, std::atof(words[1]));
    } catch (const longwave::UserError& error) {
      fmt::print("{:<64} left out: {}\n", choice.name(), error.what());
    }
  }
}
