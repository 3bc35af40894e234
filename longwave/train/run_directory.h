#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>

#include "longwave/base/fields.h"
#include "longwave/report/tensorboard.h"

namespace longwave {

/// The folder of one run:
///   recipe.toml        complete recipe
///   environment.json   what the run ran on, and the folder of its data if one was named
///   metrics.jsonl      one JSON object for every log entry
///   events.out.tfevents.*  the same as curves for TensorBoard
///   last.safetensors   checkpoint to resume from
///   best.safetensors   weights of the best validation epoch, under the model's own names
///   result.json        scores; there when the run is finished
///   test_touches       how often the test split was scored
/// While this object lives no other process can work on the folder.
class RunDirectory {
 public:
  /// UserError if another process works on it, if it is no run directory but holds a recipe.toml, or if a run lies
  /// there and neither `resume` nor `overwrite` is given.
  RunDirectory(const std::filesystem::path& path, bool resume, bool overwrite);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  std::filesystem::path last() const { return path_ / "last.safetensors"; }
  std::filesystem::path best() const { return path_ / "best.safetensors"; }
  std::filesystem::path recipe() const { return path_ / "recipe.toml"; }
  std::filesystem::path result() const { return path_ / "result.json"; }

  /// `data`: the folder that --data named; empty: none.
  void write_start(const Json& recipe, const std::filesystem::path& data);

  /// Begins metrics.jsonl, keeping the entries of an earlier process up to the checkpoint: `step` optimiser steps and
  /// `epochs` whole epochs. It may have been killed when it had logged more than it saved.
  void open_metrics(std::int64_t step, std::int64_t epochs);
  void log(const Json& entry);

  /// Counts `touches` scorings of the test split with those of evaluations of the unfinished run; the sum is written
  /// into the result too, and returned.
  std::int64_t write_result(Json result, std::int64_t touches);

 private:
  void refuse_foreign() const;
  void lock();
  void remove_leftovers();
  std::filesystem::path environment() const { return path_ / "environment.json"; }
  std::filesystem::path test_touches() const { return path_ / "test_touches"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  void refuse_or_clear(bool resume, bool overwrite);

  std::filesystem::path path_;
  int handle_ = -1;
  std::ofstream log_;
  std::optional<EventWriter> events_;
};

/// The folder that --data named when the run (its directory or a file there) was trained; empty if none was named, or
/// it is gone.
std::filesystem::path data_of_run(const std::filesystem::path& run);

/// Counts `times` more scorings of the test split of the run in this folder, in its result.json too if it is finished,
/// and returns how often that was in all; 0, and nothing is written, if the folder is no run directory. Several
/// processes may count at once. UserError if it cannot be written down.
std::int64_t add_test_touches(const std::filesystem::path& run, std::int64_t times);

/// What a reader must know of that number, in one line.
std::string test_touches_text(std::int64_t touches);

}  // namespace longwave
